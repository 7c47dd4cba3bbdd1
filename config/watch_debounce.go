package config

import (
	"context"
	"time"
)

// maxDebounce bounds the debouncing: a file that keeps changing is read every 10 debounce periods.
const maxDebounce = 10

// run calls check when changes were notified and none has followed for a debounce period. It also
// calls check at every poll. It returns when ctx ends.
func (o options) run(ctx context.Context, notified <-chan struct{}, check func()) {
	var poll <-chan time.Time
	if o.poll > 0 {
		ticker := time.NewTicker(o.poll)
		defer ticker.Stop()
		poll = ticker.C
	}
	debounce := time.NewTimer(o.debounce)
	defer debounce.Stop()
	debounce.Stop()
	var firstChange time.Time // since the last check; zero if there was none
	for {
		select {
		case <-ctx.Done():
			return
		case <-notified:
			now := time.Now()
			if firstChange.IsZero() {
				firstChange = now
			}
			debounce.Reset(min(o.debounce, firstChange.Add(maxDebounce*o.debounce).Sub(now)))
			continue
		case <-debounce.C:
		case <-poll:
			if !firstChange.IsZero() {
				continue // the debounce timer will end soon
			}
		}
		if ctx.Err() != nil { // select may have picked another case that was ready
			return
		}
		firstChange = time.Time{}
		check()
	}
}
