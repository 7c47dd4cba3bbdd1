package storm

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"time"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
)

// Doer makes a call: a *holdfast.Pipeline, a retry.Policy, or anything else that runs op as often
// as it sees fit. It is called from many goroutines at once.
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

// lab is a scenario being run.
//
// All that happens does so at an instant of its own, to the nanosecond: two goroutines of which now
// the one is faster and now the other would make two reports of one seed. So instants are taken in
// advance (at, take, pause), and who was woken by something that cannot be moved, as the end of a
// ctx, lines up before going on (lineUp).
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

func (l *lab) run() *Report {
	ctx, cancel := context.WithCancel(context.Background())
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
