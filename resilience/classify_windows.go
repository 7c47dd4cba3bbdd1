package resilience

import "syscall"

// Winsock's numbers for the conditions that classify_unix.go lists by name.
const (
	wsaEMFILE        syscall.Errno = 10024
	wsaEADDRNOTAVAIL syscall.Errno = 10049
	wsaENETDOWN      syscall.Errno = 10050
	wsaENETUNREACH   syscall.Errno = 10051
	wsaENETRESET     syscall.Errno = 10052
	wsaENOBUFS       syscall.Errno = 10055
	wsaENOTCONN      syscall.Errno = 10057
	wsaETIMEDOUT     syscall.Errno = 10060
	wsaECONNREFUSED  syscall.Errno = 10061
	wsaEHOSTDOWN     syscall.Errno = 10064
	wsaEHOSTUNREACH  syscall.Errno = 10065

	errorTooManyOpenFiles syscall.Errno = 4
	errorNetnameDeleted   syscall.Errno = 64
	errorSemTimeout       syscall.Errno = 121
)

func brokenConnection(err error) bool {
	no, ok := err.(syscall.Errno) //nolint:errorlint // one step of the walk
	if !ok {
		return false
	}
	switch no {
	case wsaECONNREFUSED, syscall.WSAECONNRESET, syscall.WSAECONNABORTED, syscall.ERROR_BROKEN_PIPE, wsaENOTCONN,
		wsaETIMEDOUT, wsaEHOSTUNREACH, wsaENETUNREACH, wsaENETDOWN, wsaENETRESET, wsaEHOSTDOWN,
		wsaEMFILE, wsaEADDRNOTAVAIL, wsaENOBUFS, errorTooManyOpenFiles, errorNetnameDeleted, errorSemTimeout:
		return true
	}
	return false
}
