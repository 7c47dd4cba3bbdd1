package breaker

import (
	"context"

	"github.com/media-gateway/holdfast/internal/mono"
)

// Entry is a call that a closed breaker has let in. It is for this module's pipelines, which run
// the op themselves. The zero Entry is none.
type Entry struct {
	window *window
	began  mono.Time
}

// OK reports whether the call is in, and nobody has said yet what came of it.
func (e *Entry) OK() bool { return e != nil && e.window != nil }

// Enter lets a call in if the breaker is closed and observers know it. Else the Entry is the zero
// one, and Do is to be asked. It is for this module's pipelines, which may have read the clock a
// moment ago: nobody else can say so. Each Entry must end, by Leave or by Abort. It does not
// allocate.
func (b *Breaker) Enter(start mono.Began) Entry {
	if b == nil || b.machine == nil {
		return Entry{}
	}
	w := b.machine.status.Load().window
	if w == nil || b.hears && b.machine.changes.Load().waiting() {
		return Entry{}
	}
	return Entry{w, start.OrNow()}
}

// Leave counts what came of a call, and returns err, which says so if ctx ended meanwhile: see
// resilience.Ended. It ends e. If a classifier panics in it, e has not ended.
func (b *Breaker) Leave(ctx context.Context, e *Entry, err error) error {
	if !e.OK() {
		return err
	}
	if err == nil && b.machine.numbers.Load().slowCallDuration == 0 {
		w := e.end()
		if look, sample := w.success(e.began); look || sample {
			b.look(w, e.began, look, sample)
		}
		b.report(ctx)
		return nil
	}
	j, out := b.judge(ctx, e.began, err)
	b.count(e.end(), e.began, j, err)
	b.report(ctx)
	return out
}

// Abort counts a call that did not return: it panicked, or its goroutine exited. It ends e.
func (b *Breaker) Abort(e *Entry) {
	if e.OK() {
		b.count(e.end(), e.began, b.aborted(e.began), nil)
	}
}

// end ends e, and returns the window in which it counts.
func (e *Entry) end() *window {
	w := e.window
	e.window = nil
	return w
}
