package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/media-gateway/holdfast/internal/cli"
	"github.com/media-gateway/holdfast/internal/timeline"
)

// columns is the value of -width.
type columns int

const (
	leastColumns   = timeline.LeastWidth
	mostColumns    = 1000
	defaultColumns = 80
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

// orDefault returns the width given, or the terminal's as far as it is known.
func (c *columns) orDefault() int {
	if *c == 0 && c.Set(os.Getenv("COLUMNS")) != nil {
		return defaultColumns
	}
	return int(*c)
}

// picture is the value of -svg: whether a picture is wanted, and where.
type picture struct {
	asked bool
	path  string // "" for standard output
}

// String returns the path.
func (p *picture) String() string { return p.path }

// Set takes the path; "true", which stands for none, and "-" are standard output.
func (p *picture) Set(text string) error {
	p.asked, p.path = true, text
	if text == "true" || text == "-" || text == "" {
		p.path = ""
	}
	return nil
}

// IsBoolFlag makes -svg stand alone, too.
func (p *picture) IsBoolFlag() bool { return true }

// Takes takes a word for the picture's file if it is called so, since it might be the configuration file.
func (p *picture) Takes(next string) bool { return strings.EqualFold(filepath.Ext(next), ".svg") }

func (p *picture) write(s cli.Streams, svg []byte) error {
	if p.path == "" {
		return s.Print(string(svg))
	}
	if err := replace(p.path, svg); err != nil {
		return err
	}
	return s.Print("Wrote " + p.path + ".\n")
}

// unicodeLocale reports whether the terminal shows more than ASCII, as far as the environment says.
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
