package retry

import (
	"context"
	"sync"
	"time"

	"github.com/media-gateway/holdfast/internal/chance"
	"github.com/media-gateway/holdfast/internal/mono"
)

// timers are stopped, and drained by being stopped (as timers are since Go 1.23).
var timers = sync.Pool{New: func() any {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return t
}}

// sleep waits for d, or less if ctx ends. It leaves no timer running, and sets none for no delay.
func sleep(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	if mono.Bubbled() { // a pooled timer would carry one test's clock into another
		t := time.NewTimer(chance.Pause(d))
		defer t.Stop()
		await(ctx, t)
		return
	}
	t := timers.Get().(*time.Timer) //nolint:forcetypeassert // the pool holds nothing else
	t.Reset(d)
	await(ctx, t)
	t.Stop()
	timers.Put(t)
}

// await waits for t, or less if ctx ends. A ctx whose Done says so, and whose Err does not, makes
// nobody hurry.
func await(ctx context.Context, t *time.Timer) {
	select {
	case <-t.C:
	case <-ctx.Done():
		if ctx.Err() == nil {
			<-t.C
		}
	}
}
