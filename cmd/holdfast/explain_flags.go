package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strconv"
	"strings"

	"github.com/media-gateway/holdfast/internal/cli"
	"github.com/media-gateway/holdfast/internal/timeline"
	"github.com/media-gateway/holdfast/internal/visible"
)

// columns is the value of -width.
type columns int

const (
	leastColumns = timeline.LeastWidth
	mostColumns  = 1000
)

// String returns the width; "" if it was not given.
func (c *columns) String() string {
	if c == nil || *c == 0 {
		return ""
	}
	return strconv.Itoa(int(*c))
}

// Set takes the width from text.
func (c *columns) Set(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < leastColumns || n > mostColumns {
		return fmt.Errorf("want %d to %d columns", leastColumns, mostColumns)
	}
	*c = columns(n)
	return nil
}

// orDefault returns the width that was given, or $COLUMNS, or that of the terminal, or 80.
func (c *columns) orDefault(terminal int) int {
	switch {
	case *c != 0 || c.Set(os.Getenv("COLUMNS")) == nil:
		return int(*c)
	case terminal > 0:
		return terminal
	}
	return cli.ScreenColumns
}

// picture is the value of -svg: the file of the picture.
type picture struct {
	path  string // "" if none is wanted, "-" for standard output
	force bool   // overwrite an existing file
}

// asked reports whether a picture is wanted.
func (p *picture) asked() bool { return p.path != "" }

// String returns the path.
func (p *picture) String() string { return p.path }

// Set takes the path.
func (p *picture) Set(text string) error {
	if text == "" {
		return errors.New("want a file, or - for standard output")
	}
	p.path = text
	return nil
}

// write writes the picture. It never overwrites input, the file that the picture is drawn from.
func (p *picture) write(s cli.Streams, svg []byte, input string) error {
	if p.path == "-" {
		return s.Exact(string(svg))
	}
	write := create
	if p.force {
		if sameFile(p.path, input) {
			return fmt.Errorf("%s is the file that the picture is drawn from; want another name", visible.Name(p.path))
		}
		write = replace
	}
	switch err := write(p.path, svg); {
	case errors.Is(err, fs.ErrExist):
		return isThere(p.path)
	case err != nil:
		return err
	}
	return s.Print("Wrote " + visible.Name(p.path) + ".\n")
}

// sameFile reports whether two paths are the same file.
func sameFile(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}

// unicodeLocale reports whether the locale in the environment is UTF-8.
func unicodeLocale() bool {
	if runtime.GOOS == "windows" {
		return true
	}
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := os.Getenv(name); v != "" {
			v = strings.ToLower(v)
			return strings.Contains(v, "utf-8") || strings.Contains(v, "utf8")
		}
	}
	return false
}
