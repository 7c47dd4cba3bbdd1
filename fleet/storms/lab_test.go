package storms_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/fleet"
	"github.com/media-gateway/holdfast/internal/chance"
	"github.com/media-gateway/holdfast/internal/fleetbus"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/storm"
)

// lab is one run of a row with one kind of client. What it has to do at a time it plans while the
// storm begins, when nothing else happens yet; so a seed repeats it.
type lab struct {
	t      *testing.T
	row    *row
	client client
	fleet  joined
	seed   uint64
	bus    *fleetbus.Bus
	pods   []*pod
	began  time.Time

	halfOpen time.Duration // when half of the breakers were first open in the trouble; never if they were not

	early, calm, during fleetbus.Traffic // up to a while before the trouble, up to its begin, and to its end
}

// joined is whether pods are in a fleet.
type joined uint8

const (
	without joined = iota
	with
	idle // they are, but it follows nothing: so chance is drawn as with one
)

func joining(is bool) joined {
	if is {
		return with
	}
	return without
}

const never time.Duration = -1

// pod is the Doer of one client.
type pod struct {
	lab      *lab
	number   int
	pipeline atomic.Pointer[holdfast.Pipeline]
	fleet    *fleet.Fleet
	replaced int
}

// Do makes a call, once the pod does not stand still.
func (p *pod) Do(ctx context.Context, op resilience.Func) error {
	if d := p.lab.bus.Paused(p.number); d > 0 {
		<-time.After(chance.Pause(d))
	}
	return p.pipeline.Load().Do(ctx, op)
}

// The fleet leaves before the load ends, as the storm's bubble does when all calls have. What
// happens in the last seconds is not judged.
const (
	tail   = 3 * time.Second
	leaves = 2 * time.Second
)

// play plays a row once.
func play(t *testing.T, r *row, c client, fleet joined, seed uint64) (*lab, *storm.Report) {
	t.Helper()
	l := &lab{t: t, row: r, client: c, fleet: fleet, seed: seed, halfOpen: never}
	s := r.scenario
	s.Name, s.Seed, s.Deadline, s.Clients = r.name, seed, patience, r.pods
	s.For = r.until + tail
	return l, storm.Run(t, s, l.newDoer)
}

// newDoer makes the next pod, and plans with the last one.
func (l *lab) newDoer() storm.Doer {
	if len(l.pods) == 0 {
		l.began = time.Now()
		config := l.row.bus
		config.Seed = l.seed
		l.bus = fleetbus.New(config)
	}
	p := &pod{lab: l, number: len(l.pods)}
	l.pods = append(l.pods, p)
	p.start()
	if len(l.pods) == l.row.pods {
		l.plan()
	}
	return p
}

// start makes the pod's pipeline, and joins the fleet.
func (p *pod) start() {
	l := p.lab
	stages := l.client.stages()
	if l.row.old != nil && l.row.old(p.number) {
		stages = older(stages)
	}
	pipeline, err := holdfast.New("checkout", stages...)
	require.NoError(l.t, err)
	p.pipeline.Store(pipeline)
	if l.fleet == without {
		return
	}
	// Each leaves at an instant of its own.
	left := l.row.until + tail - leaves + time.Duration(p.number)*time.Millisecond/2 - time.Since(l.began)
	ctx, cancel := context.WithTimeout(context.Background(), chance.Pause(left))
	p.fleet, err = fleet.Join(ctx, l.bus.Pod(p.number), "shop",
		fleet.WithPod(fmt.Sprintf("checkout-7c9f8d5b6-%03d-%d", p.number, p.replaced)), fleet.WithLogger(slog.New(slog.DiscardHandler)))
	require.NoError(l.t, err)
	context.AfterFunc(ctx, cancel)
	if l.fleet == with {
		p.fleet.Add(pipeline)
	}
}

// replace ends the pod, and starts another in its place.
func (p *pod) replace() {
	if p.fleet != nil {
		p.fleet.Leave()
	}
	p.replaced++
	p.start()
}

// at has f called at that time of the storm.
func (l *lab) at(t time.Duration, f func()) { time.AfterFunc(chance.Pause(t), f) }

// plan plans what happens to the bus and the pods, and the readings.
func (l *lab) plan() {
	if l.row.faults != nil {
		l.row.faults(l)
	}
	r := l.row
	l.at(r.begin-calm, func() { l.early = l.bus.Traffic() })
	l.at(r.begin, func() { l.calm = l.bus.Traffic() })
	if r.end > 0 {
		l.at(r.end, func() { l.during = l.bus.Traffic() })
		l.look(r.begin)
	}
}

// look looks at the breakers at that time, and every 100 ms after it while the trouble lasts.
func (l *lab) look(t time.Duration) {
	l.at(t-time.Since(l.began), func() {
		open := 0
		for _, p := range l.pods {
			if s := p.pipeline.Load().Breakers()[0].State(); s == breaker.StateOpen || s == breaker.StateHalfOpen {
				open++
			}
		}
		if 2*open >= len(l.pods) {
			l.halfOpen = t - l.row.begin
			return
		}
		if t += 100 * time.Millisecond; t < l.row.end {
			l.look(t)
		}
	})
}
