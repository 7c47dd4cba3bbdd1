package storm

import (
	"errors"
	"testing"

	"github.com/media-gateway/holdfast/internal/bubble"
	"github.com/media-gateway/holdfast/internal/chance"
	"github.com/media-gateway/holdfast/internal/mono"
)

// Run goes through the scenario and reports how it went. It opens a bubble of testing/synctest for
// it, in which a minute passes as soon as all have done what there is to do in it, and calls
// newDoer there, as often as the scenario has Clients: what they make has to live in the bubble's
// time. What is wrong with the scenario fails the test, all of it at once. tb is a test, or a
// benchmark or whatever else stands for one.
//
// Storms run one at a time. Bubbles of other tests must not run beside them: their pauses would be
// drawn from the storm's seed.
func Run(tb testing.TB, s Scenario, newDoer func() Doer) *Report {
	tb.Helper()
	report, err := play(tb, s, newDoer)
	if err != nil {
		tb.Fatal(err)
	}
	return report
}

// Play is Run for a command, or for other code that is no test. Its error is all that is wrong with
// the scenario, or that it was called in a bubble: a storm opens its own.
//
// A bubble is opened for a *testing.T, and a command has none. Play gives it the zero one. That is
// not documented to work: it does with go1.26, and the tests of this package say so of each version
// they run with.
func Play(s Scenario, newDoer func() Doer) (*Report, error) { return play(nil, s, newDoer) }

// play is Run, or Play where tb is nil.
func play(tb testing.TB, s Scenario, newDoer func() Doer) (report *Report, err error) { //nolint:thelper // tb may be nil
	s, err = s.resolved()
	if err != nil {
		return nil, err
	}
	if mono.Bubbled() {
		return nil, errors.New("storm: called in a bubble of testing/synctest; want a call outside of it: a storm opens a bubble of its own")
	}
	bubble.Run(tb, func() {
		l := newLab(s)
		defer chance.Seed(mix(s.Seed, forJitter), s.Seed)()
		defer chance.MovePauses(l.pause)()
		if err = l.hire(newDoer); err == nil {
			report, err = l.run()
		}
	})
	return report, err
}
