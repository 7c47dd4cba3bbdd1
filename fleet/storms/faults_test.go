package storms_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/fleet"
	"github.com/media-gateway/holdfast/internal/chance"
	"github.com/media-gateway/holdfast/internal/fleetbus"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

// storeRows are outages of 20 s in which the store, or the network to it, is in trouble, too.
func storeRows() []row {
	const middle, end = begins + lasts/2, begins + lasts
	during := func(from, to time.Duration, begin, over func(b *fleetbus.Bus)) func(l *lab) {
		return func(l *lab) {
			l.at(from, func() { begin(l.bus) })
			l.at(to, func() { over(l.bus) })
		}
	}
	stop, start := func(b *fleetbus.Bus) { b.Down(true) }, func(b *fleetbus.Bus) { b.Down(false) }
	firstHalf := func(pod int) bool { return pod < many/2 }
	split, join := func(b *fleetbus.Bus) { b.Split(firstHalf) }, func(b *fleetbus.Bus) { b.Split(nil) }
	cut, mend := func(b *fleetbus.Bus) { b.Cut(firstHalf) }, func(b *fleetbus.Bus) { b.Cut(nil) }
	jump := func(d time.Duration) func(l *lab) {
		return func(l *lab) { l.at(middle, func() { l.bus.Jump(d) }) }
	}
	var rows []row
	add := func(name string, faults func(l *lab), config fleetbus.Config) {
		if config.Delay == 0 {
			config.Delay, config.Jitter = network.Delay, network.Jitter
		}
		rows = append(rows, as("outage 20 s", of(name, func(r *row) { r.faults, r.bus = faults, config })))
	}
	add("down, from before it until after it", during(begins-5*time.Second, end+10*time.Second, stop, start), network)
	add("down in its second half", during(middle, end+10*time.Second, stop, start), network)
	add("down in its first half", during(begins-5*time.Second, middle, stop, start), network)
	add("split into halves, which are one again in the middle of it", during(begins-5*time.Second, middle, split, join), network)
	add("split into halves, from the middle of it on", during(middle, end+10*time.Second, split, join), network)
	add("half of the pods are cut off, from before it until after it", during(begins-5*time.Second, end+10*time.Second, cut, mend), network)
	add("half of the pods are cut off, from the middle of it on", during(middle, end+10*time.Second, cut, mend), network)
	add("flushed every second", flushes, network)
	add("10 % of the messages are lost", nil, fleetbus.Config{Lost: 0.1})
	add("30 % of the messages are lost", nil, fleetbus.Config{Lost: 0.3})
	add("each message takes 100 ms, and 50 ms more on average", nil, fleetbus.Config{Delay: 100 * time.Millisecond, Jitter: 50 * time.Millisecond})
	add("one request in five comes again, up to 3 s late", nil, fleetbus.Config{Repeated: 0.2, Late: 3 * time.Second})
	add("its clock is a fifth too fast", nil, fleetbus.Config{ClockRate: 1.2})
	add("its clock is a fifth too slow, pods' are off by up to 5 %", nil, fleetbus.Config{ClockRate: 0.8, Drift: 0.05})
	add("its clock is set back by 10 min in the middle of it", jump(-10*time.Minute), network)
	add("its clock is set forward by 10 min in the middle of it", jump(10*time.Minute), network)
	add("all of that at once", func(l *lab) {
		flushes(l)
		jump(-2 * time.Second)(l)
		during(begins-5*time.Second, middle, split, join)(l)
		during(middle+2*time.Second, middle+5*time.Second, cut, mend)(l)
		during(middle+6*time.Second, middle+8*time.Second, stop, start)(l)
	}, fleetbus.Config{
		Delay: 20 * time.Millisecond, Jitter: 20 * time.Millisecond, Lost: 0.1, Repeated: 0.1, Late: 3 * time.Second,
		ClockRate: 1.05, Drift: 0.02,
	})
	return rows
}

// flushes flushes the store every second while the trouble lasts.
func flushes(l *lab) {
	for t := l.row.begin; t < l.row.end; t += time.Second {
		l.at(t, l.bus.Flush)
	}
}

// rollout replaces all pods in a minute, one after the other. The trouble is in it.
func rollout(l *lab) {
	const takes = time.Minute
	from := l.row.begin - takes/4
	for i, p := range l.pods {
		l.at(from+takes*time.Duration(i)/time.Duration(len(l.pods)), p.replace)
	}
}

// standStill makes another tenth of the pods stand still every 3 s, for as long.
func standStill(l *lab) {
	const pause, parts = 3 * time.Second, 10
	for t, n := l.row.begin-5*time.Second, 0; t < l.row.until-10*time.Second; t, n = t+pause, n+1 {
		for i := n % parts; i < len(l.pods); i += parts {
			l.at(t, func() { l.bus.Pause(i, pause) })
		}
	}
}

// madeUp is how many pods a hostile one makes up.
const madeUp = 200

// hostile is r with a pod of the fleet whose calls are its own and fail, at full rate, and which
// stores the same for pods that do not exist.
func hostile(name string, r row) row {
	r.name = name
	r.faults = func(l *lab) {
		if l.fleet == without {
			return
		}
		// Its breaker never opens: one call in ten seconds succeeds.
		pipeline, err := holdfast.New("checkout", breaker.Config{FailureRatio: 1, ConsecutiveFailures: -1})
		require.NoError(l.t, err)
		ctx, cancel := context.WithTimeout(context.Background(), chance.Pause(l.row.until-time.Second))
		f, err := fleet.Join(ctx, impostor{l.bus.Pod(-1)}, "shop", fleet.WithPod("impostor"), fleet.WithLogger(slog.New(slog.DiscardHandler)))
		require.NoError(l.t, err)
		f.Add(pipeline)
		context.AfterFunc(ctx, cancel)
		n := 0
		var call func()
		call = func() {
			if ctx.Err() != nil {
				return
			}
			n++
			_ = pipeline.Do(ctx, func(context.Context) error {
				if n%800 == 1 {
					return nil
				}
				return errHostile
			})
			l.at(10*time.Millisecond, call)
		}
		l.at(10*time.Millisecond, call)
	}
	return r
}

var errHostile = resilience.MarkTransient(errors.New("whatever it says"))

// impostor stores each cell under many names.
type impostor struct{ fleet.Transport }

// Exchange exchanges for itself, and for those that it makes up.
func (i impostor) Exchange(ctx context.Context, e fleet.Exchange) ([]fleet.News, error) {
	for n := range madeUp {
		other := e
		other.Pod = fmt.Sprintf("%s-%d", e.Pod, n)
		time.AfterFunc(chance.Pause(time.Millisecond), func() { _, _ = i.Transport.Exchange(ctx, other) })
	}
	return i.Transport.Exchange(ctx, e)
}
