package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// maxSize is how large a file may be, in bytes.
const maxSize = 1 << 20

// Load reads a file. If its content is wrong, the error is an *Error that lists the problems with
// their lines. If the file cannot be opened, the error wraps a [*fs.PathError]. Load does not open
// a path that is not a regular file (a named pipe, a device), since opening or reading it might
// block for ever. Exceptions are /dev/stdin, /dev/fd/N and /proc/self/fd/N: the process was started
// with these. An empty path is an error.
func Load(path string, given ...Option) (*Config, error) {
	if path == "" {
		return nil, errNoPath
	}
	f, err := openRegular(path)
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	return readAll(f, path, given)
}

// errNoPath says that no file was named, as if a variable of the environment is not set. Without
// it, that would be the working directory.
var errNoPath = errors.New("config: the path is empty; want that of a file")

// LoadFS is Load for a file in fsys, such as an embed.FS.
func LoadFS(fsys fs.FS, path string, given ...Option) (*Config, error) {
	if path == "" {
		return nil, errNoPath
	}
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

// Parse reads a file from r until io.EOF. If r has a method Name, as an os.File has, problems give
// that as the file's name, else "input". If its content is wrong, the error is an *Error. Parse
// does not close r.
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

// parse reads a file and the environment that overrides it.
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
	c := newConfig(services)
	c.fleet, c.fleetOrigins = f.fleet, f.fleetOrigins
	return c, nil
}
