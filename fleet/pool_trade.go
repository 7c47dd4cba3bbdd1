package fleet

import (
	"math"
	"time"

	"github.com/media-gateway/holdfast/internal/mono"
	"github.com/media-gateway/holdfast/resilience/budget"
)

const (
	leaseFor = 10 * time.Second // after which a pod gives back what it has leased and not used
	keep     = 10 * time.Minute // that the store remembers a bucket, and a pod's latest request
	pause    = 2 * time.Second  // after a request that failed
	patient  = 3                // how often a pod asks for tokens, without a success since
)

// account is how a pod decides what it gives to the bucket, and what it asks for.
type account struct {
	config budget.Config // in force at the latest reading
	was    budget.Stats  // at the latest reading
	calls  uint64        // of the pipelines, by then
	failed uint64        // of those

	dropped  float64   // tokens that the bank, which was full, has not got since
	stirred  bool      // a retry was paid for since the bucket was last full: before, nobody needs it
	dry      bool      // the bank could not pay, or cannot pay any more
	asks     int       // that are left until there is a success
	leased   int64     // tokens in the bank that are the bucket's
	leasedAt mono.Time // the latest of them
	surplus  int64     // tokens that had no room in the bank
}

func newAccount(c budget.Config, s budget.Stats, calls, failed uint64) account {
	return account{config: c, was: s, calls: calls, failed: failed, stirred: true, asks: patient}
}

// read takes note of what has happened since it was read before.
func (a *account) read(c budget.Config, s budget.Stats, calls, failed uint64) {
	paid := float64(rise(a.was.Withdrawals, s.Withdrawals) + rise(a.was.FloorPaid, s.FloorPaid))
	slow := float64(rise(a.was.Slow, s.Slow))
	spent := max(0, paid-slow) + max(0, s.SlowTokens-a.was.SlowTokens)
	refused := rise(a.was.Refused, s.Refused) + rise(a.was.ShadowRefused, s.ShadowRefused)
	came, lost := rise(a.calls, calls), rise(a.failed, failed)
	good := came - min(lost, came)
	feeding := good
	if c.DepositOn == budget.Arrival {
		feeding = came
	}
	switch {
	case s.Tokens < float64(s.Burst) || s.Late:
		a.dropped = 0
	default:
		a.dropped = min(a.dropped+max(c.Ratio, 0)*float64(feeding), float64(s.Burst))
	}
	a.stirred = a.stirred || paid > 0 || refused > 0
	a.dry = refused > 0 || s.Tokens < 1 && paid > 0
	if good > 0 {
		a.asks = patient
	}
	a.leased = max(0, min(a.leased-int64(math.Ceil(spent)), int64(s.Tokens)))
	a.config, a.was, a.calls, a.failed = c, s, calls, failed
}

// rise returns by how much a count has grown.
func rise(was, is uint64) uint64 { return is - min(was, is) }

// wants returns how many tokens the pod asks for: as many as fill half of its bank, and at least
// those that it needs for one slow retry.
func (a *account) wants() int64 {
	if !a.dry || a.asks == 0 {
		return 0
	}
	target := min(max(a.config.SlowCost, float64(a.config.Burst)/2), float64(a.config.Burst))
	return max(0, int64(math.Ceil(target-a.was.Tokens)))
}

// spares returns how many tokens the pod gives: what it leased and did not use, or what the full
// bank would get back soon.
func (a *account) spares(now mono.Time) int64 {
	switch {
	case a.leased > 0 && time.Duration(now-a.leasedAt) >= leaseFor:
		return a.leased
	case a.stirred:
		return int64(a.dropped)
	}
	return 0
}

// settled takes note of a reply.
func (a *account) settled(r PoolRequest, reply PoolReply, put int64, now mono.Time) {
	a.surplus = reply.Granted - put
	a.leased = max(0, a.leased-reply.Accepted)
	if r.Give > 0 {
		a.dropped = 0
	}
	if reply.Level >= r.Cap { // nobody needs what this pod can spare
		a.dropped, a.leased, a.stirred = 0, 0, false
	}
	if r.Take > 0 {
		a.asks--
	}
	if put > 0 {
		a.leased, a.leasedAt = a.leased+put, now
	}
}
