package demo

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"
)

// FleetReport is the result of a play of "demo -fleet". Shares are percentages, times are seconds
// of the virtual clock. A figure is null if there was nothing to compute it from, or if what it
// waits for did not come about. Of an interrupted play there are no figures.
type FleetReport struct {
	Seed        uint64          `json:"seed"`
	Interrupted bool            `json:"interrupted"`
	Setup       FleetSetup      `json:"setup"`
	Alone       *FleetFigures   `json:"alone"`
	Joined      *FleetFigures   `json:"joined"`
	Outages     []OutageFigures `json:"outages"` // shorter ones, each in a play of its own
	Summary     []string        `json:"summary"`
}

// FleetSetup is the part of the FleetConfig that a reader needs.
type FleetSetup struct {
	Pods          int     `json:"pods"`
	CallsPerPod   float64 `json:"calls_per_second_per_pod"`
	WellSeconds   float64 `json:"well_seconds"`
	OutageSeconds float64 `json:"outage_seconds"`
	AgainSeconds  float64 `json:"again_seconds"`
	BrokenSeconds float64 `json:"broken_pod_seconds"`
	MendedSeconds float64 `json:"mended_seconds"`
	LateSeconds   float64 `json:"late_seconds"` // the end of the outage that the "late" figures are about
}

// FleetFigures are those of the pods in one play.
type FleetFigures struct {
	Calls         int      `json:"calls"`
	BeforePercent *float64 `json:"goodput_before_percent"`
	DuringPercent *float64 `json:"goodput_during_percent"`
	AfterPercent  *float64 `json:"goodput_after_percent"`

	Reached       int      `json:"reached"`               // attempts that reached the dependency while it was down
	ReachedLate   int      `json:"reached_late"`          // of these, in the last seconds
	PodsLate      int      `json:"pods_late"`             // that sent those
	Advised       uint64   `json:"advised"`               // breakers opened on the fleet's advice
	HalfOpen      *float64 `json:"half_open_seconds"`     // from the outage's begin until half of the breakers were open
	AllOpen       *float64 `json:"all_open_seconds"`      // and until all were
	FailedMedian  *float64 `json:"failed_median_seconds"` // how long a call took that failed, of those of the outage
	ClosedAgain   *float64 `json:"closed_seconds"`
	OthersPercent *float64 `json:"others_goodput_percent"` // while one pod was broken
	OthersOpened  int      `json:"others_opened"`          // pods whose breaker was open meanwhile
	BrokenOpen    *float64 `json:"broken_open_seconds"`    // from when it broke until its breaker was open
	MendedClosed  *float64 `json:"mended_closed_seconds"`

	Goodput []*float64 `json:"goodput_timeline"` // in equal slices of the play
	Open    []*float64 `json:"open_timeline"`    // percent of the breakers
	Dead    []int      `json:"reached_timeline"`
}

// OutageFigures compare the pods alone and joined in one outage. Goodput is from its begin until
// AgainSeconds after its end.
type OutageFigures struct {
	Seconds float64    `json:"seconds"`
	Alone   OutagePart `json:"alone"`
	Joined  OutagePart `json:"joined"`
}

// OutagePart is one side of OutageFigures.
type OutagePart struct {
	Reached        int      `json:"reached"`
	GoodputPercent *float64 `json:"goodput_percent"`
	ClosedAgain    *float64 `json:"closed_seconds"`
}

// late is how long before the end of the outage the late figures begin.
const late = 10 * time.Second

// PlayFleet plays the pods alone and as a fleet, and then both again in each shorter outage. It
// takes no longer than the computing does. When ctx ends, so does the play, and the report has no
// figures.
func PlayFleet(ctx context.Context, cfg FleetConfig) (*FleetReport, error) {
	if cfg.Pods <= brokenPod {
		return nil, errors.New("the fleet has too few pods: one of them is to break")
	}
	r := &FleetReport{Seed: cfg.Seed, Setup: fleetSetup(cfg)}
	var outages []OutageFigures
	for _, outage := range append(slices.Clone(cfg.Shorter), cfg.Outage) {
		c := cfg.shorter(outage)
		if outage == cfg.Outage {
			c = cfg
		}
		alone, whole, err := playWorld(ctx, c, false)
		if err != nil || !whole {
			r.Interrupted = !whole
			return r, err
		}
		joined, whole, err := playWorld(ctx, c, true)
		if err != nil || !whole {
			r.Interrupted = !whole
			return r, err
		}
		outages = append(outages, OutageFigures{inSeconds(outage), alone.outage(), joined.outage()})
		if outage == cfg.Outage {
			r.Alone, r.Joined = alone.figures(), joined.figures()
		}
	}
	r.Outages = outages
	r.Summary = summarizeFleet(r)
	return r, nil
}

func fleetSetup(c FleetConfig) FleetSetup {
	return FleetSetup{
		Pods: c.Pods, CallsPerPod: c.Rate,
		WellSeconds: inSeconds(c.Well), OutageSeconds: inSeconds(c.Outage), AgainSeconds: inSeconds(c.Again),
		BrokenSeconds: inSeconds(c.Broken), MendedSeconds: inSeconds(c.Mended), LateSeconds: inSeconds(min(late, c.Outage)),
	}
}

// outage returns the figures of the outage.
func (w *world) outage() OutagePart {
	return OutagePart{
		Reached:        len(w.dead),
		GoodputPercent: goodput(w.madeIn(w.cfg.down(), w.cfg.breaks(), anyPod)),
		ClosedAgain:    w.closed(w.cfg.up(), w.cfg.breaks()),
	}
}

func (w *world) figures() *FleetFigures {
	c := &w.cfg
	during := w.madeIn(c.down(), c.up(), anyPod)
	f := &FleetFigures{
		Calls:         len(w.calls),
		BeforePercent: goodput(w.madeIn(0, c.down(), anyPod)),
		DuringPercent: goodput(during),
		AfterPercent:  goodput(w.madeIn(c.up(), c.breaks(), anyPod)),
		Reached:       len(w.dead),
		Advised:       w.advised,
		HalfOpen:      w.opened(c.down(), c.up(), (c.Pods+1)/2),
		AllOpen:       w.opened(c.down(), c.up(), c.Pods),
		FailedMedian:  percentile(slices.DeleteFunc(during, func(c Call) bool { return c.Outcome == Good }), 0.5),
		ClosedAgain:   w.closed(c.up(), c.breaks()),
		OthersPercent: goodput(w.madeIn(c.breaks(), c.mends(), func(pod int) bool { return pod != brokenPod })),
		MendedClosed:  w.closed(c.mends(), c.Length()),
	}
	pods := map[int]bool{}
	for _, a := range w.dead {
		if a.At >= c.up()-late {
			f.ReachedLate++
			pods[a.pod] = true
		}
	}
	f.PodsLate = len(pods)
	f.OthersOpened, f.BrokenOpen = w.whileOneIsBroken()
	w.timelines(f)
	return f
}

func anyPod(int) bool { return true }

// madeIn returns the calls that those pods made in [from, to), in order.
func (w *world) madeIn(from, to time.Duration, by func(pod int) bool) []Call {
	var calls []Call
	for _, c := range w.calls {
		if from <= c.At && c.At < to && by(c.pod) {
			calls = append(calls, c.Call)
		}
	}
	sortByArrival(calls)
	return calls
}

// opened returns how long after from so many breakers were open, nil if they were not before to.
func (w *world) opened(from, to time.Duration, breakers int) *float64 {
	for _, s := range w.momentsIn(from, to) {
		if s.count() >= breakers {
			return new(inSeconds(s.at - from))
		}
	}
	return nil
}

// closed returns how long after from the last breaker closed, nil if one was still open at to.
func (w *world) closed(from, to time.Duration) *float64 {
	closed := from
	moments := w.momentsIn(from, to)
	for i, s := range moments {
		switch {
		case s.count() == 0:
		case i == len(moments)-1:
			return nil
		default:
			closed = moments[i+1].at
		}
	}
	return new(inSeconds(closed - from))
}

// whileOneIsBroken returns how many other pods' breakers were open meanwhile, and how long it took
// the broken one's to open.
func (w *world) whileOneIsBroken() (others int, opened *float64) {
	open := map[int]bool{}
	for _, s := range w.momentsIn(w.cfg.breaks(), w.cfg.mends()) {
		for pod, is := range s.open {
			switch {
			case !is:
			case pod != brokenPod:
				open[pod] = true
			case opened == nil:
				opened = new(inSeconds(s.at - w.cfg.breaks()))
			}
		}
	}
	return len(open), opened
}

// momentsIn returns the samples taken in [from, to).
func (w *world) momentsIn(from, to time.Duration) []moment {
	at := func(s moment, t time.Duration) int { return cmp.Compare(s.at, t) }
	i, _ := slices.BinarySearchFunc(w.moments, from, at)
	j, _ := slices.BinarySearchFunc(w.moments, to, at)
	return w.moments[i:max(i, j)]
}

func (s moment) count() (n int) {
	for _, open := range s.open {
		if open {
			n++
		}
	}
	return n
}

// timelines fills in what is drawn over time.
func (w *world) timelines(f *FleetFigures) {
	slice := w.cfg.Length() / timelineSlices
	for i := range timelineSlices {
		from := slice * time.Duration(i)
		f.Goodput = append(f.Goodput, goodput(w.madeIn(from, from+slice, anyPod)))
		open, of := 0, 0
		for _, s := range w.momentsIn(from, from+slice) {
			open, of = open+s.count(), of+len(s.open)
		}
		f.Open = append(f.Open, new(100*float64(open)/float64(max(of, 1))))
		dead := 0
		for _, a := range w.dead {
			if from <= a.At && a.At < from+slice {
				dead++
			}
		}
		f.Dead = append(f.Dead, dead)
	}
}
