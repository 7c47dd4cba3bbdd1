package cli

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

func TestColumnsOfATerminal(t *testing.T) {
	tty := aTerminal(t)
	for _, test := range []struct {
		terminal uint16
		env      string
		want     int
	}{
		{132, "", 132},
		{40, "", 40},
		{0, "", ScreenColumns}, // it does not know
		{1, "", 20},
		{132, "60", 60},
		{132, "0", 132},
		{132, "-1", 132},
		{132, "wide", 132},
		{132, "99999", mostColumns},
		{132, "3", 20},
	} {
		resize(t, tty, test.terminal)
		t.Setenv("COLUMNS", test.env)
		require.Equal(t, test.want, Columns(tty), test)
	}
}

func TestColumnsOfWhatIsNoTerminal(t *testing.T) {
	t.Setenv("COLUMNS", "60")
	require.Zero(t, Columns(&bytes.Buffer{}))
	f, err := os.Create(filepath.Join(t.TempDir(), "out"))
	require.NoError(t, err)
	require.Zero(t, Columns(f))
	require.NoError(t, f.Close())
	require.Zero(t, Columns(f), "closed")
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	require.NoError(t, err)
	defer null.Close() //nolint:errcheck // nothing was written
	require.Zero(t, Columns(null), "a character device, and no terminal")
}

// aTerminal opens one.
func aTerminal(t *testing.T) *os.File {
	t.Helper()
	pty, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("there is no /dev/ptmx to open a terminal with: mount devpts")
	}
	require.NoError(t, err)
	t.Cleanup(func() { _ = pty.Close() })
	return pty
}

func resize(t *testing.T, f *os.File, columns uint16) {
	t.Helper()
	size := struct{ rows, columns, x, y uint16 }{24, columns, 0, 0}
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), syscall.TIOCSWINSZ, uintptr(unsafe.Pointer(&size)))
	require.Zero(t, errno)
}
