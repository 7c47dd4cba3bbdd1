package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every way to change a file, each of them twice: after the first change the directories must be
// watched again.
func TestWaysToChangeAFile(t *testing.T) {
	for name, change := range map[string]func(s *site, content string){
		"written in place": func(s *site, content string) { write(s.T, s.file, content) },
		"written bit by bit": func(s *site, content string) {
			f, err := os.Create(s.file)
			require.NoError(s, err)
			for i := range content {
				_, err := f.WriteString(content[i : i+1])
				require.NoError(s, err)
			}
			require.NoError(s, f.Close())
		},
		"renamed over": (*site).replace,
		"the old one moved away, as vim does": func(s *site, content string) {
			s.rename(s.file, s.at("services~"))
			write(s.T, s.file, content)
			s.remove(s.at("services~"))
		},
		"from another directory": func(s *site, content string) {
			other := realDir(s.T)
			write(s.T, filepath.Join(other, "new"), content)
			s.rename(filepath.Join(other, "new"), s.file)
		},
		"deleted and made again": func(s *site, content string) {
			s.remove(s.file)
			write(s.T, s.file, content)
		},
		"made a link": func(s *site, content string) {
			mkdir(s.T, s.at("elsewhere"))
			write(s.T, s.at("elsewhere", "file"), content)
			s.remove(s.file)
			symlink(s.T, "elsewhere/file", s.file)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := plainSite(t)
			change(s, "a 2\n")
			s.becomes("2")
			change(s, "a 3\n")
			s.becomes("3")
			write(t, s.file, "a 4\n") // the file itself, wherever it is now
			s.becomes("4")
		})
	}
}

// deep is a site whose directory is removed and made again.
func deep(t *testing.T) *site {
	t.Helper()
	dir := realDir(t)
	mkdir(t, filepath.Join(dir, "outer", "inner"))
	write(t, filepath.Join(dir, "outer", "inner", "services"), "a 1\n")
	return watchFile(t, dir, []string{"outer", "inner", "services"})
}

func TestDirectoriesThatComeAndGo(t *testing.T) {
	again := func(s *site, content string) {
		mkdir(s.T, s.at("outer", "inner"))
		write(s.T, s.file, content)
	}
	for name, change := range map[string]func(s *site, content string){
		"deleted and made again": func(s *site, content string) {
			s.remove(s.at("outer", "inner"))
			again(s, content)
		},
		"deleted, and made again when that was noticed": func(s *site, content string) {
			s.remove(s.at("outer"))
			for s.next().Err == nil {
				continue
			}
			again(s, content)
		},
		"moved away": func(s *site, content string) {
			s.rename(s.at("outer", "inner"), s.at("outer", "old"))
			again(s, content)
			s.remove(s.at("outer", "old"))
		},
		"moved away and deleted": func(s *site, content string) {
			s.rename(s.at("outer", "inner"), s.at("old"))
			s.remove(s.at("old"))
			again(s, content)
		},
		"replaced as a whole": func(s *site, content string) {
			mkdir(s.T, s.at("outer", "new"))
			write(s.T, s.at("outer", "new", "services"), content)
			s.rename(s.at("outer", "inner"), s.at("outer", "old"))
			s.rename(s.at("outer", "new"), s.at("outer", "inner"))
			s.remove(s.at("outer", "old"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := deep(t)
			change(s, "a 2\n")
			s.becomes("2")
			change(s, "a 3\n")
			s.becomes("3")
			write(t, s.file, "a 4\n")
			s.becomes("4")
		})
	}
}

// As the kubelet does it: a new directory, and the link ..data replaced in one step.
func TestKubernetes(t *testing.T) {
	dir := realDir(t)
	mount := filepath.Join(dir, "config")
	update := func(version int) {
		data := filepath.Join(mount, fmt.Sprintf("..v%d", version))
		mkdir(t, data)
		write(t, filepath.Join(data, "services"), fmt.Sprintf("a %d\n", version))
		symlink(t, filepath.Base(data), filepath.Join(mount, "..data_tmp"))
		require.NoError(t, os.Rename(filepath.Join(mount, "..data_tmp"), filepath.Join(mount, "..data")))
		require.NoError(t, os.RemoveAll(filepath.Join(mount, fmt.Sprintf("..v%d", version-1))))
	}
	mkdir(t, mount)
	update(1)
	symlink(t, "..data/services", filepath.Join(mount, "services"))
	s := watchFile(t, dir, []string{"config", "services"})
	for version := 2; version < 6; version++ {
		update(version)
		r := s.next()
		require.NoError(t, r.Err, "there is no moment without a file")
		require.Equal(t, []string{"a"}, r.Changed)
		require.Equal(t, strconv.Itoa(version), s.retries("a"))
	}
}

// A directory on the path is a link, which is replaced; then the file changes in the new directory.
func TestALinkedDirectory(t *testing.T) {
	dir := realDir(t)
	for i := range 3 {
		mkdir(t, filepath.Join(dir, "releases", strconv.Itoa(i)))
		write(t, filepath.Join(dir, "releases", strconv.Itoa(i), "services"), fmt.Sprintf("a %d\n", i+1))
	}
	mkdir(t, filepath.Join(dir, "app"))
	current := filepath.Join(dir, "app", "current")
	symlink(t, "../releases/0", current)
	s := watchFile(t, dir, []string{"app", "current", "services"})
	for i := 1; i < 3; i++ {
		symlink(t, fmt.Sprintf("../releases/%d", i), s.at("app", "next"))
		s.rename(s.at("app", "next"), current)
		s.becomes(strconv.Itoa(i + 1))
		write(t, s.at("releases", strconv.Itoa(i), "services"), fmt.Sprintf("a %d\n", 10+i))
		s.becomes(strconv.Itoa(10 + i))
		require.ElementsMatch(t, []string{s.at("app"), s.at("releases", strconv.Itoa(i))}, s.watcher.notifier.system.WatchList())
	}
	write(t, s.at("releases", "0", "services"), "a 77\n")
	write(t, s.file, "a 20\n")
	s.becomes("20")
	require.NotEqual(t, "77", s.retries("a"))
}
