package config

import (
	"errors"
	"io/fs"
	"sync"

	"github.com/fsnotify/fsnotify"
)

// notifier says that something happened in one of the directories on the way to a file. It does not
// say what: systems tell of one and the same change in different words, and whoever hears of it looks for himself.
// All but C is for one goroutine.
type notifier struct {
	C       chan struct{} // holds one, which stands for any number
	system  *fsnotify.Watcher
	watched []string
	missing func(error) // is told once that the system does not notify
	warned  bool
	pump    sync.WaitGroup
}

func newNotifier(connect func() (*fsnotify.Watcher, error), missing func(error)) *notifier {
	n := &notifier{C: make(chan struct{}, 1), missing: missing}
	system, err := connect()
	if err != nil {
		n.warn(err)
		return n
	}
	n.system = system
	n.pump.Go(n.take)
	return n
}

// take takes all that fsnotify has to tell, at once: its queue never fills up behind a slow OnReload, and
// it may tell of an error while it holds the lock that Add and Close wait for.
func (n *notifier) take() {
	events, problems := n.system.Events, n.system.Errors
	for events != nil || problems != nil {
		var more bool
		select {
		case _, more = <-events:
			if !more {
				events = nil
			}
		case _, more = <-problems: // such as an overflow: something was missed
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

// follow watches the directories on the way to the file, as it leads now, and those no more where it led before.
func (n *notifier) follow(file string) {
	for range 4 { // a link that is turned before its directory is watched is not heard of; so resolve again
		dirs := wayTo(file)
		if n.system == nil || !n.watch(dirs) {
			return
		}
	}
}

// watch makes dirs the directories watched, and reports whether they were others before. What is
// watched already is watched again: it may be another directory by the same name.
func (n *notifier) watch(dirs []string) (changed bool) {
	wanted := map[string]bool{}
	for _, dir := range dirs {
		wanted[dir] = true
	}
	before := map[string]bool{}
	for _, dir := range n.watched {
		before[dir] = true
		if !wanted[dir] { // before others are added: it may be one of them, which was renamed
			_ = n.system.Remove(dir) // it may be gone
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
		n.missing(err)
	}
}

// close ends all that the notifier began.
func (n *notifier) close() {
	if n.system != nil {
		_ = n.system.Close() // what it watched is no more of interest
	}
	n.pump.Wait()
}
