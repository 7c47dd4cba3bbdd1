// Package bubble runs production code in virtual time, for commands as well as for tests: in a
// bubble of testing/synctest, where a minute passes as soon as all have done what there is to do in
// it.
package bubble

import (
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
)

// running is held by the bubble that runs, since package chance has one seed.
var running sync.Mutex

// Run calls f in a new bubble and returns when f has returned and the goroutines that it started
// have ended. Bubbles run one at a time, so f may seed package chance. Run must not be called in a
// bubble.
//
// The bubble belongs to tb if that is a *testing.T. A command has none: tb is nil then, and the
// bubble is given the zero one, which is never asked for anything, and never fails. That is not
// documented to work: it does with go1.26, and the tests of this package say so of each version
// they run with.
func Run(tb testing.TB, f func()) {
	running.Lock()
	defer running.Unlock()
	t, ok := tb.(*testing.T)
	if !ok {
		t = new(testing.T)
	}
	returned := false
	synctest.Test(t, func(*testing.T) {
		// Of its own: the bubble's goroutine says of one that panics or ends that t has failed, and
		// t may be nobody's.
		done := make(chan struct{})
		go func() {
			defer close(done)
			f()
			returned = true
		}()
		<-done
	})
	if !returned { // f has ended its goroutine, as FailNow does
		runtime.Goexit()
	}
}
