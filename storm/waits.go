package storm

import (
	"cmp"
	"slices"
	"time"
)

// Waits is how long the callers of a closed load waited for their answers, good or not: of all
// calls, and of those that callers would have begun while they waited.
//
// A caller of a closed load that waits does not call. Ten callers that hang for a minute make ten
// slow calls, beside the thousands of fast ones that they made before, and no percentile of the
// calls shows the minute: that is coordinated omission. So a call that takes longer than a caller
// usually needs from one call to the next also counts for the calls that would have begun
// meanwhile, each of them as long as the answer was still away. What is usual is measured before
// the first trouble, or over the whole run if fewer than 20 calls began there.
//
// The source is Gil Tene, HdrHistogram (recordValueWithExpectedInterval).
type Waits struct {
	Mean, P50, P90, P99, Max time.Duration
}

// summary is the mean of how long calls took, and their percentiles. It sorts took.
func summary(took []time.Duration) (w Waits) {
	if len(took) == 0 {
		return w
	}
	slices.Sort(took)
	var sum float64 // of a thousand hours, a million times: more than a Duration holds
	for _, d := range took {
		sum += float64(d)
	}
	at := func(percent int) time.Duration { return took[(len(took)*percent+99)/100-1] }
	return Waits{time.Duration(sum / float64(len(took))), at(50), at(90), at(99), took[len(took)-1]}
}

// wait is a call of a closed load, or one that would have begun during another.
type wait struct{ at, took time.Duration }

func durations(waits []wait) []time.Duration {
	took := make([]time.Duration, len(waits))
	for i, w := range waits {
		took[i] = w.took
	}
	return took
}

// waitsOfAll are the waits of a closed load, in order of time.
func (r *Report) waitsOfAll() []wait {
	if r.Scenario.Load.kind != closed || len(r.calls) == 0 {
		return nil
	}
	pace := r.pace()
	var all []wait
	for _, c := range r.calls {
		for passed := time.Duration(0); passed == 0 || passed < c.took; passed += pace {
			if c.begun+passed >= r.Scenario.For && passed > 0 {
				break // nobody calls any more
			}
			all = append(all, wait{at: c.begun + passed, took: c.took - passed})
		}
	}
	slices.SortStableFunc(all, func(a, b wait) int { return cmp.Compare(a.at, b.at) })
	return all
}

// pace is how long a caller needs from one call to the next, on average, before anything goes
// wrong. No more waits come of it than there would have been calls.
func (r *Report) pace() time.Duration {
	s := &r.Scenario
	quiet, calls := s.For, len(r.calls)
	if first := s.firstTrouble(); len(r.begun(0, first)) >= enough {
		quiet, calls = first, len(r.begun(0, first))
	}
	return max(1, time.Duration(float64(quiet)*float64(s.Load.loops)/float64(calls)))
}

// waitsFrom returns the waits that began between from, inclusive, and to.
func (r *Report) waitsFrom(from, to time.Duration) []wait {
	find := func(t time.Duration) int {
		i, _ := slices.BinarySearchFunc(r.waits, t, func(w wait, t time.Duration) int { return cmp.Compare(w.at, t) })
		return i
	}
	return r.waits[find(from):max(find(from), find(to))]
}

// countWaiting says of each bucket how many calls were under way.
func (r *Report) countWaiting() {
	width := r.Scenario.Bucket
	change := make([]int, len(r.Series)+1) // of how many are under way all through a bucket
	for _, c := range r.calls {
		end := min(c.begun+c.took, r.end)
		first, last := int(c.begun/width), int(end/width)
		if c.begun >= r.end {
			continue
		}
		add := func(i int, d time.Duration) {
			if i < len(r.Series) {
				r.Series[i].Waiting += float64(d) / float64(width)
			}
		}
		if first == last {
			add(first, end-c.begun)
			continue
		}
		add(first, time.Duration(first+1)*width-c.begun)
		add(last, end-time.Duration(last)*width)
		change[first+1]++
		change[min(last, len(r.Series))]--
	}
	n := 0
	for i := range r.Series {
		n += change[i]
		r.Series[i].Waiting += float64(n)
	}
}

// overdue is how many callers of a closed load wait all through each of n stretches of a Bucket, in
// a call that has by then taken longer than any that ended before the first trouble.
func (r *Report) overdue(from time.Duration, n int) []int {
	if r.Scenario.Load.kind != closed || n == 0 {
		return nil
	}
	usual := r.longestUsual()
	width := r.Scenario.Bucket
	waiting := make([]int, n+1)
	for _, c := range r.calls {
		// The first stretch that begins after the call did, and ends when it is overdue.
		first := 0
		if c.begun >= from {
			first = int((c.begun-from)/width) + 1
		}
		if late := c.begun + usual - from; late > 0 {
			first = max(first, int(late/width))
		}
		last := n
		if end := c.begun + c.took - from; end < time.Duration(n)*width {
			last = int(max(0, end) / width)
		}
		if first < last {
			waiting[first]++
			waiting[last]--
		}
	}
	for i := range n {
		waiting[i+1] += waiting[i]
	}
	return waiting[:n]
}

// longestUsual is how long a call can take while nothing is wrong: Steady, if nobody knows.
func (r *Report) longestUsual() (usual time.Duration) {
	first, calls := r.Scenario.firstTrouble(), 0
	for _, c := range r.begun(0, first) {
		if c.begun+c.took < first {
			usual = max(usual, c.took)
			calls++
		}
	}
	if calls < enough {
		return r.Scenario.Steady
	}
	return usual
}
