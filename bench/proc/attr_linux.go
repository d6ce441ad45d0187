package proc

import "syscall"

// DieWithParent has the kernel kill the process when its parent dies, also by a crash or a test's timeout.
func DieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
