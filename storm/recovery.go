package storm

import (
	"fmt"
	"time"
)

// Outcome is what became of the calls after a trouble.
type Outcome uint8

const (
	OutcomeNoTrouble    Outcome = iota // nothing ended, so there was nothing to recover from
	OutcomeRecovered                   // all was well again
	OutcomeNotRecovered                // it was not, until the load ended
	OutcomeUnclear                     // there were too few calls, or too little time, to tell
)

// String says it in words: "recovered".
func (o Outcome) String() string {
	switch o {
	case OutcomeNoTrouble:
		return "no trouble ended"
	case OutcomeRecovered:
		return "recovered"
	case OutcomeNotRecovered:
		return "not recovered"
	case OutcomeUnclear:
		return "cannot tell"
	}
	return fmt.Sprintf("Outcome(%d)", uint8(o))
}

// Recovery is whether the calls were well again after the last trouble, and when.
type Recovery struct {
	Outcome Outcome
	// After is how long after End the calls were well again, in whole Buckets. It is 0 unless the
	// Outcome is OutcomeRecovered.
	After time.Duration
	// End is when the last trouble ended, since the start; 0 if none did.
	End time.Duration
	// Calls is how many calls began from End on, until something else went wrong or the load
	// ended; and Good how many of them succeeded.
	Calls, Good int
	// Waiting is, of a closed load, how many callers waited on average in that time, in a call
	// that took longer than any had before the first trouble. Each counts as a failed call in
	// every Bucket that it waits through.
	Waiting float64
}

// Recovery tells whether the calls were well again after the last trouble that has an end: a
// Trigger, of the server or of one behind it, or a Spike of the load above its rate. A trouble that
// lasts to the end of the load is not waited for: it is part of the world.
//
// The calls are well from the first time from which, in each Bucket and from that time on, at most
// 5 % of the calls fail; and that for the scenario's Steady, and for at least 20 calls, however
// long those take. More calls are needed where chance may have made them good: if the share of
// failures was before what it is all the time, so good a time must come once in 1000 only. Nor may
// more than 5 % fail from then on in all, until something else goes wrong or the load ends. In few
// calls, as many may fail as chance explains where 2 % of all calls fail: 1 of 2, 2 of 5, 3 of 20,
// 7 of 100. In a closed load, a caller that waits through a Bucket, in a call that takes longer
// than any did before the first trouble, counts as a failed call in it: those who would have called
// meanwhile have not been answered either.
//
// If there are too few calls for that, or the load ends sooner than Steady after the trouble, the
// Outcome is OutcomeUnclear: nobody can tell. It is safe for concurrent use.
func (r *Report) Recovery() Recovery {
	s := &r.Scenario
	rec := Recovery{End: s.lastEnd()}
	if rec.End == 0 {
		return rec
	}
	until := s.quietAfter(rec.End)
	for _, c := range r.begun(rec.End, until) {
		rec.Calls++
		if c.good {
			rec.Good++
		}
	}
	w := r.watch(rec.End, until)
	if w.stretches > 0 {
		rec.Waiting = float64(w.overdue) / float64(w.stretches)
	}
	outcome, start := w.wellFrom(s.Bucket, s.Steady)
	if rec.Outcome = outcome; outcome == OutcomeRecovered {
		rec.After = time.Duration(start) * s.Bucket
	}
	return rec
}

// Recovered returns how long after the end of the last trouble the calls were well again. It is not
// ok if they were not, if there was no trouble with an end, or if there were too few calls to tell:
// Recovery says which.
func (r *Report) Recovered() (after time.Duration, ok bool) {
	rec := r.Recovery()
	return rec.After, rec.Outcome == OutcomeRecovered
}

// watch is how the calls went in stretches of a Bucket each.
type watch struct {
	stretches int
	calls     []int // up to stretch i, in all
	bad       []int // of them
	overdue   int   // of those, callers that waited all through a stretch
}

// watch looks at the whole Buckets between from and until.
func (r *Report) watch(from, until time.Duration) *watch {
	width := r.Scenario.Bucket
	n := int(max(0, until-from) / width)
	w := &watch{stretches: n, calls: make([]int, n+1), bad: make([]int, n+1)}
	for _, c := range r.begun(from, from+time.Duration(n)*width) {
		i := int((c.begun - from) / width)
		w.calls[i+1]++
		if !c.good {
			w.bad[i+1]++
		}
	}
	for i, waiting := range r.overdue(from, n) {
		w.calls[i+1] += waiting
		w.bad[i+1] += waiting
		w.overdue += waiting
	}
	for i := range n {
		w.calls[i+1] += w.calls[i]
		w.bad[i+1] += w.bad[i]
	}
	return w
}

// ill reports whether too many fail in stretches i to j, without j.
func (w *watch) ill(i, j int) bool { return w.bad[j]-w.bad[i] > mayFail(w.calls[j]-w.calls[i]) }

// wellFrom finds the first stretch from which all is well.
func (w *watch) wellFrom(width, steady time.Duration) (Outcome, int) {
	seenIll := w.ill(0, w.stretches)
	for from := 0; ; {
		next, v := w.look(from, width, steady)
		if v == wellSoFar && !w.ill(from, w.stretches) {
			return OutcomeRecovered, from
		}
		if v == tooFew {
			return w.undecided(from, width, steady, seenIll), 0
		}
		seenIll = seenIll || v != allFailed // well so far, that is, and ill later
		from = next
	}
}

// view is how it looks from a stretch on.
type view uint8

const (
	tooFew    view = iota // neither well nor ill, and there is nothing more to see
	wellSoFar             // for long enough, and enough calls
	isIll
	allFailed // all of a few calls, which may be chance
)

// look says how it looks from that stretch on, and at which stretch to look next if it is not well.
func (w *watch) look(from int, width, steady time.Duration) (next int, v view) {
	for to := from + 1; to <= w.stretches; to++ {
		calls, bad := w.calls[to]-w.calls[from], w.bad[to]-w.bad[from]
		if next == 0 && calls > 0 {
			next = to // those before it were empty
		}
		switch {
		case w.ill(to-1, to):
			return to, isIll
		case w.ill(from, to):
			return next, isIll
		case bad > 0 && bad == calls:
			return next, allFailed
		case time.Duration(to-from)*width >= steady && calls >= enough && well(bad, calls) && !w.onlyLuck(from, bad, calls):
			return next, wellSoFar
		}
	}
	return 0, tooFew
}

func well(bad, calls int) bool { return float64(bad) <= (1-healthy)*float64(calls) }

// onlyLuck reports whether so few failures from a stretch on may be chance, if nothing has changed
// since the time before that stretch: who looks for a good moment long enough will find one.
func (w *watch) onlyLuck(from, bad, calls int) bool {
	if well(w.bad[from], w.calls[from]) || w.bad[from] == w.calls[from] {
		return false
	}
	return onlyLuck(bad, calls, float64(w.bad[from])/float64(w.calls[from]))
}

// undecided is what to say if the load ended while nothing was wrong from that stretch on.
func (w *watch) undecided(from int, width, steady time.Duration, seenIll bool) Outcome {
	good := w.calls[w.stretches] - w.calls[from] - (w.bad[w.stretches] - w.bad[from])
	wellForLong := time.Duration(w.stretches-from)*width >= steady && good > 0
	if seenIll && !wellForLong {
		return OutcomeNotRecovered
	}
	return OutcomeUnclear
}
