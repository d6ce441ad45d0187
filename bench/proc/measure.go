package proc

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
)

// tick is the unit of /proc/PID/stat: USER_HZ, 100 on every Linux that Go runs on (proc(5)).
const tick = 10 * time.Millisecond

// CPU returns the processor time that the process has used, all its threads, user and system.
func (p *Process) CPU() (time.Duration, error) { return cpu(strconv.Itoa(p.PID())) }

// OwnCPU returns the same of the process that asks.
func OwnCPU() (time.Duration, error) { return cpu("self") }

func cpu(pid string) (time.Duration, error) {
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return 0, err
	}
	return parseCPU(stat)
}

// parseCPU reads utime and stime, fields 14 and 15. The second field is the program's name in parentheses and may hold
// blanks, so the count starts behind the last parenthesis, with field 3.
func parseCPU(stat []byte) (time.Duration, error) {
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0, fmt.Errorf("unknown form of /proc/PID/stat: %q", stat)
	}
	var ticks int64
	for _, f := range fields[11:13] {
		n, err := strconv.ParseInt(string(f), 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * tick, nil
}

// RSS returns the resident memory of the process in bytes.
func (p *Process) RSS() (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
	if err != nil {
		return 0, err
	}
	return parseRSS(status)
}

func parseRSS(status []byte) (int64, error) {
	_, rest, _ := bytes.Cut(status, []byte("VmRSS:"))
	fields := bytes.Fields(rest)
	if len(fields) < 2 || string(fields[1]) != "kB" {
		return 0, fmt.Errorf("no VmRSS in /proc/PID/status")
	}
	kb, err := strconv.ParseInt(string(fields[0]), 10, 64)
	return kb << 10, err
}
