//go:build unix || js

package resilience

import "syscall"

const hostDown = syscall.EHOSTDOWN
