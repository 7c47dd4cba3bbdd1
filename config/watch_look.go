package config

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// look is what a file was like when it was looked at.
type look struct {
	content []byte
	sum     [sha256.Size]byte
	err     error // then the others are zero
}

// same reports whether nothing has changed. An error is the same if it says the same.
func (l look) same(other look) bool {
	if l.err != nil && other.err != nil {
		return l.err.Error() == other.err.Error()
	}
	return l.err == nil && other.err == nil && l.sum == other.sum
}

// lookAt looks at a file, which errors call by the name that whoever asked for it knows.
func lookAt(file, name string) look {
	content, err := read(file, name)
	if err != nil {
		return look{err: fmt.Errorf("config: %w", err)}
	}
	return look{content: content, sum: sha256.Sum256(content)}
}

// read returns what is in a file, of one that is too large only so much that it is seen to be.
func read(file, name string) ([]byte, error) {
	is, err := os.Stat(file)
	if err != nil {
		return nil, renamed(err, name)
	}
	if !is.Mode().IsRegular() { // to open a pipe may take for ever
		return nil, fmt.Errorf("%s is %v; want a regular file", name, is.Mode().Type())
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, renamed(err, name)
	}
	defer func() { _ = f.Close() }() // it was only read
	content, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return nil, renamed(err, name)
	}
	if len(bytes.TrimSpace(content)) == 0 {
		return nil, fmt.Errorf("%s is empty; want services, or `services: {}` for none", name)
	}
	return content, nil
}

// renamed returns an error of package os about one file, which nobody else has yet, with another name for the file.
func renamed(err error, name string) error {
	if of, ok := errors.AsType[*fs.PathError](err); ok {
		of.Path = name
	}
	return err
}
