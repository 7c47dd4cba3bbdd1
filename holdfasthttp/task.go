package holdfasthttp

import (
	"context"
	"io"
	"time"
)

// task is work on a body. It may block for longer than anybody waits for it, whatever the body
// does.
type task struct {
	done     chan struct{}
	panicked any
}

func start(work func()) *task {
	t := &task{done: make(chan struct{})}
	go func() {
		defer close(t.done)
		defer func() { t.panicked = recover() }()
		work()
	}()
	return t
}

// wait waits until the work is done, ctx ends or limit (0: none) is over, and reports whether it is
// done. A panic of the work becomes the panic of whoever waits; it is never one of the process.
func (t *task) wait(ctx context.Context, limit time.Duration) bool {
	var late <-chan time.Time
	if !t.over() && limit > 0 {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case <-t.done:
	case <-ctx.Done():
	case <-late:
	}
	if !t.over() {
		return false
	}
	if t.panicked != nil {
		panic(t.panicked)
	}
	return true
}

func (t *task) over() bool {
	select {
	case <-t.done:
		return true
	default:
		return false
	}
}

// closeSoon closes c, and does not wait for longer than drainTime: a Close may block behind a Read.
func closeSoon(c io.Closer) {
	start(func() { _ = c.Close() }).wait(context.Background(), drainTime)
}
