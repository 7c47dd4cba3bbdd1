package storm

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/internal/chance"
	"github.com/media-gateway/holdfast/resilience"
)

// Doer makes a call: a *holdfast.Pipeline, a retry.Policy, or anything else that runs op as often as it
// sees fit. It is called from many goroutines at once.
type Doer interface {
	Do(ctx context.Context, op resilience.Func) error
}

// DoerFunc makes a Doer of a function.
type DoerFunc func(ctx context.Context, op resilience.Func) error

// Do calls f.
func (f DoerFunc) Do(ctx context.Context, op resilience.Func) error { return f(ctx, op) }

// Bare makes each call once, and takes what comes: what others are compared with.
var Bare Doer = DoerFunc(func(ctx context.Context, op resilience.Func) error { return op(ctx) })

// running is held by the storm that runs, since package chance has one seed.
var running sync.Mutex

// Run goes through the scenario and reports how it went. It opens a bubble of testing/synctest for it, in which a
// minute passes as soon as all have done what there is to do in it, and calls newDoer there, as often as the scenario has
// Clients: what they make has to live in the bubble's time. What is wrong with the scenario fails the test, all of it at once.
//
// Storms run one at a time. Bubbles of other tests must not run beside them: their pauses would be drawn from the
// storm's seed.
func Run(t *testing.T, s Scenario, newDoer func() Doer) *Report {
	t.Helper()
	s, err := s.resolved()
	if err != nil {
		t.Fatal(err)
	}
	running.Lock()
	defer running.Unlock()
	var report *Report
	synctest.Test(t, func(t *testing.T) {
		t.Helper()
		l := newLab(s)
		defer chance.Seed(mix(s.Seed, forJitter), s.Seed)()
		defer chance.MovePauses(l.pause)()
		if err := l.hire(newDoer); err != nil {
			t.Fatal(err)
		}
		report = l.run(t)
	})
	return report
}

// lab is a scenario being run.
//
// All that happens does so at an instant of its own, to the nanosecond: two goroutines of which now the one is
// faster and now the other would make two reports of one seed. So instants are taken in advance (at, take, pause), and who
// was woken by something that cannot be moved, as the end of a ctx, lines up before going on (lineUp).
type lab struct {
	scenario Scenario
	start    time.Time
	doers    []Doer
	watched  []reporter

	mu     sync.Mutex
	taken  map[time.Duration]struct{} // instants at which something is going to happen
	line   *line
	server server
	meter  meter
	calls  []*call
}

// reporter is a Doer that knows why it stopped retrying.
type reporter interface {
	Snapshot() holdfast.Snapshot
}

// call is one call of a client.
type call struct {
	number   int
	attempts int
	begun    time.Duration
	took     time.Duration
	good     bool
}

func newLab(s Scenario) *lab {
	l := &lab{scenario: s, start: time.Now(), taken: map[time.Duration]struct{}{}, meter: newMeter(s)}
	l.server = server{Server: s.Server, lab: l, weather: s.weatherAt(0)}
	return l
}

// hire makes the Doers.
func (l *lab) hire(newDoer func() Doer) error {
	if newDoer == nil {
		return errors.New("storm: newDoer is nil; want a function that makes a Doer")
	}
	known := map[reporter]bool{}
	for range l.scenario.Clients {
		d := newDoer()
		v := reflect.ValueOf(d)
		isPointer := v.Kind() == reflect.Pointer
		if d == nil || isPointer && v.IsNil() {
			return fmt.Errorf("storm: newDoer returned %T(nil); want a Doer", d)
		}
		l.doers = append(l.doers, d)
		if r, ok := d.(reporter); ok && isPointer && !known[r] { // shared by several clients, it is asked once
			known[r] = true
			l.watched = append(l.watched, r)
		}
	}
	return nil
}

func (l *lab) run(t *testing.T) *Report {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	l.forecast()
	var calls sync.WaitGroup
	if l.scenario.Load.kind == closed {
		l.callInLoops(ctx, &calls)
	} else {
		l.callOpenly(ctx, &calls)
	}
	patience := time.AfterFunc(time.Until(l.start.Add(l.scenario.For+l.scenario.Drain)), cancel)
	calls.Wait()
	patience.Stop()
	time.Sleep(l.scenario.For - l.now()) // the server may have work to do yet, for nobody
	return l.report()
}

// forecast plans the turns of the weather, and the readings at the end of each bucket.
func (l *lab) forecast() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, trigger := range l.scenario.Triggers {
		l.turnAt(trigger.At)
		if trigger.ends() {
			l.turnAt(trigger.At + trigger.For)
		}
	}
	l.readAt(l.scenario.Bucket)
}

func (l *lab) turnAt(t time.Duration) {
	if t > 0 {
		l.at(t, func() { l.server.turn(l.scenario.weatherAt(l.now())) })
	}
}

// readAt reads the snapshots at t, and at every end of a bucket after it.
func (l *lab) readAt(t time.Duration) {
	if len(l.watched) == 0 || t > l.meter.end {
		return
	}
	l.at(t, func() {
		l.meter.read(t-1, l.denials())
		l.readAt(t + l.scenario.Bucket)
	})
}

// denials is how often the Doers that know were kept from retrying, so far.
func (l *lab) denials() (sum [resilience.NumReasons]int) {
	for _, r := range l.watched {
		for reason, n := range r.Snapshot().Denials {
			if reason < resilience.NumReasons {
				sum[reason] += int(n)
			}
		}
	}
	return sum
}

// callOpenly begins calls when the load says so.
func (l *lab) callOpenly(ctx context.Context, calls *sync.WaitGroup) {
	next := l.scenario.Load.arrivals(l.scenario.For, l.rnd(forArrivals, 0))
	choice := l.rnd(forChoice, 0)
	at, more := next()
	at = l.take(at)
	for n := 0; more; n++ {
		time.Sleep(at - l.now())
		client := n % len(l.doers)
		if l.scenario.Load.kind == poisson {
			client = choice.IntN(len(l.doers))
		}
		if at, more = next(); more { // before anyone else can take the instant
			at = l.take(at)
		}
		c := l.begin()
		calls.Go(func() { l.do(ctx, l.doers[client], c) })
	}
}

// callInLoops has each caller think, call, and think again.
func (l *lab) callInLoops(ctx context.Context, calls *sync.WaitGroup) {
	for i := range l.scenario.Load.loops {
		rnd := l.rnd(forThinking, uint64(i))
		at := l.take(draw(l.scenario.Load.think, rnd))
		calls.Go(func() {
			for at < l.scenario.For {
				time.Sleep(at - l.now())
				c := l.begin()
				l.do(ctx, l.doers[i%len(l.doers)], c)
				l.lineUp(c)
				at = l.take(l.now() + draw(l.scenario.Load.think, rnd))
			}
		})
	}
}

// begin notes that a call begins.
func (l *lab) begin() *call {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := &call{number: len(l.calls), begun: l.now()}
	l.calls = append(l.calls, c)
	return c
}

// do makes the call c.
func (l *lab) do(ctx context.Context, d Doer, c *call) {
	limit := time.Duration(math.MaxInt64)
	if l.scenario.Deadline > 0 {
		limit = l.scenario.Deadline
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	err := d.Do(ctx, func(ctx context.Context) error { return l.attempt(ctx, c) })
	l.mu.Lock()
	defer l.mu.Unlock()
	c.took = l.now() - c.begun
	c.good = err == nil && c.took <= limit
}

// attempt is the op: it goes to the server and waits for the answer, or for the end of ctx.
func (l *lab) attempt(ctx context.Context, c *call) error {
	if !l.first(c) { // who knows what it has waited for
		l.lineUp(c)
	}
	a := l.send(ctx, c)
	select {
	case <-a.done:
		return a.err
	case <-ctx.Done():
		l.lineUp(c)
		l.leave(a)
		return ctx.Err()
	}
}

// first reports whether c is about to make its first attempt, without having waited.
func (l *lab) first(c *call) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return c.attempts == 0 && c.begun == l.now()
}

// send sends an attempt on its way.
func (l *lab) send(ctx context.Context, c *call) *attempt {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	c.attempts++
	l.meter.bucket(now).Attempts++
	a := &attempt{
		rnd:      l.rnd(forAttempts, uint64(c.number)<<20+uint64(c.attempts)),
		deadline: math.MaxInt64, done: make(chan struct{}),
	}
	if deadline, ok := ctx.Deadline(); ok {
		a.deadline = deadline.Sub(l.start)
	}
	l.at(now+draw(l.server.Hop, a.rnd), func() { l.server.arrive(a) })
	return a
}

// leave notes that a's caller goes.
func (l *lab) leave(a *attempt) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a.left = true
	if l.server.StopsWhenLeft {
		l.at(l.now()+draw(l.server.Hop, a.rnd), func() { l.server.stop(a) })
	}
}

// What chance is drawn for. Each has streams of its own, so that a change of the one does not move the others.
const (
	forArrivals = iota + 1
	forChoice
	forThinking
	forAttempts
	forJitter
)

func (l *lab) rnd(purpose, number uint64) *rand.Rand {
	seed := mix(l.scenario.Seed, purpose)
	return rand.New(rand.NewPCG(mix(seed, number), seed))
}

// mix makes a seed of two numbers (splitmix64).
func mix(a, b uint64) uint64 {
	z := a + (b+1)*0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
