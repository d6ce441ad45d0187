//go:build !linux

package proc

import "syscall"

// DieWithParent has no equal outside Linux: there a killed parent leaves its children behind.
func DieWithParent() *syscall.SysProcAttr { return nil }
