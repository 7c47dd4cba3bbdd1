package main

import "io"

// toolkit is what the commands need of the packages config, lint, plan and timeline. installed makes it of
// them; tests make their own, so that what a command prints is tried without them.
type toolkit struct {
	// Starter returns the file that init writes.
	Starter func() []byte

	// Load reads a configuration file, and Parse one from a stream. What is wrong with it is in the error,
	// all of it, in words that name file, line and column.
	Load  func(path string) (file, error)
	Parse func(r io.Reader) (file, error)

	// Problems returns what is wrong with a file one by one, of an error of Load or Parse, as -json prints it.
	Problems func(err error) []any

	// Codes returns the linter's findings, sorted by code.
	Codes func() []code
}

// file is a configuration file that was loaded.
type file interface {
	// Names returns its services, sorted.
	Names() []string
	// Lint returns what the linter finds, for so many instances; 0 if that was not said.
	Lint(pods int) []finding
	// Service returns a service that is in it.
	Service(name string) (service, error)
}

// The severities of a finding.
const (
	severityError   = "error"
	severityWarning = "warning"
)

// finding is what the linter found.
type finding struct {
	Severity string
	Silenced bool
	Text     string   // a line: "services.yaml:14: error HF001 payments: 5 retries need …"
	Details  []string // lines below it: the arithmetic, the fix
	JSON     any      // as -json prints it
}

// code is a kind of finding.
type code struct {
	Code     string `json:"code"` // "HF012"
	Severity string `json:"severity"`
	Title    string `json:"title"`
	Text     string `json:"text"` // the background, in paragraphs
}

// service is one service of a file, as explain shows it.
type service struct {
	Template string
	Chain    string // its stages in words
	Settings []setting
	Plan     any                                // as -json prints it
	Draw     func(width int, ascii bool) string // the timeline, for a terminal
	SVG      func() []byte
}

// setting is one number of a service, and which layer of the file it comes from.
type setting struct {
	Key    string `json:"key"`
	Value  string `json:"value"`
	Origin string `json:"origin"`
}
