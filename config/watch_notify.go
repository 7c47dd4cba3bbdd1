package config

import (
	"errors"
	"io/fs"
	"sync"

	"github.com/fsnotify/fsnotify"
)

// notifier signals that something happened in one of the directories on the path to a file. It
// does not say what, since systems report the same change in different ways: the receiver reads
// the file. All but C is for one goroutine.
type notifier struct {
	C        chan struct{} // holds one signal, which stands for any number of changes
	system   *fsnotify.Watcher
	watched  []string
	onBroken func(error) // called once, if the system does not report changes
	warned   bool
	pump     sync.WaitGroup
}

func newNotifier(connect func() (*fsnotify.Watcher, error), onBroken func(error)) *notifier {
	n := &notifier{C: make(chan struct{}, 1), onBroken: onBroken}
	system, err := connect()
	if err != nil {
		n.warn(err)
		return n
	}
	n.system = system
	n.pump.Go(n.forward)
	return n
}

// forward receives everything that fsnotify sends, at once, for two reasons. A slow OnReload must
// not fill fsnotify's queue. And fsnotify may send an error while it holds the lock that Add and
// Close want.
func (n *notifier) forward() {
	events, problems := n.system.Events, n.system.Errors
	for events != nil || problems != nil {
		var more bool
		select {
		case _, more = <-events:
			if !more {
				events = nil
			}
		case _, more = <-problems: // such as an overflow of its queue: a change was missed
			if !more {
				problems = nil
			}
		}
		if more {
			select {
			case n.C <- struct{}{}:
			default:
			}
		}
	}
}

// follow watches the directories on the path to the file as it is now, and no others.
func (n *notifier) follow(file string) {
	for range 4 { // a link may have changed before its directory was watched: resolve the path again
		dirs := dirsOnPath(file)
		if n.system == nil || !n.watch(dirs) {
			return
		}
	}
}

// watch watches dirs and nothing else, and reports whether one of them is new. It adds also those
// that are watched already: a directory may have been replaced by another of the same name.
func (n *notifier) watch(dirs []string) (changed bool) {
	wanted := map[string]bool{}
	for _, dir := range dirs {
		wanted[dir] = true
	}
	before := map[string]bool{}
	for _, dir := range n.watched {
		before[dir] = true
		if !wanted[dir] { // first, since a renamed directory may be added below under its new name
			_ = n.system.Remove(dir) // it may not exist any more
		}
	}
	n.watched = nil
	for _, dir := range dirs {
		if err := n.system.Add(dir); err != nil {
			if !errors.Is(err, fs.ErrNotExist) {
				n.warn(err)
			}
			continue
		}
		n.watched = append(n.watched, dir)
		changed = changed || !before[dir]
	}
	return changed
}

func (n *notifier) warn(err error) {
	if !n.warned {
		n.warned = true
		n.onBroken(err)
	}
}

// close stops the watching, and waits for the notifier's goroutine.
func (n *notifier) close() {
	if n.system != nil {
		_ = n.system.Close() // an error would be about a watch that is not needed any more
	}
	n.pump.Wait()
}
