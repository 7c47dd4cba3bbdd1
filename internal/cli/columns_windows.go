package cli

import (
	"os"
	"syscall"
	"unsafe"
)

var consoleInfo = syscall.NewLazyDLL("kernel32.dll").NewProc("GetConsoleScreenBufferInfo")

// terminalColumns asks a console how wide its window is. It returns false if f is none.
func terminalColumns(f *os.File) (int, bool) {
	// CONSOLE_SCREEN_BUFFER_INFO, of which the window is wanted.
	var info struct {
		size, cursor             [2]int16
		attributes               uint16
		left, top, right, bottom int16
		largest                  [2]int16
	}
	ok, _, _ := consoleInfo.Call(f.Fd(), uintptr(unsafe.Pointer(&info)))
	if ok == 0 {
		return 0, false
	}
	return int(info.right) - int(info.left) + 1, true
}
