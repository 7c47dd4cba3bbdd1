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

// maxLooks bounds how often a file is looked at that is replaced again and again.
const maxLooks = 3

// read returns the content of a file. If that is larger than maxSize, it returns one byte more than
// maxSize, which Parse refuses.
func read(file, name string) ([]byte, error) { return readBy(os.Open, file, name) }

// readBy is read with its own way to open a file. A file may be removed or replaced after it was
// looked at. Then it is looked at again, so that a file that is missing always has the same error:
// two would be two Reloads.
func readBy(open func(string) (*os.File, error), file, name string) (content []byte, err error) {
	for range maxLooks {
		if err := regular(file, name); err != nil {
			return nil, err
		}
		if content, err = contentOf(open, file); err == nil {
			break
		}
	}
	if err != nil {
		return nil, renamed(err, name)
	}
	if len(bytes.TrimSpace(content)) == 0 {
		return nil, fmt.Errorf("%s is empty; want services, or `services: {}` for none", visible.Name(name))
	}
	return content, nil
}

// regular returns nil if there is a regular file.
func regular(file, name string) error {
	is, err := os.Stat(file)
	if err != nil {
		return renamed(err, name)
	}
	if !is.Mode().IsRegular() { // opening a pipe may block for ever
		return fmt.Errorf("%s is %s; want a regular file", visible.Name(name), kindOfFile(is.Mode()))
	}
	return nil
}

func contentOf(open func(string) (*os.File, error), file string) ([]byte, error) {
	f, err := open(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	return io.ReadAll(io.LimitReader(f, maxSize+1))
}

// renamed returns a fresh error of package os with another name for its file.
func renamed(err error, name string) error {
	if of, ok := errors.AsType[*fs.PathError](err); ok {
		of.Path = name
	}
	return err
}
