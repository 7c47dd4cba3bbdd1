package holdfastdash

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// queueLength is how many frames wait for a browser before some are dropped.
	queueLength = 16

	// writeLimit is how long a browser may take for a piece of pieceSize bytes before it is
	// disconnected. One with many pipelines on a busy machine does nothing else for seconds.
	writeLimit = 30 * time.Second
	pieceSize  = 64 << 10
)

// frame is an event for a stream. Streams share its data.
type frame struct {
	event   string
	counted bool   // data lacks its beginning, where the number of dropped frames goes
	round   uint64 // the round of a tick or hello; 0 for a change
	data    []byte // nil: each stream gets the hello from the history
}

// stream is the connection of one browser.
type stream struct {
	queue   chan frame
	dropped atomic.Uint64
	behind  atomic.Bool // a frame was dropped since the last hello

	w     io.Writer
	rc    *http.ResponseController
	mu    sync.Mutex
	ended bool
}

// offer queues f, or drops it if the queue is full.
func (s *stream) offer(f frame) {
	select {
	case s.queue <- f:
	default:
		s.dropped.Add(1)
		s.behind.Store(true)
	}
}

// serveEvents opens a stream, and sends its frames until it ends.
func (d *Dashboard) serveEvents(w http.ResponseWriter, r *http.Request) {
	s := &stream{queue: make(chan frame, queueLength), w: w, rc: http.NewResponseController(w)}
	if r.Method != http.MethodHead {
		if err := d.audience.join(s); err != nil {
			w.Header().Set("Retry-After", "5")
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		defer d.audience.leave(s)
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // nginx would hold the events back
	if r.Method == http.MethodHead {
		return
	}
	if err := s.rc.Flush(); errors.Is(err, http.ErrNotSupported) {
		h.Del("X-Accel-Buffering")
		http.Error(w, "events cannot be sent: the ResponseWriter of a handler around the dashboard cannot flush; "+
			"want one with Flush or Unwrap", http.StatusInternalServerError)
		return
	}
	told, err := s.greet(d.history)
	for err == nil {
		select {
		case <-d.done:
			return
		case <-r.Context().Done():
			return
		case f := <-s.queue:
			told, err = s.pass(d.history, f, told)
		}
	}
}

// pass sends f, unless the browser already has it: it has all rounds up to told. It returns the new
// value of told. If a frame was dropped, it sends a hello instead.
func (s *stream) pass(h *history, f frame, told uint64) (uint64, error) {
	switch {
	case s.behind.Swap(false):
		s.dropped.Add(1) // f
		s.skip()
		return s.greet(h)
	case f.round > 0 && f.round <= told:
		return told, nil
	case f.data == nil:
		return s.greet(h)
	}
	return max(told, f.round), s.write(f)
}

// skip drops all queued frames.
func (s *stream) skip() {
	for {
		select {
		case <-s.queue:
			s.dropped.Add(1)
		default:
			return
		}
	}
}

// greet sends a hello, and returns its round.
func (s *stream) greet(h *history) (told uint64, err error) {
	f := h.greeting()
	return f.round, s.write(f)
}

// write sends f in pieces, each with its own deadline, so that a slow browser still gets its hello
// and a dead one is detected.
func (s *stream) write(f frame) error {
	head := "event: " + f.event + "\ndata: "
	if f.counted {
		head += `{"dropped":` + strconv.FormatUint(s.dropped.Load(), 10) + ","
	}
	if err := s.writeInTime([]byte(head)); err != nil {
		return err
	}
	for data := f.data; len(data) > 0; {
		n := min(len(data), pieceSize)
		if err := s.writeInTime(data[:n]); err != nil {
			return err
		}
		data = data[n:]
	}
	if err := s.writeInTime([]byte("\n\n")); err != nil {
		return err
	}
	return s.rc.Flush()
}

func (s *stream) writeInTime(p []byte) error {
	if err := s.allow(writeLimit); err != nil {
		return err
	}
	_, err := s.w.Write(p)
	return err
}

// allow sets the deadline of the next write, if the ResponseWriter supports deadlines.
func (s *stream) allow(d time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return errClosed
	}
	if err := s.rc.SetWriteDeadline(time.Now().Add(d)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}

// end interrupts a write in progress, and forbids further writes.
func (s *stream) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	_ = s.rc.SetWriteDeadline(time.Now()) // without deadlines, the write is not interrupted
}
