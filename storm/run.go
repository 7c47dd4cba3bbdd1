package storm

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/media-gateway/holdfast/resilience"
)

// Doer makes a call: a *holdfast.Pipeline, a retry.Policy, or anything else that runs op as often
// as it sees fit. It is called from many goroutines at once. It has to return: if it ends its
// goroutine, as require does in it, the storm fails; if it panics, the process ends.
type Doer interface {
	Do(ctx context.Context, op resilience.Func) error
}

// DoerFunc makes a Doer of a function.
type DoerFunc func(ctx context.Context, op resilience.Func) error

// Do calls f.
func (f DoerFunc) Do(ctx context.Context, op resilience.Func) error { return f(ctx, op) }

// Bare makes each call once, and takes what comes: what others are compared with.
var Bare Doer = DoerFunc(func(ctx context.Context, op resilience.Func) error { return op(ctx) })

// lab is a scenario being run.
//
// Everything happens at an instant of its own, to the nanosecond: if two goroutines woke at one
// instant, either might run first, and one seed would make two reports. So instants are taken in
// advance (at, take, pause). A goroutine that was woken by something that cannot be moved, such as
// the end of a ctx, lines up before it goes on (lineUp).
type lab struct {
	scenario Scenario
	start    int64    // in Unix nanoseconds
	doers    []Doer   // by client
	groupOf  []*group // by client
	groups   []*group
	watched  []reporter
	keys     *rand.Rand

	mu     sync.Mutex
	taken  taken // instants at which something is going to happen
	clock  clock
	line   *line
	server server
	meter  meter
	calls  []*call
	blank  []call // for those to come

	background func() (context.Context, context.CancelFunc) // for calls of one server to another
	asks       sync.WaitGroup                               // these calls
	closed     bool                                         // no more of them nor of attempts, and nothing to note of those under way
	over       chan struct{}                                // closed soon after that: nobody is answered any more

	failed error // why there is no report
}

func newLab(s Scenario) *lab {
	l := &lab{scenario: s, start: time.Now().UnixNano(), taken: newTaken(), meter: newMeter(s), over: make(chan struct{})}
	l.server.open(l, s.Server, s.Triggers, &l.meter, 0)
	l.server.behind = newDownstream(l, &l.server.Server, 1)
	l.keys = l.rnd(forKeys, 0)
	l.calls = make([]*call, 0, min(s.Load.expected(s.For), mostExpected))
	return l
}

func (l *lab) run() (*Report, error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	l.background = func() (context.Context, context.CancelFunc) { return context.WithCancel(ctx) }
	end := l.take(l.scenario.For) // nothing else happens when the report is written
	l.forecast()
	l.clock.start(&l.mu, l.now)
	var calls crew
	if l.scenario.Load.kind == closed {
		l.callInLoops(ctx, &calls)
	} else {
		l.callOpenly(ctx, &calls)
	}
	patience := time.AfterFunc(l.scenario.For+l.scenario.Drain-l.now(), cancel)
	calls.wait()
	patience.Stop()
	time.Sleep(end - l.now()) // the server may have work to do yet, for nobody
	report := l.report()
	close(l.over)
	l.clock.stop(&l.mu)
	cancel() // what the server's own calls have to do yet is of no interest
	l.asks.Wait()
	if l.failed != nil {
		return nil, l.failed
	}
	return report, nil
}

// through takes a call through d. If d ends its goroutine, the storm fails.
func (l *lab) through(ctx context.Context, d Doer, c *flight, op resilience.Func) error {
	returned := false
	defer func() {
		if returned {
			return
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.failed != nil {
			return
		}
		whose := fmt.Sprintf("client %d", c.client)
		if c.server != &l.server {
			whose = strconv.Quote(c.server.name)
		}
		l.failed = fmt.Errorf("storm: the Doer of %s has ended its goroutine (runtime.Goexit, as by FailNow of a test), "+
			"in a call that began at %v; want it to return an error", whose, c.begun)
	}()
	err := d.Do(ctx, op)
	returned = true
	return err
}

// forecast plans the turns of the conditions, and the readings at the end of each bucket.
func (l *lab) forecast() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.server.forecast()
	l.readAt(l.scenario.Bucket)
}

// readAt reads the snapshots at t, and at every end of a bucket after it.
func (l *lab) readAt(t time.Duration) {
	if len(l.watched) == 0 && l.server.behind == nil || t > l.meter.end {
		return
	}
	l.at(t, func() {
		l.meter.read(t-1, denialsOf(l.watched))
		for d := l.server.behind; d != nil; d = d.server.behind {
			d.meter.read(t-1, denialsOf(d.watched))
		}
		if len(l.groups) > 1 {
			for _, g := range l.groups {
				g.meter.read(t-1, denialsOf(g.watched))
			}
		}
		l.readAt(t + l.scenario.Bucket)
	})
}
