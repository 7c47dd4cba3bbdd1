package storm

import (
	"cmp"
	"slices"
	"time"

	"github.com/media-gateway/holdfast/resilience"
)

// Report is how a scenario went. It does not change any more; reading it is safe for concurrent
// use.
type Report struct {
	// Scenario is what was run, with its defaults.
	Scenario Scenario
	// Total is over the whole run: Scenario.For, and until the last call had ended.
	Total Figures
	// Series is the same by time, in buckets of Scenario.Bucket.
	Series []Bucket
	// Groups is the same for each group of clients: first those of Run's newDoer, then each of
	// Scenario.Groups. What the server does (Works, Wasted, Queue, QueueMax, InService) is not
	// told apart, and 0 there. It is nil if the scenario has no Groups.
	Groups []*Report
	// Downstream is what became of the calls that the server made to its Downstream. It is nil if
	// the server has none.
	Downstream *Report

	calls []*call
	waits []wait // of a closed load, in order of time
	end   time.Duration
}

// Bucket is what happened in a stretch of time.
type Bucket struct {
	At time.Duration // its start, since the run's
	Figures
}

// Figures are what is measured. Calls, Good and the latencies belong to the time at which the call
// began, whenever it ended; the others to the time at which they happened.
type Figures struct {
	Calls    int // calls begun
	Good     int // calls that succeeded before the caller's deadline
	Attempts int // how often the op ran
	Works    int // attempts the server did the work for
	Wasted   int // works that nobody had anything of: the caller had left, or was told of a failure
	Refused  int // attempts that the server turned away, as for a full queue
	Failed   int // attempts that the server answered with another error

	// Queue is how many attempts waited at the server, on average over the time (in the last
	// bucket, as if nothing came after the end); QueueMax at most. InService is how many were
	// worked on, on average.
	Queue     float64
	QueueMax  int
	InService float64

	// Waiting is how many calls were under way, on average over the time.
	Waiting float64

	// How long good calls took.
	Mean, P50, P90, P99, Max time.Duration

	// Waits is, in a closed load, how long its callers waited; it is zero in an open one.
	Waits Waits

	// Denials is how many calls and attempts a pipeline kept from the server, by reason, as its
	// Snapshot counts them. It is nil if there were none, or if no Doer has a Snapshot.
	Denials map[resilience.Reason]int
}

// Amplification is Attempts / Calls: how much load the retries add. It is 0 if there was no call.
func (f Figures) Amplification() float64 { return ratio(f.Attempts, f.Calls) }

// Goodput is Good / Calls, the share of the calls that did their callers any good. It is 0 if there
// was no call.
func (f Figures) Goodput() float64 { return ratio(f.Good, f.Calls) }

// latencies is how long good calls took.
func (f *Figures) latencies() Waits { return Waits{f.Mean, f.P50, f.P90, f.P99, f.Max} }

func ratio(a, b int) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

func (f *Figures) deny(reason resilience.Reason, n int) {
	if n == 0 {
		return
	}
	if f.Denials == nil {
		f.Denials = map[resilience.Reason]int{}
	}
	f.Denials[reason] += n
}

// report is how it went, once all calls have ended.
func (l *lab) report() *Report {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	end := min(l.now(), l.meter.end)
	l.meter.pass(end)
	l.meter.read(end-1, denialsOf(l.watched))
	r := newReport(l.scenario, l.meter.buckets, l.calls, end)
	r.Groups, r.Downstream = l.groupReports(r), l.server.behind.report(l, r)
	return r
}

// newReport is of calls that have ended, in the order in which they began.
func newReport(s Scenario, series []Bucket, calls []*call, end time.Duration) *Report {
	r := &Report{Scenario: s, Series: series, calls: calls, end: end}
	r.waits = r.waitsOfAll()
	for i := range r.Series {
		b := &r.Series[i]
		b.count(r.begun(b.At, b.At+s.Bucket))
		b.Waits = summary(durations(r.waitsFrom(b.At, b.At+s.Bucket)))
	}
	r.countWaiting()
	r.Total = r.sum(r.Series, r.calls, r.waits)
	return r
}

// count adds calls, and how long they took.
func (f *Figures) count(calls []*call) {
	took := make([]time.Duration, 0, len(calls))
	for _, c := range calls {
		f.Calls++
		if c.good {
			f.Good++
			took = append(took, c.took)
		}
	}
	w := summary(took)
	f.Mean, f.P50, f.P90, f.P99, f.Max = w.Mean, w.P50, w.P90, w.P99, w.Max
}

// sum is over buckets, and the calls that began in them.
func (r *Report) sum(buckets []Bucket, calls []*call, waits []wait) Figures {
	var f Figures
	f.count(calls)
	f.Waits = summary(durations(waits))
	width := r.Scenario.Bucket
	length := min(buckets[len(buckets)-1].At+width, r.end) - buckets[0].At
	share := 0.0
	if length > 0 { // a bucket may begin at the end, for what came later still
		share = float64(width) / float64(length)
	}
	for i := range buckets {
		b := &buckets[i]
		f.Attempts += b.Attempts
		f.Works += b.Works
		f.Wasted += b.Wasted
		f.Refused += b.Refused
		f.Failed += b.Failed
		f.Queue += share * b.Queue
		f.QueueMax = max(f.QueueMax, b.QueueMax)
		f.InService += share * b.InService
		f.Waiting += share * b.Waiting
		for reason, n := range b.Denials {
			f.deny(reason, n)
		}
	}
	return f
}

// Between is over the buckets that begin at from or later, and before to.
func (r *Report) Between(from, to time.Duration) Figures {
	find := func(t time.Duration) int {
		i, _ := slices.BinarySearchFunc(r.Series, t, func(b Bucket, t time.Duration) int { return cmp.Compare(b.At, t) })
		return i
	}
	first, last := find(from), find(to)
	if first >= last {
		return Figures{}
	}
	end := r.Series[last-1].At + r.Scenario.Bucket
	return r.sum(r.Series[first:last], r.begun(r.Series[first].At, end), r.waitsFrom(r.Series[first].At, end))
}

// begun returns the calls that began between from, inclusive, and to.
func (r *Report) begun(from, to time.Duration) []*call {
	find := func(t time.Duration) int {
		i, _ := slices.BinarySearchFunc(r.calls, t, func(c *call, t time.Duration) int { return cmp.Compare(c.begun, t) })
		return i
	}
	return r.calls[find(from):max(find(from), find(to))]
}
