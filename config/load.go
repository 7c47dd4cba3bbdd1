package config

import (
	"fmt"
	"io"
	"io/fs"
)

// maxSize is how many bytes a file may have.
const maxSize = 1 << 20

// Load reads a file. An error about what is in it is an *Error, which names every problem with its
// line; one about the file itself is a [*fs.PathError], as package os has them. A path that is no
// regular file (a named pipe, a device) is refused and not opened, since that might take for ever;
// /dev/stdin and /dev/fd/N are what the process was given, and are read.
func Load(path string, given ...Option) (*Config, error) {
	f, err := openRegular(path)
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	return readAll(f, path, given)
}

// LoadFS is Load from a file system, such as an embed.FS.
func LoadFS(fsys fs.FS, path string, given ...Option) (*Config, error) {
	if info, err := fs.Stat(fsys, path); err == nil {
		if err := checkRegular(path, info); err != nil {
			return nil, fmt.Errorf("config: %w", err)
		}
	}
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

// Parse reads a file from r, to its end. Problems name it by r's Name, if it has one as an os.File
// has, else "input".
func Parse(r io.Reader, given ...Option) (*Config, error) {
	name := "input"
	if f, ok := r.(interface{ Name() string }); ok {
		name = f.Name()
	}
	return parseFrom(r, name, given)
}

func parseFrom(r io.Reader, name string, given []Option) (*Config, error) {
	o, err := optionsOf(given)
	if err != nil {
		return nil, err
	}
	return readFrom(r, name, o.environ)
}

func readFrom(r io.Reader, name string, environ []string) (*Config, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxSize+1))
	if err != nil {
		return nil, fmt.Errorf("config: %s: %w", name, err)
	}
	return parse(data, name, environ)
}

// parse reads a file and everything that changes it.
func parse(data []byte, name string, environ []string) (*Config, error) {
	return newSource(name, data).parse(environ)
}

func (s *source) parse(environ []string) (*Config, error) {
	root := s.read()
	if root == nil {
		return nil, s.err()
	}
	f := s.file(root)
	f.readEnvironment(environ)
	services := f.build()
	if err := s.err(); err != nil {
		return nil, err
	}
	return newConfig(services), nil
}
