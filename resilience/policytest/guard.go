package policytest

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/media-gateway/holdfast/resilience"
)

// TestGuard checks that the Guards that newGuard makes keep the contract of resilience.Guard:
//
//   - a new Guard admits a call;
//   - Wrap runs the call once, passes ctx on, and returns what the call returned;
//   - each successful Acquire is released, also if the call fails, panics or exits its goroutine;
//     panic and exit go on;
//   - Acquire and Release by hand are as good as Wrap;
//   - a refused call does not run, its error's verdict is Rejected, and it gives no place back;
//   - who waits for a place stops waiting when ctx ends, with an error that is ctx's, and
//     leaves no place taken;
//   - it may be used from many goroutines at once, and leaves none behind;
//   - a call whose ctx ends while it waits does not run, even if it gets its place in that moment;
//   - it works within a resilience.Chain and as a resilience.Stage.
//
// If they make TicketGuards, all of that is checked once more with Admit and Done, which are given
// the Ticket of their own call.
//
// Between two uses a check lets an hour pass on the bubble's clock, so that a rate limiter has its
// tokens again. A Guard that would refuse a call after that is taken for one that leaks.
func TestGuard(t *testing.T, newGuard func() resilience.Guard) {
	t.Helper()
	runAll(t, guardChecks, func() door { return door{Guard: newGuard()} })
	carries := false
	synctest.Test(t, func(*testing.T) { _, carries = newGuard().(resilience.TicketGuard) })
	if carries {
		t.Run("as a TicketGuard", func(t *testing.T) {
			runAll(t, guardChecks, func() door { return ticketDoor(newGuard()) })
		})
	}
}

var guardChecks = []check[door]{
	{"admits a call", checkAdmits},
	{"Wrap is transparent", checkTransparent},
	{"releases after a success", checkReleases(func(context.Context) error { return nil })},
	{"releases after a failure", checkReleases(func(context.Context) error { return errCall })},
	{"releases after a panic", checkReleases(func(context.Context) error { panic(errCall) })},
	{"releases after a Goexit", checkReleases(func(context.Context) error { runtime.Goexit(); return nil })},
	{"Acquire and Release by hand", checkByHand},
	{"refuses with a verdict", checkRefusal},
	{"stops waiting when ctx ends", checkWaiting},
	{"does not run what has ended", checkEnded},
	{"concurrent use", checkConcurrent},
	{"in a chain", checkChain},
}

var errCall = errors.New("policytest: the call's own error")

// limit is how many calls at once a check tries; a Guard that admits them all never refuses for
// their number.
const limit = 256

// rest lets a Guard that counts over time recover.
func rest() { time.Sleep(time.Hour) }
