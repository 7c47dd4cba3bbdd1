package holdfasthttp

import (
	"context"
	"io"
	"time"
)

// task is work on a body in a goroutine of its own, since a body may block for longer than the
// caller can wait.
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
// done. If the work panicked, wait panics with the same value, so that the panic does not end the
// process.
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

// closeSoon closes c. It waits at most drainTime, since Close may block because of a Read in
// progress.
func closeSoon(c io.Closer) {
	start(func() { _ = c.Close() }).wait(context.Background(), drainTime)
}
