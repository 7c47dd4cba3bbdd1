package config

import (
	"context"
	"time"
)

// mostRest is after how many times the rest a look is due all the same, where something stirs again and again.
const mostRest = 10

// run looks whenever something has stirred and come to rest again, and from time to time anyway, until ctx ends.
func (w watching) run(ctx context.Context, stirred <-chan struct{}, look func()) {
	var poll <-chan time.Time
	if w.poll > 0 {
		ticker := time.NewTicker(w.poll)
		defer ticker.Stop()
		poll = ticker.C
	}
	rest := time.NewTimer(w.debounce)
	defer rest.Stop()
	rest.Stop()
	var since time.Time // the first that stirred and was not looked at; zero if nothing was
	for {
		select {
		case <-ctx.Done():
			return
		case <-stirred:
			now := time.Now()
			if since.IsZero() {
				since = now
			}
			rest.Reset(min(w.debounce, since.Add(mostRest*w.debounce).Sub(now)))
			continue
		case <-rest.C:
		case <-poll:
			if !since.IsZero() {
				continue // it is about to be looked at
			}
		}
		if ctx.Err() != nil { // select picks any of those that are ready
			return
		}
		since = time.Time{}
		look()
	}
}
