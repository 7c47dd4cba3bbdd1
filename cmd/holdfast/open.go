package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/media-gateway/holdfast/config"
	"github.com/media-gateway/holdfast/internal/cli"
)

// open reads a configuration file, or standard input for "-".
func open(s cli.Streams, path string) (*config.Config, error) {
	if path == "-" {
		return config.Parse(stdin{s.In})
	}
	return config.Load(path)
}

// stdin has a name for problems and origins: "stdin:3:5".
type stdin struct{ io.Reader }

func (stdin) Name() string { return "stdin" }

// problemsOf returns the problems of a file that did not load. An error about the file itself
// becomes a Problem too, so that people and scripts find all errors in one form.
func problemsOf(path string, err error) *config.Error {
	if e, ok := errors.AsType[*config.Error](err); ok {
		return e
	}
	message := err.Error()
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		message = e.Err.Error()
	}
	if info, statErr := os.Stat(path); statErr == nil && info.IsDir() {
		message = "it is a directory; want a file, such as " + filepath.Join(path, starterName)
	}
	return &config.Error{Problems: []*config.Problem{{File: path, Message: message}}}
}
