package cli

import (
	"io"
	"os"
	"strconv"
)

// The widths of a terminal that are believed. What is narrower than leastColumns gets lines of that
// width.
const (
	leastColumns = 20
	mostColumns  = 1000
)

// Columns returns how many characters fit in a line of w: COLUMNS in the environment, or what the
// terminal says, or ScreenColumns. It returns 0 if w is no terminal.
func Columns(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok {
		return 0
	}
	n, ok := terminalColumns(f)
	if !ok {
		return 0
	}
	if set, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && set > 0 {
		n = set
	}
	if n <= 0 {
		n = ScreenColumns
	}
	return min(max(n, leastColumns), mostColumns)
}
