package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/fleet"
	"github.com/media-gateway/holdfast/resilience/budget"
)

// rough is a store, and a network, of the worst kind. It is safe for concurrent use.
type rough struct {
	ills
	mu    sync.Mutex
	rnd   *rand.Rand
	store fleet.Transport
	era   int // the store knows no session of an earlier one
	late  []delayed
	seen  map[string]bool // sessions of this era that the store knows, and requests that it has had
	gone  int64           // tokens that sessions gave which it did not know

	lost, twice, flushed int
}

// ills are what is wrong with it.
type ills struct {
	slow    bool // requests and answers take a while
	answers bool // some are lost
	repeats bool // requests come twice, and late
	forgets bool // the store forgets sessions
	loses   bool // requests, pods, and all that is stored are lost
}

// delayed is a request that comes once more, after others.
type delayed struct {
	room    string
	request fleet.PoolRequest
}

// chance reports whether something happens that happens n times in 100.
func (r *rough) chance(is bool, n int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return is && r.rnd.IntN(100) < n
}

func (r *rough) count(what *int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	*what++
}

// now returns the store that there is now, and how many tokens are gone.
func (r *rough) now() (store fleet.Transport, gone int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.store, r.gone
}

// run has the store carry out a request.
func (r *rough) run(room string, q fleet.PoolRequest) (fleet.PoolReply, error) {
	r.mu.Lock()
	request := fmt.Sprint(q.Session, " ", q.Seq)
	q.Session = fmt.Sprint(r.era, " ", q.Session)
	if !r.seen[request] && !r.seen[q.Session] {
		r.gone += q.Give
	}
	r.seen[request], r.seen[q.Session] = true, true
	store := r.store
	r.mu.Unlock()
	return store.Pool(context.Background(), room, q)
}

// happen does what a store does by itself, and delivers what is late.
func (r *rough) happen() {
	if r.chance(r.loses, 2) {
		r.mu.Lock()
		r.store = fleet.InProcess()
		r.flushed++
		r.mu.Unlock()
	}
	if r.chance(r.forgets, 10) {
		r.count(&r.era)
	}
	var due []delayed
	r.mu.Lock()
	if len(r.late) > 0 && r.rnd.IntN(3) == 0 {
		due, r.late = r.late, nil
	}
	r.mu.Unlock()
	for _, d := range due {
		_, _ = r.run(d.room, d.request)
	}
}

// line is a pod's way to the store. A pod that has crashed is heard of no more.
type line struct {
	fleet.Transport // for what the model does not lose
	rough           *rough
	crashed         atomic.Bool
}

var errLost = errors.New("lost")

func (l *line) Withdraw(ctx context.Context, pod string, rooms []string) error {
	if l.crashed.Load() {
		return errLost
	}
	return l.Transport.Withdraw(ctx, pod, rooms)
}

func (l *line) Pool(_ context.Context, room string, q fleet.PoolRequest) (fleet.PoolReply, error) {
	r := l.rough
	if l.crashed.Load() {
		return fleet.PoolReply{}, errLost
	}
	r.happen()
	if r.chance(r.loses, 10) { // the request
		r.count(&r.lost)
		return fleet.PoolReply{}, errLost
	}
	if r.chance(r.repeats, 20) { // as a client does that has lost the answer
		r.count(&r.twice)
		_, _ = r.run(room, q)
	}
	if r.chance(r.repeats, 20) {
		r.count(&r.twice)
		r.mu.Lock()
		r.late = append(r.late, delayed{room, q})
		r.mu.Unlock()
	}
	if r.chance(r.slow, 20) {
		time.Sleep(200 * time.Millisecond)
	}
	reply, err := r.run(room, q)
	if r.chance(r.slow, 20) {
		time.Sleep(200 * time.Millisecond)
	}
	if r.chance(r.answers, 10) {
		r.count(&r.lost)
		return fleet.PoolReply{}, errLost
	}
	return reply, err
}

// Whatever is lost, comes twice or late, crashes, leaves, joins or is forgotten: all pods together
// spend and have no more tokens than their own banks began with and their own calls deposited. And
// exactly as many, where nothing is lost. With a Ratio of 1 each deposit is one token.
func TestAFleetMakesNoTokens(t *testing.T) {
	for name, ills := range map[string]ills{
		"none": none, "answers": {slow: true, answers: true}, "repeats": {slow: true, repeats: true},
		"forgets": {slow: true, repeats: true, forgets: true}, "all": {true, true, true, true, true},
	} {
		for seed := range uint64(8) {
			t.Run(fmt.Sprint(name, seed), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { conserve(t, seed, ills) })
			})
		}
	}
}

// none is what is wrong with a good store.
var none = ills{}

func conserve(t *testing.T, seed uint64, ills ills) {
	t.Helper()
	rnd := rand.New(rand.NewPCG(seed, 31))
	r := &rough{rnd: rand.New(rand.NewPCG(seed, 32)), store: fleet.InProcess(), seen: map[string]bool{}, ills: ills}
	exactly := ills == none
	type pod struct {
		*payer
		line *line
		stop func()
	}
	var all, live []*pod
	most := 0
	join := func() {
		c := budget.Config{Ratio: 1, Floor: -1, Burst: 4, RefundOnSuccess: rnd.IntN(2) == 0}
		if r.loses { // a bucket loses what is above the Burst of who asks
			c.Burst = 1 + rnd.IntN(8)
		}
		if rnd.IntN(2) == 0 {
			c.DepositOn = budget.AnySuccess
		}
		if rnd.IntN(2) == 0 {
			c.SlowCost = float64(1 + rnd.IntN(c.Burst))
		}
		if rnd.IntN(4) == 0 {
			c.Initial = -1
		}
		most = max(most, c.Burst)
		store, _ := r.now()
		p := &pod{line: &line{Transport: store, rough: r}}
		p.payer = newPayer(t, p.line, fmt.Sprint(len(all)), c)
		p.stop = p.busy(t.Context(), time.Duration(20+rnd.IntN(500))*time.Millisecond)
		all, live = append(all, p), append(live, p)
	}
	// check compares what there is with what there may be. The bucket holds no more than one bank.
	check := func() {
		t.Helper()
		synctest.Wait() // nobody is at work until time passes
		var may, is float64
		var lost uint64
		for _, p := range all {
			b := p.pipeline.Budget()
			s, c := b.Stats(), b.Config()
			may += max(0, float64(c.Initial)) + c.Ratio*float64(s.Deposits)
			is += float64(s.Withdrawals-s.Slow) + s.SlowTokens - s.RefundedTokens + s.Tokens
			for _, one := range p.fleet.Stats().Budgets {
				lost += one.Lost
			}
			require.LessOrEqual(t, s.Tokens, float64(s.Burst))
		}
		store, gone := r.now()
		reply, err := store.Pool(t.Context(), "/shop/checkout", fleet.PoolRequest{Session: fmt.Sprint(time.Now()), Seq: 1, Cap: fleet.MaxTokens, Keep: time.Hour})
		require.NoError(t, err)
		require.LessOrEqual(t, reply.Level, int64(most))
		is += float64(reply.Level + gone)
		require.LessOrEqual(t, is, may, "tokens were made")
		if exactly {
			require.Zero(t, lost)
			require.Equal(t, may, is, "tokens were lost")
		}
	}
	for range 6 {
		join()
	}
	for range 80 {
		time.Sleep(time.Duration(rnd.IntN(3000)) * time.Millisecond)
		switch p := live[rnd.IntN(len(live))]; rnd.IntN(8) {
		case 0:
			join()
		case 1, 2:
			if len(live) < 3 {
				break
			}
			p.line.crashed.Store(r.loses && rnd.IntN(2) == 0)
			p.fleet.Leave()
			p.stop()
			for i := range live {
				if live[i] == p {
					live = append(live[:i], live[i+1:]...)
					break
				}
			}
		default: // what its calls meet from now on
			p.fails.Store([]int64{0, 0, 200, 500, 800, 1000}[rnd.IntN(6)])
		}
		check()
	}
	var leased, given uint64
	for _, p := range live {
		p.fleet.Leave()
		p.stop()
	}
	for _, p := range all {
		for _, s := range p.fleet.Stats().Budgets {
			leased, given = leased+s.Leased, given+s.Given
		}
	}
	check()
	require.NotZero(t, leased)
	require.NotZero(t, given)
	r.mu.Lock()
	defer r.mu.Unlock()
	t.Logf("%d pods, %d tokens leased, %d given, %d requests or answers lost, %d came twice, %d times all was forgotten",
		len(all), leased, given, r.lost, r.twice, r.flushed)
}
