package model

import (
	"slices"
	"time"

	"github.com/media-gateway/holdfast/resilience/bulkhead"
)

// Bulkhead is what the documentation of package bulkhead says a Bulkhead is. It is told what limit
// an adaptive one has found, and only says whether that may be: see Learn. Left out is what the
// documentation leaves open, or says of pipelines: when a limit goes away (CalmFor), Times, and the
// first cut where nobody counts.
type Bulkhead struct {
	Config bulkhead.Config // with the defaults filled in

	alone bool            // it is a stage of one pipeline, which knows how many calls are in flight
	limit time.Duration   // of the deadline inside it; 0: there is none
	calls []*BulkheadCall // all that ever came, in order of arrival

	adaptive adaptive
}

// BulkheadCall is a call that came to the bulkhead.
type BulkheadCall struct {
	Stand         Stand
	MaxConcurrent int           // that were inside when it was refused; 0: there is no such limit
	MaxWait       time.Duration // that it has waited in vain
	Queued        int           // how many waited already, where no more may
	Limit         int           // that was reached; 0: it was MaxConcurrent

	config  bulkhead.Config // by which it came
	waits   time.Time       // until then; zero: for as long as its ctx lives
	hangs   time.Time       // its ctx ends then; zero: it does not
	counted bool            // when it came
	until   time.Time       // if it was counted later, by number only: for no longer; zero: never
	lost    bool            // that time is over
}

// Stand is how a call fares.
type Stand string

// How calls fare.
const (
	Waits   Stand = "waits"
	Inside  Stand = "inside"
	Left    Stand = "left"
	Refused Stand = "refused"
	GaveUp  Stand = "gave up" // its ctx had ended before it had a place
)

// NewBulkhead returns the model of a bulkhead of a Config that is right. alone says that it is a
// stage of one pipeline, and limit is that of the deadline inside it, 0 without one.
func NewBulkhead(c bulkhead.Config, alone bool, limit time.Duration) *Bulkhead {
	return &Bulkhead{Config: BulkheadDefaults(c), alone: alone, limit: limit}
}

// BulkheadDefaults fills in the defaults, but for an adaptive limit's CalmFor and Times.
func BulkheadDefaults(c bulkhead.Config) bulkhead.Config {
	if c.MaxConcurrent == 0 {
		c.MaxConcurrent = 64
		if c.Adaptive != nil {
			c.MaxConcurrent = -1
		}
	}
	if c.Adaptive != nil {
		a := *c.Adaptive
		if a.SlowFailures == 0 {
			a.SlowFailures = 5
		}
		if a.CutTo == 0 {
			a.CutTo = 0.7
		}
		if a.CutEvery == 0 {
			a.CutEvery = 500 * time.Millisecond
		}
		c.Adaptive = &a
	}
	return c
}

// Arrive is a call that comes. c has the numbers by which it waits: those in force, or earlier ones
// if it began before they changed. The limits of how many are inside and how many wait are those in
// force in any case. Undecided: QueueLimit is one of "limits of what is in flight, which hold at
// once". hangs is when its ctx ends, which may be over; zero: never.
func (b *Bulkhead) Arrive(now time.Time, c bulkhead.Config, hangs time.Time) *BulkheadCall {
	b.Pass(now)
	call := &BulkheadCall{config: c, counted: b.counts(), hangs: hangs}
	b.calls = append(b.calls, call)
	waiting := len(b.standing(Waits))
	switch {
	case over(hangs, now):
		call.Stand = GaveUp
	case b.room():
		call.Stand = Inside
	case c.MaxWait == 0:
		b.refuse(call, 0, 0)
	case b.Config.QueueLimit > 0 && waiting >= b.Config.QueueLimit:
		b.refuse(call, 0, waiting)
	default:
		call.Stand = Waits
		if c.MaxWait > 0 {
			call.waits = now.Add(c.MaxWait)
		}
	}
	return call
}

// Leave is the end of a call inside, however it ends.
func (b *Bulkhead) Leave(c *BulkheadCall, now time.Time) {
	b.Pass(now)
	b.leave(c)
}

// LeaveInTime is Leave at the nanosecond at which the waits of others are over. lucky is one of
// these, which has got the place all the same. It reports whether that may be.
func (b *Bulkhead) LeaveInTime(c, lucky *BulkheadCall, now time.Time) bool {
	b.Pass(now.Add(-1))
	for _, w := range b.standing(Waits) {
		if w == lucky {
			break
		}
		b.expire(w, now)
	}
	b.leave(c)
	b.Pass(now)
	return lucky.Stand == Inside
}

func (b *Bulkhead) leave(c *BulkheadCall) {
	c.Stand = Left
	b.letIn()
}

// GiveUp is the end of the ctx of a call that waits. Where it does not wait it makes no difference.
func (b *Bulkhead) GiveUp(c *BulkheadCall, now time.Time) {
	b.Pass(now)
	if c.Stand == Waits {
		c.Stand = GaveUp
	}
}

// Renumber makes the bulkhead go by other numbers: see ADR 33. Those inside stay, and who waits
// waits for as long as it would have.
func (b *Bulkhead) Renumber(c bulkhead.Config, now time.Time) {
	b.Pass(now)
	counted := b.counts()
	was := b.Config.Adaptive
	b.Config = BulkheadDefaults(c)
	if c.Adaptive == nil && was != nil {
		b.adaptive = adaptive{cuts: b.adaptive.cuts}
	}
	if b.counts() && !counted {
		b.count(now)
	}
	b.letIn()
}

// counts reports whether the bulkhead counts by itself who is inside.
func (b *Bulkhead) counts() bool { return !b.alone || b.Config.MaxConcurrent > 0 }

// count is what happens to those inside whom nobody has counted: they are known by number only, and
// take places until they end, or until their deadline says that they must have. Undecided: at their
// deadline itself they may still be there; and who had to wait for its place was counted.
func (b *Bulkhead) count(now time.Time) {
	within := b.limit
	if within == 0 {
		within = 10 * time.Second
	}
	for _, c := range b.standing(Inside) {
		if !c.counted {
			c.until, c.lost = now.Add(within+1), false
		}
	}
}

// Pass lets time pass: whose wait is over is refused, whose ctx has ended gives up, and who must
// have ended by its deadline leaves its place to others.
func (b *Bulkhead) Pass(now time.Time) {
	for next := b.Next(); over(next, now); next = b.Next() {
		for _, c := range b.calls {
			b.expire(c, next)
		}
		b.letIn()
	}
}

// due returns when something happens to a call by itself; zero: never.
func (c *BulkheadCall) due() time.Time {
	switch {
	case c.Stand == Inside && !c.lost:
		return c.until
	case c.Stand == Waits && (c.waits.IsZero() || !c.hangs.IsZero() && c.hangs.Before(c.waits)):
		return c.hangs
	case c.Stand == Waits:
		return c.waits
	}
	return time.Time{}
}

// expire lets happen to a call what is due now.
func (b *Bulkhead) expire(c *BulkheadCall, now time.Time) {
	switch {
	case !over(c.due(), now):
	case c.Stand == Inside:
		c.lost = true
	case over(c.hangs, now):
		c.Stand = GaveUp
	default:
		b.refuse(c, c.config.MaxWait, 0)
	}
}

func (b *Bulkhead) refuse(c *BulkheadCall, waited time.Duration, queued int) {
	c.Stand, c.MaxConcurrent, c.MaxWait, c.Queued = Refused, max(0, b.Config.MaxConcurrent), waited, queued
	if limit := b.adaptive.whole; b.Config.MaxConcurrent < 0 || limit < b.Config.MaxConcurrent {
		c.Limit = limit
	}
}

// letIn gives the places that are free to those who wait, in order of arrival.
func (b *Bulkhead) letIn() {
	for _, c := range b.standing(Waits) {
		if !b.room() {
			return
		}
		c.Stand = Inside
	}
}

// room reports whether one more call may be inside. One more always may while none of those is
// inside that were counted when they came.
func (b *Bulkhead) room() bool {
	counted, others := b.taken()
	if limit := b.adaptive.whole; limit > 0 && counted+others >= limit && counted > 0 {
		return false
	}
	return b.Config.MaxConcurrent < 0 || counted+others < b.Config.MaxConcurrent || counted == 0
}

// taken is how many places are taken by those who were counted when they came, and by others.
func (b *Bulkhead) taken() (counted, others int) {
	for _, c := range b.standing(Inside) {
		switch {
		case c.counted:
			counted++
		case !c.lost && !c.until.IsZero():
			others++
		}
	}
	return counted, others
}

// standing returns the calls that fare so, in order of arrival.
func (b *Bulkhead) standing(s Stand) (all []*BulkheadCall) {
	for _, c := range b.calls {
		if c.Stand == s {
			all = append(all, c)
		}
	}
	return all
}

// Stats are the counts.
func (b *Bulkhead) Stats(now time.Time) bulkhead.Stats {
	b.Pass(now)
	counted, others := b.taken()
	s := bulkhead.Stats{
		MaxConcurrent: max(0, b.Config.MaxConcurrent), InUse: counted + others, Waiting: len(b.standing(Waits)),
		QueueLimit: b.Config.QueueLimit, Rejected: uint64(len(b.standing(Refused))), Adaptive: b.Config.Adaptive != nil,
		Limit: b.adaptive.whole, Cuts: b.adaptive.cuts,
	}
	if !b.counts() {
		s.InUse = len(b.standing(Inside)) // of the pipeline
	}
	return s
}

// Next returns when something happens by itself for the next time; zero: never.
func (b *Bulkhead) Next() time.Time { return soonest(b.calls, (*BulkheadCall).due) }

// NextRefusal returns when the next of those who wait has waited for too long; zero: never.
func (b *Bulkhead) NextRefusal() time.Time {
	return soonest(b.standing(Waits), func(c *BulkheadCall) time.Time { return c.waits })
}

func soonest(calls []*BulkheadCall, when func(*BulkheadCall) time.Time) (next time.Time) {
	for _, c := range calls {
		if at := when(c); !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return next
}

// Clashes reports whether it would be chance what comes of a wait that is over at that moment:
// places of those whom nobody counted come free then, or the ctx of another that waits ends.
func (b *Bulkhead) Clashes(at time.Time) bool {
	return slices.ContainsFunc(b.calls, func(c *BulkheadCall) bool {
		return c.Stand == Inside && c.due().Equal(at) || c.Stand == Waits && c.hangs.Equal(at)
	})
}

// Due reports whether the wait of a call is over now, if it has no place.
func (b *Bulkhead) Due(c *BulkheadCall, now time.Time) bool { return c.waits.Equal(now) }

// over reports whether a moment has come; the zero one never does.
func over(moment, now time.Time) bool { return !moment.IsZero() && !moment.After(now) }
