package main

import (
	"bufio"
	_ "embed"
	"strings"
)

//go:embed survivors.txt
var survivors string

// reasons reads survivors.txt: a mutant's id, and on the next lines, indented, why nobody need
// notice it.
func reasons(text string) map[string]string {
	known, last := map[string]string{}, ""
	for s := bufio.NewScanner(strings.NewReader(text)); s.Scan(); {
		line := s.Text()
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '\t' && last != "":
			known[last] = strings.TrimSpace(known[last] + " " + strings.TrimSpace(line))
		default:
			last = line
			known[last] = ""
		}
	}
	return known
}
