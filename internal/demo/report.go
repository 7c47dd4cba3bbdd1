package demo

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// Report is the result of a play. Shares are percentages, times are seconds. A figure is null if
// there was nothing to compute it from.
type Report struct {
	Seed            uint64         `json:"seed"`
	Interrupted     bool           `json:"interrupted"`
	RanSeconds      float64        `json:"ran_seconds"`       // how long calls arrived
	WorstLagSeconds float64        `json:"worst_lag_seconds"` // the most that a call began late, since the machine was busy
	Machine         machine        `json:"machine"`
	Setup           Setup          `json:"setup"`
	Clients         []ClientReport `json:"clients"`
	Summary         []string       `json:"summary"`
}

// Setup is the part of the Config that a reader needs.
type Setup struct {
	HealthySeconds     float64 `json:"healthy_seconds"`
	OutageSeconds      float64 `json:"outage_seconds"`
	RecoverySeconds    float64 `json:"recovery_seconds"`
	CallsPerSecond     float64 `json:"calls_per_second"`
	DeadlineSeconds    float64 `json:"deadline_seconds"`
	AttemptSeconds     float64 `json:"attempt_timeout_seconds"`
	Retries            int     `json:"retries"`
	CapacityPerBackend float64 `json:"capacity_per_backend"`
	CapacityInOutage   float64 `json:"capacity_in_outage"`
	Queue              int     `json:"queue"`
	FaultPercent       float64 `json:"fault_percent"`
}

// ClientReport is the result of one client.
type ClientReport struct {
	Name            string            `json:"name"`
	Calls           int               `json:"calls"`
	Dropped         int64             `json:"dropped"` // arrivals beyond MaxInFlight, which made no call
	Attempts        int               `json:"attempts"`
	Amplification   float64           `json:"amplification"` // attempts per call
	Before          PhaseReport       `json:"before"`
	During          PhaseReport       `json:"during"`
	After           PhaseReport       `json:"after"`
	P99Seconds      *float64          `json:"p99_seconds"`
	RecoverySeconds *float64          `json:"recovery_seconds"` // from the end of the outage to 99 % goodput; null: not within the run
	Outcomes        map[string]int    `json:"outcomes"`
	Denials         map[string]uint64 `json:"denials"` // what the client itself refused, by reason; null if it does not count that
	Backends        []BackendReport   `json:"backends"`
	Timeline        []*float64        `json:"timeline"` // goodput in equal slices of the play
}

// PhaseReport is about the calls that arrived in a phase.
type PhaseReport struct {
	Calls          int      `json:"calls"`
	Good           int      `json:"good"`
	Attempts       int      `json:"attempts"`
	GoodputPercent *float64 `json:"goodput_percent"`
	P99Seconds     *float64 `json:"p99_seconds"`
}

// BackendReport is one backend's counts.
type BackendReport struct {
	Name string `json:"name"`
	BackendCounts
}

const (
	timelineSlices = 40

	// A client has recovered at the first moment for which two groups of calls reach 99 % goodput:
	// those of the next second, and those from then to the end. So neither a lucky moment nor a
	// short pause of the machine long after decides it.
	recoveredShare  = 0.99
	recoveredWindow = time.Second
)

func (p *play) report(lag time.Duration, interrupted bool) *Report {
	r := &Report{
		Seed:            p.cfg.Seed,
		Interrupted:     interrupted,
		RanSeconds:      inSeconds(p.ran),
		WorstLagSeconds: inSeconds(lag),
		Machine:         thisMachine(),
		Setup:           setup(p.cfg),
	}
	for _, c := range p.clients {
		cr := reportOn(c.name, c.ledger.calls, p.cfg, p.ran)
		cr.Dropped = c.ledger.dropped.Load()
		if denials, counted := c.denials(); counted {
			cr.Denials = denials
		}
		for _, s := range c.servers {
			cr.Backends = append(cr.Backends, BackendReport{s.name, s.Counts()})
		}
		r.Clients = append(r.Clients, cr)
	}
	r.Summary = summarize(r)
	return r
}

// reportOn computes what follows from the calls. ran is how long the play lasted.
func reportOn(name string, calls []Call, cfg Config, ran time.Duration) ClientReport {
	calls = slices.Clone(calls)
	sortByArrival(calls)
	r := ClientReport{Name: name, Calls: len(calls), Outcomes: map[string]int{}}
	for o := range Outcome(numOutcomes) {
		r.Outcomes[o.String()] = 0
	}
	for _, c := range calls {
		r.Attempts += c.Attempts
		r.Outcomes[c.Outcome.String()]++
	}
	if r.Calls > 0 {
		r.Amplification = float64(r.Attempts) / float64(r.Calls)
	}
	whole := slices.DeleteFunc(calls, func(c Call) bool { return c.Outcome == Interrupted })
	outage, recovery := cfg.Healthy, cfg.Healthy+cfg.Outage
	r.Before = phaseReport(between(whole, 0, outage))
	r.During = phaseReport(between(whole, outage, recovery))
	r.After = phaseReport(between(whole, recovery, cfg.Length()))
	r.P99Seconds = percentile(whole, 0.99)
	if t, ok := recoveryTime(whole, recovery, ran); ok {
		r.RecoverySeconds = new(inSeconds(t))
	}
	slice := cfg.Length() / timelineSlices
	for i := range time.Duration(timelineSlices) {
		r.Timeline = append(r.Timeline, goodput(between(whole, i*slice, (i+1)*slice)))
	}
	return r
}

func phaseReport(calls []Call) PhaseReport {
	r := PhaseReport{Calls: len(calls), GoodputPercent: goodput(calls), P99Seconds: percentile(calls, 0.99)}
	for _, c := range calls {
		r.Attempts += c.Attempts
	}
	r.Good = countGood(calls)
	return r
}

func sortByArrival(calls []Call) {
	slices.SortStableFunc(calls, func(a, b Call) int { return cmp.Compare(a.At, b.At) })
}

// between returns the calls that arrived in [from, to). calls are in order of arrival.
func between(calls []Call, from, to time.Duration) []Call {
	at := func(c Call, t time.Duration) int { return cmp.Compare(c.At, t) }
	i, _ := slices.BinarySearchFunc(calls, from, at)
	j, _ := slices.BinarySearchFunc(calls, to, at)
	return calls[i:max(i, j)]
}

func countGood(calls []Call) (n int) {
	for _, c := range calls {
		if c.Outcome == Good {
			n++
		}
	}
	return n
}

// goodput returns the percentage of good calls, or nil if there are no calls.
func goodput(calls []Call) *float64 {
	if len(calls) == 0 {
		return nil
	}
	return new(100 * float64(countGood(calls)) / float64(len(calls)))
}

// percentile returns the latency, in seconds, that a share of the calls did not exceed (the nearest
// rank), or nil if there are no calls.
func percentile(calls []Call, share float64) *float64 {
	if len(calls) == 0 {
		return nil
	}
	latencies := make([]time.Duration, len(calls))
	for i, c := range calls {
		latencies[i] = c.Latency
	}
	slices.Sort(latencies)
	rank := int(math.Ceil(share * float64(len(latencies))))
	return new(inSeconds(latencies[max(0, rank-1)]))
}

// recoveryTime returns how long after from the client was back at 99 % goodput. It returns false if
// it was not back before end. calls are in order of arrival.
func recoveryTime(calls []Call, from, end time.Duration) (time.Duration, bool) {
	calls = between(calls, from, end)
	back := func(t, to time.Duration) bool {
		g := goodput(between(calls, t, to))
		return g != nil && *g >= 100*recoveredShare
	}
	// A later moment is better only if one more failed call is before it. So the first moment is
	// from, or just after a failed call.
	t := from
	for i := 0; t+recoveredWindow <= end; i++ {
		if back(t, t+recoveredWindow) && back(t, end) {
			return t - from, true
		}
		for i < len(calls) && calls[i].Outcome == Good {
			i++
		}
		if i == len(calls) {
			break
		}
		t = calls[i].At + 1
	}
	return 0, false
}

func setup(c Config) Setup {
	return Setup{
		HealthySeconds:     inSeconds(c.Healthy),
		OutageSeconds:      inSeconds(c.Outage),
		RecoverySeconds:    inSeconds(c.Recovery),
		CallsPerSecond:     c.Rate,
		DeadlineSeconds:    inSeconds(c.Deadline),
		AttemptSeconds:     inSeconds(c.Attempt),
		Retries:            c.Retries,
		CapacityPerBackend: c.Backend.Capacity(),
		CapacityInOutage:   c.Backend.Capacity() / float64(c.Slowdown),
		Queue:              c.Backend.Queue,
		FaultPercent:       100 * c.Backend.FaultRate,
	}
}

// inSeconds returns a duration in seconds, rounded to 0.1 ms.
func inSeconds(d time.Duration) float64 { return math.Round(float64(d)/1e5) / 1e4 }
