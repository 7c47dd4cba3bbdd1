package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// maxLinks is how many symbolic links are followed, as by Linux.
const maxLinks = 40

// wayTo returns the directories in which something can happen that makes another file of this one: that of
// each symbolic link on the way, and the one that the file itself is in. They are free of links themselves. Where the
// way ends in the middle, the last one is where it would go on. file is absolute.
func wayTo(file string) (dirs []string) {
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

// split returns the names that a path consists of.
func split(path string) []string {
	path = filepath.ToSlash(path[len(filepath.VolumeName(path)):])
	return strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
}
