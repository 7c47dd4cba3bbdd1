package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"github.com/media-gateway/holdfast/internal/visible"
)

// create writes a file that must not exist yet. It writes the whole file or none, so no reader sees
// half of it. If the file exists, even if another process created it just now, the error is
// fs.ErrExist.
func create(path string, text []byte) error {
	if _, err := os.Lstat(path); err == nil {
		return fs.ErrExist
	}
	temp, err := writeBeside(path, text, 0)
	if err != nil {
		return err
	}
	defer os.Remove(temp)                       //nolint:errcheck // it is only a second link to the file, or gone
	if err := os.Link(temp, path); err == nil { // unlike Rename, it does not overwrite
		return nil
	} else if errors.Is(err, fs.ErrExist) {
		return fs.ErrExist
	}
	return claim(temp, path)
}

// claim renames temp to path, which must not exist yet, on file systems without hard links. It
// claims the name with an empty file, which a reader may see for a moment.
func claim(temp, path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Close(), os.Rename(temp, path)); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// replace writes the whole file or leaves the old one. An existing file keeps its permissions. If
// path is a symbolic link, its target is replaced, or created if there is none.
func replace(path string, text []byte) error {
	target, err := follow(path)
	if err != nil {
		return err
	}
	mode := fs.FileMode(0)
	switch info, err := os.Lstat(target); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a plain file; want one, or a new name", visible.Name(path))
	default:
		mode = info.Mode().Perm()
	}
	temp, err := writeBeside(target, text, mode)
	if err != nil {
		return err
	}
	if err := os.Rename(temp, target); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	return nil
}

// maxLinks bounds how many symbolic links follow one another, as in filepath.EvalSymlinks.
const maxLinks = 255

// follow returns what path leads to through symbolic links, which need not exist. (For that,
// filepath.EvalSymlinks is an error.)
func follow(path string) (string, error) {
	for at, n := path, 0; n < maxLinks; n++ {
		link, err := os.Readlink(at)
		if err != nil { // at is not a link, or there is no such file
			return at, nil //nolint:nilerr // whoever opens it says what is wrong
		}
		if !filepath.IsAbs(link) {
			folder, _ := filepath.Split(at)
			if folder, err = filepath.EvalSymlinks(cmp.Or(folder, ".")); err != nil {
				return "", err
			}
			link = folder + string(filepath.Separator) + link // not Join: ".." is relative to the real folder
		}
		at = link
	}
	return "", fmt.Errorf("%s leads from link to link without end; want a file", visible.Name(path))
}

// writeBeside writes a temporary file in the folder of path, and returns its name. If mode is 0,
// the umask decides the permissions.
func writeBeside(path string, text []byte, mode fs.FileMode) (string, error) {
	temp := filepath.Join(filepath.Dir(path), fmt.Sprintf(".%s.%08x", filepath.Base(path), rand.Uint32()))
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return "", blame(err, temp, path)
	}
	if mode != 0 {
		err = f.Chmod(mode)
	}
	if err = errors.Join(err, fill(f, text)); err != nil {
		return "", errors.Join(blame(err, temp, path), os.Remove(temp))
	}
	return temp, nil
}

// fill writes text to a file, syncs it to the disk, and closes it.
func fill(f *os.File, text []byte) error {
	_, err := f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// blame replaces the temporary file's name in an error by path.
func blame(err error, temp, path string) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok && e.Path == temp {
		return &fs.PathError{Op: "write", Path: path, Err: e.Err}
	}
	return err
}

// quoted returns a path quoted for a shell.
func quoted(path string) string {
	if path != "" && strings.Trim(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-+,:@%") == "" && path[0] != '-' {
		return path
	}
	if strings.HasPrefix(path, "-") {
		path = "./" + path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
