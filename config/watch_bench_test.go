package config

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkCheck measures a poll when nothing has changed: a file of 10 KB, and a ConfigMap's two
// links on the way.
func BenchmarkCheck(b *testing.B) {
	dir := b.TempDir()
	mkdir(b, filepath.Join(dir, "..v1"))
	write(b, filepath.Join(dir, "..v1", "services"), strings.Repeat("a 1\n", 2560))
	symlink(b, "..v1", filepath.Join(dir, "..data"))
	symlink(b, "..data/services", filepath.Join(dir, "services"))
	file := filepath.Join(dir, "services")
	o, err := optionsOf[WatchOption](nil)
	require.NoError(b, err)
	n := newNotifier(o.connect, func(err error) { b.Error(err) })
	defer n.close()
	w := &Watcher{file: file, notifier: n, last: readState(file, file)}
	b.ReportAllocs()
	for b.Loop() {
		w.check()
	}
}
