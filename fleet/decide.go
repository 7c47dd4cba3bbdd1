package fleet

import (
	"fmt"
	"time"

	"github.com/media-gateway/holdfast/resilience/breaker"
)

// numbers are those of a breaker's Config by which a pod decides.
type numbers struct {
	failureRatio        float64 // 0: off
	minRequests         uint64
	consecutiveFailures uint64 // 0: off
	window              time.Duration
}

func numbersOf(c breaker.Config) numbers {
	return numbers{
		failureRatio: max(c.FailureRatio, 0), minRequests: uint64(max(c.MinRequests, 0)),
		consecutiveFailures: uint64(max(c.ConsecutiveFailures, 0)), window: c.Window,
	}
}

// share reports whether the failures are at least the failure ratio of the outcomes.
func (n *numbers) share(o outcomes) bool {
	return n.failureRatio > 0 && o.failures > 0 && float64(o.failures)/float64(o.total()) >= n.failureRatio
}

// recently is how far back from its latest outcome a pod looks that says whether it is failing: two
// seconds, so that a pod with a call a second has something to say.
const recently = 4 * slotLength

// rowSlots is how many slots a row of failures must last in a fleet: between one second and one and
// a half. In a large fleet a moment's trouble makes a row of any length.
const rowSlots = 3

// ownView is what a pod knows by itself.
type ownView struct {
	slots     slots
	succeeded bool // since the last tick
	row       bool // its latest outcome was a failure
}

// failing reports whether the pod itself is failing: it is at its failure ratio, or it has failures
// and no success. A pod whose breaker has opened, and which has no outcomes since, goes on saying
// what it said last, until that is forgotten: else those that open later would find fewer and fewer
// pods that agree.
func (v *ownView) failing(n *numbers) bool {
	newest := 0
	for newest < slotCount-1 && v.slots[newest] == (outcomes{}) {
		newest++
	}
	var o outcomes
	for _, slot := range v.slots[newest:min(slotCount, newest+int(recently/slotLength))] {
		o.add(slot)
	}
	return o.failures > 0 && o.successes == 0 || n.share(o)
}

// advice is why a pod opens its breaker.
type advice struct {
	failing, speaking uint64 // pods
	failures, total   uint64 // outcomes
}

// Error returns "fleet: 37 of 41 pods, 212 of 215 outcomes failed".
func (a *advice) Error() string {
	return fmt.Sprintf("fleet: %d of %d pods, %d of %d outcomes failed", a.failing, a.speaking, a.failures, a.total)
}

// decide returns why a pod is to open its closed breaker, nil if it is not to. It goes by the
// breaker's own numbers over the outcomes of all pods: FailureRatio and MinRequests in the Window
// (or ten seconds, if that is longer), or ConsecutiveFailures among which no pod had a success for
// a second at least.
//
// A pod does not open
//
//   - if it had a success since the last tick, or its latest outcome was one: what fails for others
//     works for it;
//   - unless it is failing itself: no word of others opens a breaker whose own calls have not
//     failed;
//   - unless two pods are failing, and half of those that have outcomes: a broken pod,
//     however many calls it makes, says nothing about the dependency.
func decide(n *numbers, v *ownView, d *digest) *advice {
	switch {
	case v.succeeded, !v.row, !v.failing(n):
		return nil
	case d.failing < 2, 2*d.failing < d.speaking:
		return nil
	}
	window := d.slots.within(n.window)
	if window.total() >= n.minRequests && n.share(window) {
		return d.advice(window)
	}
	if row := d.row(); n.consecutiveFailures > 0 && row.failures >= n.consecutiveFailures {
		return d.advice(row)
	}
	return nil
}

func (d *digest) advice(o outcomes) *advice {
	return &advice{failing: d.failing, speaking: d.speaking, failures: o.failures, total: o.total()}
}

// row returns the failures since a pod last had a success, none if that was less than rowSlots ago.
func (d *digest) row() (row outcomes) {
	for i, o := range d.slots {
		if o.successes > 0 {
			if i < rowSlots {
				return outcomes{}
			}
			break
		}
		row.add(o)
	}
	return row
}
