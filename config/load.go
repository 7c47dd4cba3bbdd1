package config

import (
	"fmt"
	"io"
	"io/fs"
	"os"
)

// maxSize is how many bytes a file may have.
const maxSize = 1 << 20

// Option changes how a file is read or watched.
type Option func(*options)

type options struct {
	environ  []string
	watching watching
}

func newOptions(given []Option) options {
	o := options{environ: os.Environ()}
	for _, option := range given {
		if option != nil {
			option(&o)
		}
	}
	return o
}

// WithEnvironment takes overrides from environ, each "key=value", instead of os.Environ(). With nil there are
// none.
func WithEnvironment(environ []string) Option {
	return func(o *options) { o.environ = environ }
}

// Load reads a file. An error about what is in it is an *Error, which names every problem with its line; one about
// the file itself is that of package os.
func Load(path string, given ...Option) (*Config, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	return readAll(f, path, given)
}

// LoadFS is Load from a file system, such as an embed.FS.
func LoadFS(fsys fs.FS, path string, given ...Option) (*Config, error) {
	f, err := fsys.Open(path)
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	return readAll(f, path, given)
}

func readAll(f fs.File, path string, given []Option) (*Config, error) {
	defer func() { _ = f.Close() }() // it was only read
	return parseFrom(f, path, given)
}

// Parse reads a file from r, to its end. Problems name it by r's Name, if it has one as an os.File has, else "input".
func Parse(r io.Reader, given ...Option) (*Config, error) {
	name := "input"
	if f, ok := r.(interface{ Name() string }); ok {
		name = f.Name()
	}
	return parseFrom(r, name, given)
}

func parseFrom(r io.Reader, name string, given []Option) (*Config, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxSize+1))
	if err != nil {
		return nil, fmt.Errorf("config: %s: %w", name, err)
	}
	return parse(data, name, newOptions(given))
}

// parse reads a file and everything that changes it.
func parse(data []byte, name string, o options) (*Config, error) {
	s := newSource(name, data)
	root := s.read()
	if root == nil {
		return nil, s.err()
	}
	f := s.file(root)
	f.readEnvironment(o.environ)
	services := f.build()
	if err := s.err(); err != nil {
		return nil, err
	}
	return newConfig(services), nil
}
