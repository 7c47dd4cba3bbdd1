package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// maxLinks bounds how many symbolic links are followed, as Linux does.
const maxLinks = 40

// dirsOnPath returns the directories in which a change can replace the file: the file's own, and
// that of each symbolic link on the path to it. Their names contain no links. If part of the path
// does not exist, the last one is the directory in which it would be made. file is absolute.
func dirsOnPath(file string) (dirs []string) {
	root := filepath.VolumeName(file) + string(filepath.Separator)
	at, names := root, split(file)
	add := func(dir string) {
		if !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	for links := 0; len(names) > 0; {
		name := names[0]
		names = names[1:]
		if name == ".." {
			at = filepath.Dir(at)
			continue
		}
		next := filepath.Join(at, name)
		is, err := os.Lstat(next)
		if err != nil {
			add(at)
			return dirs
		}
		if is.Mode()&os.ModeSymlink == 0 {
			if len(names) == 0 {
				add(at)
			}
			at = next
			continue
		}
		add(at)
		target, err := os.Readlink(next)
		if links++; err != nil || links > maxLinks {
			return dirs
		}
		if filepath.IsAbs(target) {
			at = filepath.VolumeName(target) + string(filepath.Separator)
		}
		names = append(split(target), names...)
	}
	return dirs
}

// split returns the elements of a path.
func split(path string) []string {
	path = filepath.ToSlash(path[len(filepath.VolumeName(path)):])
	return strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
}
