package resilience

import "syscall"

const hostDown = syscall.EHOSTUNREACH // wasip1 has no EHOSTDOWN
