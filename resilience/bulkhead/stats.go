package bulkhead

import "github.com/media-gateway/holdfast/internal/mono"

// Stats is what a bulkhead is doing, and has done so far.
type Stats struct {
	// MaxConcurrent is that of the Config; 0: there is none but the adaptive limit.
	MaxConcurrent int `json:"max_concurrent"`

	// InUse is how many are in flight. Where nobody counts them, since an adaptive bulkhead has no
	// limit at the moment, it is how many calls of the pipeline are: some may be in a pause.
	InUse int `json:"in_use"`

	Waiting    int    `json:"waiting"`
	QueueLimit int    `json:"queue_limit"` // how many may wait; 0: any number
	Rejected   uint64 `json:"rejected"`

	Adaptive bool   `json:"adaptive,omitempty"`  // it finds a limit by itself
	Limit    int    `json:"limit,omitempty"`     // the adaptive limit; 0: there is none at the moment
	Cuts     uint64 `json:"cuts,omitempty"`      // how often that was cut after slow failures in a row
	LateCuts uint64 `json:"late_cuts,omitempty"` // how often that was cut after successes that took long
	Why      string `json:"why,omitempty"`       // why it was cut last: "5 slow failures in a row"; "" without a limit

	binds bool // the limit has kept somebody waiting, or something failed slowly, within CalmFor
}

// Stats returns the counts. They are read one after the other, while calls go on.
func (b *Bulkhead) Stats() Stats {
	s := Stats{
		MaxConcurrent: max(0, b.settings.MaxConcurrent), QueueLimit: b.settings.QueueLimit, Adaptive: b.Adapts(),
	}
	st := b.shared.Load()
	if st != nil {
		s.InUse, s.Waiting, s.Rejected = int(st.inUse.Load()), int(st.waiting.Load()), st.rejected.Load()
		s.Cuts, s.LateCuts = st.cuts.Load(), st.lateCuts.Load()
	}
	l := st.limits()
	if st != nil {
		s.InUse += int(st.older.calls.Load())
	}
	switch {
	case l != nil:
		now := mono.Now()
		l.tick(now)
		s.InUse += int(l.older.Load())
		s.Limit, s.Why = l.whole(), l.why.Load().Error()
		s.binds = !l.calm(b.settings.Adaptive, now)
	case !b.counts && b.calls != nil:
		calls, _ := b.calls.InFlight()
		s.InUse = max(s.InUse, calls)
	}
	return s
}

// Add adds what another bulkhead does and has done to s, for a sum over several. The zero Stats is
// that of none. Where any number may wait in one of them, any number may in all; and where one of
// them has no MaxConcurrent, or no adaptive limit, the sum has none.
func (s *Stats) Add(other Stats) {
	none := *s == Stats{}
	unlimited := other.QueueLimit == 0 || !none && s.QueueLimit == 0
	boundless := other.MaxConcurrent == 0 || !none && s.MaxConcurrent == 0
	free := other.Limit == 0 || !none && s.Limit == 0
	s.MaxConcurrent += other.MaxConcurrent
	s.InUse += other.InUse
	s.Waiting += other.Waiting
	s.QueueLimit += other.QueueLimit
	s.Rejected += other.Rejected
	s.Adaptive = s.Adaptive || other.Adaptive
	s.Limit += other.Limit
	s.Cuts += other.Cuts
	s.LateCuts += other.LateCuts
	if s.Why == "" {
		s.Why = other.Why
	}
	s.binds = s.binds || other.binds
	if unlimited {
		s.QueueLimit = 0
	}
	if boundless {
		s.MaxConcurrent = 0
	}
	if free {
		s.Limit = 0
	}
}
