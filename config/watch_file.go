package config

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/media-gateway/holdfast/internal/visible"
)

// fileState is a file at the time it was read.
type fileState struct {
	content []byte
	sum     [sha256.Size]byte
	err     error // if not nil, the other fields are zero
}

// same reports whether nothing has changed. Two errors are the same if their texts are.
func (s fileState) same(other fileState) bool {
	if s.err != nil && other.err != nil {
		return s.err.Error() == other.err.Error()
	}
	return s.err == nil && other.err == nil && s.sum == other.sum
}

// readState reads a file. Errors call it name, as the user does.
func readState(file, name string) fileState {
	content, err := read(file, name)
	if err != nil {
		return fileState{err: fmt.Errorf("config: %w", err)}
	}
	return fileState{content: content, sum: sha256.Sum256(content)}
}

// read returns the content of a file. If that is larger than maxSize, it returns one byte more than
// maxSize, which Parse refuses.
func read(file, name string) ([]byte, error) {
	is, err := os.Stat(file)
	if err != nil {
		return nil, renamed(err, name)
	}
	if !is.Mode().IsRegular() { // opening a pipe may block for ever
		return nil, fmt.Errorf("%s is %s; want a regular file", visible.Name(name), kindOfFile(is.Mode()))
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
		return nil, fmt.Errorf("%s is empty; want services, or `services: {}` for none", visible.Name(name))
	}
	return content, nil
}

// renamed returns a fresh error of package os with another name for its file.
func renamed(err error, name string) error {
	if of, ok := errors.AsType[*fs.PathError](err); ok {
		of.Path = name
	}
	return err
}
