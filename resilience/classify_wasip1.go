package resilience

import "syscall"

const hostDown = syscall.EHOSTUNREACH // there is no number of its own
