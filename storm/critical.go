package storm

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/media-gateway/holdfast/internal/check"
)

// CriticalDuration finds D*, the longest trouble after which the calls come back, with the defaults
// of Bisection: 5 seeds, in steps of 250 ms, up to 32 s. Leave t.For at 0, and t out of s.Triggers:
// see [Bisection.CriticalDuration].
func CriticalDuration(s Scenario, t Trigger, newDoer func() Doer) (Critical, error) {
	return Bisection{}.CriticalDuration(s, t, newDoer)
}

// Bisection is how to look for D*. A zero field takes its default.
type Bisection struct {
	// Step is how finely: D* is a multiple of it. Default 250 ms.
	Step time.Duration
	// Max is the longest trouble to try. Default 128 Steps, 32 s.
	Max time.Duration
	// Seeds is with how many seeds, from the scenario's on. Default 5, at most 1000.
	Seeds int
}

// Critical is how long a trouble may last: D*, for each seed.
type Critical struct {
	Max   time.Duration  // the longest trouble that was tried
	Seeds []CriticalSeed // the shortest D* first
}

// CriticalSeed is how long a trouble may last under one seed.
type CriticalSeed struct {
	Seed uint64
	// Duration is D*: the longest trouble after which the calls came back, or 0 if they did after
	// none.
	Duration time.Duration
	// Saturated: they came back even after Max, so that D* is longer.
	Saturated bool
	// After is how long they took to come back after a trouble of that Duration.
	After time.Duration
}

// CriticalDuration finds D*, the longest trouble after which the calls come back: for each seed by
// itself, it tries 1, 2, 4, 8 Steps and so on until they do not come back, and then halves what is
// between. If longer troubles do no harm where shorter ones do, it finds the shorter ones.
//
// The trouble is t, in addition to the scenario's own triggers. Its For has to be 0, and its Ramp
// is at most a Step. The load lasts as much longer as the trouble does: For - t.At is how long the
// calls have to come back, which is OutcomeRecovered of Recovery. Where not even retries keep a
// system down, D* is a matter of that patience; the time that they took says so. Where it cannot be
// told, for too few calls, the error says so. What is wrong with the scenario is an error, all of
// it at once. It plays each storm as Play does.
func (b Bisection) CriticalDuration(s Scenario, t Trigger, newDoer func() Doer) (Critical, error) {
	b, err := b.resolved(s, t)
	if err != nil {
		return Critical{}, err
	}
	c := Critical{Max: b.Max}
	for i := range uint64(b.Seeds) {
		found, err := b.search(s, t, s.Seed+i, newDoer)
		if err != nil {
			return Critical{}, err
		}
		c.Seeds = append(c.Seeds, found)
	}
	slices.SortStableFunc(c.Seeds, func(a, b CriticalSeed) int { return cmp.Compare(a.Duration, b.Duration) })
	return c, nil
}

func (b Bisection) resolved(s Scenario, t Trigger) (Bisection, error) {
	c := check.Stage("storm")
	b.Step = check.Number(c, "Bisection.Step", b.Step, check.Range[time.Duration]{Max: maxFor / 128, Default: 250 * time.Millisecond})
	b.Max = check.Number(c, "Bisection.Max", b.Max, check.Range[time.Duration]{Max: maxFor, Default: 128 * b.Step})
	b.Seeds = check.Number(c, "Bisection.Seeds", b.Seeds, check.Range[int]{Max: 1000, Default: 5})
	if b.Max < b.Step {
		c.Fail("Bisection.Max", b.Max, "want at least Step (%v)", b.Step)
	}
	if t.For != 0 {
		c.Fail("Trigger.For", t.For, "want 0: it is what is looked for")
	}
	if t.Ramp > b.Step {
		c.Fail("Trigger.Ramp", t.Ramp, "want at most Step (%v), the shortest trouble that is tried", b.Step)
		t.Ramp = 0
	}
	if t.At >= s.For && s.For > 0 {
		c.Fail("Trigger.At", t.At, "want a time before the scenario's For (%v), so that the calls can come back", s.For)
		t.At = 0
	}
	b.Max -= b.Max % b.Step
	if _, err := withTrouble(s, t, max(b.Max, 1)).resolved(); err != nil {
		c.Add(err)
	}
	return b, c.Err()
}

// withTrouble is s with a trouble so long, and as much time after it as without.
func withTrouble(s Scenario, t Trigger, length time.Duration) Scenario {
	t.For = length
	s.Triggers = append(slices.Clone(s.Triggers), t)
	s.For += length
	return s
}

// search finds D* under one seed.
func (b Bisection) search(s Scenario, t Trigger, seed uint64, newDoer func() Doer) (CriticalSeed, error) {
	s.Seed = seed
	best := CriticalSeed{Seed: seed}
	comesBack := func(steps int) (bool, error) {
		length := time.Duration(steps) * b.Step
		report, err := Play(withTrouble(s, t, length), newDoer)
		if err != nil {
			return false, err
		}
		rec := report.Recovery()
		if rec.Outcome == OutcomeUnclear {
			return false, fmt.Errorf("storm: CriticalDuration: cannot tell whether the calls came back after %v of trouble (seed %d), by %d calls in %v; "+
				"want a longer For or more load", length, seed, rec.Calls, report.Scenario.For-rec.End)
		}
		if rec.Outcome == OutcomeRecovered {
			best.Duration, best.After = length, rec.After
		}
		return rec.Outcome == OutcomeRecovered, nil
	}
	most := int(b.Max / b.Step)
	var good, bad int
	for next := 1; ; next = min(2*good, most) {
		ok, err := comesBack(next)
		if err != nil {
			return best, err
		}
		if !ok {
			bad = next
			break
		}
		if good = next; good == most {
			best.Saturated = true
			return best, nil
		}
	}
	for bad-good > 1 {
		middle := good + (bad-good)/2
		ok, err := comesBack(middle)
		if err != nil {
			return best, err
		}
		if ok {
			good = middle
		} else {
			bad = middle
		}
	}
	return best, nil
}

// Median is the seed in the middle, the lower one of two. It is the zero CriticalSeed if there is
// none.
func (c Critical) Median() CriticalSeed {
	if len(c.Seeds) == 0 {
		return CriticalSeed{}
	}
	return c.Seeds[(len(c.Seeds)-1)/2]
}

// String is the median and the range: "1s (1s to 1.25s in 5 seeds), back after 3s"; with "> 32s"
// where even the longest trouble did no lasting harm.
func (c Critical) String() string {
	if len(c.Seeds) == 0 {
		return "not tried"
	}
	m := c.Median()
	text := fmt.Sprintf("%v (%v to %v in %d seeds)", m.length(), c.Seeds[0].length(), c.Seeds[len(c.Seeds)-1].length(), len(c.Seeds))
	if m.Duration == 0 {
		return text
	}
	return fmt.Sprintf("%s, back after %v", text, m.After)
}

// length is D* in words.
func (s CriticalSeed) length() string {
	if s.Saturated {
		return "> " + s.Duration.String()
	}
	return s.Duration.String()
}
