package holdfastdash

import (
	"errors"
	"sync"
	"time"
)

// maxStreams is how many streams may be open at once. It keeps a page that is reloaded in a loop
// from using all connections, and is far more than one process needs.
const maxStreams = 64

var (
	errClosed = errors.New("the dashboard is closed")
	errFull   = errors.New("too many pages are open; close one, or try again later")
)

// audience is the set of open streams.
type audience struct {
	arrived chan struct{} // tells the sampler that a stream was opened

	mu      sync.Mutex
	streams map[*stream]struct{}
	left    time.Time // when a stream was last closed; zero if none was
	closed  bool
	open    sync.WaitGroup
}

func newAudience() *audience {
	return &audience{arrived: make(chan struct{}, 1), streams: map[*stream]struct{}{}}
}

// join adds s to the streams that get frames, until it leaves.
func (a *audience) join(s *stream) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.closed:
		return errClosed
	case len(a.streams) >= maxStreams:
		return errFull
	}
	a.streams[s] = struct{}{}
	a.open.Add(1)
	select {
	case a.arrived <- struct{}{}:
	default: // a signal is already pending
	}
	return nil
}

func (a *audience) leave(s *stream) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.streams, s)
	a.left = time.Now()
	a.open.Done()
}

// size returns how many streams are open.
func (a *audience) size() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.streams)
}

// within reports whether a stream is open, or was open less than d before now.
func (a *audience) within(now time.Time, d time.Duration) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.streams) > 0 || !a.left.IsZero() && now.Sub(a.left) < d
}

// offer queues f for every stream whose queue has room. It never blocks.
func (a *audience) offer(f frame) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for s := range a.streams {
		s.offer(f)
	}
}

// close ends all streams, refuses new ones, and returns when all have left.
func (a *audience) close() {
	a.mu.Lock()
	a.closed = true
	for s := range a.streams {
		s.end()
	}
	a.mu.Unlock()
	a.open.Wait()
}
