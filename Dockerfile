# The server alone: no shell, no package manager, not root.
#
#   docker build -t parley .
#   docker run -p 3000:3000 -v parley:/data parley

FROM golang:1.26-bookworm AS build
WORKDIR /src
# The source is mounted rather than copied, .git with it: go writes the commit into the binary (parley --version).
RUN --mount=type=bind,target=. \
    --mount=type=cache,target=/go/pkg/mod \
    --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /out/parley . \
    && mkdir -p /out/data

# Root certificates (mongodb+srv://), time zones, and the user nonroot with the id 65532.
FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /out/parley /usr/local/bin/parley
COPY --from=build --chown=65532:65532 /out/data /data
# Uploads begin on the volume too: from there a picture is moved to its place, not copied, and the root file system can
# be read-only.
ENV DATA_DIR=/data TMP_DIR=/data/tmp
VOLUME /data
USER 65532:65532
EXPOSE 3000
# No HEALTHCHECK: there is nothing in here that could ask. Orchestrators ask over HTTP: /healthz says that the process
# answers, /readyz that its engine does.
ENTRYPOINT ["/usr/local/bin/parley"]
