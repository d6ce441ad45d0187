package proc

import "syscall"

// dieWithParent has the kernel kill the process when its parent dies, also by a crash or a test's timeout.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
