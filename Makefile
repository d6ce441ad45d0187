# What is done with this house. `make` alone lists it.

GO          ?= go
FUZZTIME    ?= 30s
BENCH       ?=
CHAOS       ?=
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.2.0

# FerretDB is a dependency of the MongoDB engine's tests alone, and the stock library a peer's: modules of their own.
MODULES := . store/mongo/ferrettest bench/peers/stock

# $(call each,COMMAND) runs COMMAND in every module, and stops at the first that fails.
each = @for m in $(MODULES); do echo "[$$m] $(1)"; (cd $$m && $(1)) || exit 1; done

# The race detector needs a C compiler; go env says CGO_ENABLED=0 where it finds none. There the tests run without it,
# but not in continuous integration.
race = $(if $(filter true,$(CI))$(filter 1,$(shell $(GO) env CGO_ENABLED)),-race)

.DEFAULT_GOAL := help
.PHONY: help run build test tools lint fmt vet vuln fuzz bench chaos clean
.NOTPARALLEL: # tests measure time

help: ## list what make can do
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-6s %s\n", $$1, $$2 }' Makefile

run: build ## build the server and start it: port 3000, embedded engine, data in ./data
	@exec ./bin/parley

build: ## build bin/parley
	$(GO) build -trimpath -o bin/parley .

# -count=1: the end-to-end tests build the server themselves, so a cached pass would not know that the server changed.
# -p 1: packages one after the other. They start servers, kill them and wait for heartbeats; on two cores a neighbour
# under the race detector would make those waits a matter of luck. -p 1 also compiles one package at a time, hence the
# parallel build before.
test: tools fmt vet ## run every test, with the race detector; Node stories too if there is Node
	@test -n "$(race)" || echo "no C compiler: the tests run without the race detector"
	@command -v node >/dev/null || echo "skipped: no node, so no stories with the official client"
	$(call each,$(GO) build $(race) ./...)
	$(call each,$(GO) test $(race) -count=1 -p 1 -timeout 15m ./...)

# Continuous integration begins on a bare machine: what its tests need beyond the toolchains comes from Debian. Anybody
# else's machine is left alone, and the tests that miss something say so.
tools:
ifeq ($(CI),true)
	@command -v chromium >/dev/null && test -e /usr/include/openssl/ssl.h && command -v pkg-config >/dev/null || \
		{ apt-get update -qq && apt-get install -y -qq chromium libssl-dev pkg-config; }
endif

lint: fmt vet ## gofmt, go vet, staticcheck, tidy go.mod
	$(call each,$(GO) run $(STATICCHECK) ./...)
	$(call each,$(GO) mod tidy -diff)

# The gofmt of the toolchain in use: the one in PATH may be older.
fmt: ## fail if a file is not as gofmt has it
	@echo "gofmt -l ."; unformatted=$$("$$($(GO) env GOROOT)/bin/gofmt" -l .) && test -z "$$unformatted" || \
		{ echo "run gofmt -w on:"; echo "$$unformatted"; exit 1; }

vet: ## run go vet
	$(call each,$(GO) vet ./...)

vuln: ## look for known vulnerabilities; asks vuln.go.dev
	$(call each,$(GO) run $(GOVULNCHECK) ./...)

fuzz: ## run every fuzz target for FUZZTIME (30s) each
	@grep -rEo --include='*_test.go' --exclude-dir=node_modules '^func Fuzz[A-Za-z0-9_]+' . | sort | \
	while IFS=: read -r file target; do \
		echo "$$file: $${target#func }"; \
		(cd "$$(dirname "$$file")" && $(GO) test -run '^$$' -fuzz "^$${target#func }\$$" -fuzztime $(FUZZTIME) .) || exit 1; \
	done

# A run that failed stands in its table, and does not keep the rest from being measured.
bench: ## measure everything beside Node's socket.io, for hours; BENCH="-runs 3" and others, see go run ./bench -help
	-$(GO) run ./bench -scenario all -runs 5 -out bench/results $(BENCH)
	$(GO) run ./bench profile -out bench/results
	-$(GO) run ./bench long -out bench/results
	$(GO) run ./bench growth -out bench/results
	$(GO) run ./bench commit -out bench/results
	$(GO) run ./bench mongo -out bench/results
	$(GO) run ./bench report

# FerretDB, which stands in for MongoDB, gets little of it: it looks through a whole collection for each question.
chaos: ## break network, server and engine under load, with an oracle; CHAOS="-seed 7" and others, see go run ./chaos -help
	$(GO) run ./chaos $(CHAOS)
	$(GO) run ./chaos -engine mongo -faults 40 -messages 300 -people 4 -rate 15 $(CHAOS)

clean: ## remove what building leaves behind; ./data stays
	rm -rf bin
