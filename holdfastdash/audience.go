package holdfastdash

import (
	"errors"
	"sync"
	"time"
)

// maxStreams is how many streams may be open at once. It keeps a page that is reloaded in a loop
// from taking all connections, and is far more than people look at one process.
const maxStreams = 64

var (
	errClosed = errors.New("the dashboard is closed")
	errFull   = errors.New("too many pages are open; close one, or try again later")
)

// audience is the open streams.
type audience struct {
	arrived chan struct{} // tells the sampler that there is somebody

	mu      sync.Mutex
	streams map[*stream]struct{}
	left    time.Time // when the last one did; zero if nobody was here
	closed  bool
	open    sync.WaitGroup
}

func newAudience() *audience {
	return &audience{arrived: make(chan struct{}, 1), streams: map[*stream]struct{}{}}
}

// join makes s a stream to which frames are offered, until it leaves.
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
	default: // the sampler is being told already
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

// within reports whether somebody is here, or was less than d before now.
func (a *audience) within(now time.Time, d time.Duration) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.streams) > 0 || !a.left.IsZero() && now.Sub(a.left) < d
}

// offer gives f to every stream that has room for it. It never waits.
func (a *audience) offer(f frame) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for s := range a.streams {
		s.offer(f)
	}
}

// close ends all streams, lets no other join, and returns when they are gone.
func (a *audience) close() {
	a.mu.Lock()
	a.closed = true
	for s := range a.streams {
		s.end()
	}
	a.mu.Unlock()
	a.open.Wait()
}
