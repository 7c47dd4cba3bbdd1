package holdfastdash

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/retry"
)

type deaf struct{}

func (deaf) Observe(context.Context, resilience.Event) {}

// BenchmarkCall measures a call that succeeds at once: with an open page, and with any observer.
func BenchmarkCall(b *testing.B) {
	for _, c := range []struct {
		name     string
		observer resilience.Observer
	}{
		{"unwatched", nil},
		{"watched-by-nothing", deaf{}},
		{"watched", &watcher{}},
	} {
		p := newPipeline(b, "payments", budget.Config{}, retry.Config{}, breaker.Config{})
		ctx := b.Context()
		if c.observer != nil {
			defer p.Watch(c.observer)()
		}
		op := func(context.Context) error { return nil }
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = p.Do(ctx, op)
			}
		})
		b.Run(c.name+"-parallel", func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					_ = p.Do(ctx, op)
				}
			})
		})
	}
}

// BenchmarkRound measures a round of a thousand pipelines, some of which had calls: its time, and
// the size of a tick and of a hello with a minute of history.
func BenchmarkRound(b *testing.B) {
	const pipelines = 1000
	for _, busy := range []int{0, 100, pipelines} {
		b.Run(fmt.Sprintf("busy=%d", busy), func(b *testing.B) {
			var all []*holdfast.Pipeline
			for i := range pipelines {
				all = append(all, newPipeline(b, fmt.Sprintf("pipeline-%d", i), holdfast.Critical()...))
			}
			o := apply([]Option{WithLogger(slog.New(slog.DiscardHandler))})
			require.NoError(b, o.wrong.Err())
			d := &Dashboard{options: o, source: fixed(all), history: &history{interval: o.interval}, audience: newAudience()}
			s := newSampler(d)
			s.watch(true)
			defer s.watch(false)
			now := time.Now()
			calls := 0
			work := func() {
				for i := range busy {
					for range 1 + (calls+i)%3 {
						_ = all[i].Do(b.Context(), func(context.Context) error { return nil })
					}
				}
				calls++
				now = now.Add(time.Second)
			}
			for range historyLength {
				work()
				s.round(now)
			}
			var bytes int
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				b.StopTimer()
				work()
				viewer := &stream{queue: make(chan frame, 1)}
				d.audience.streams[viewer] = struct{}{}
				b.StartTimer()
				s.round(now)
				b.StopTimer()
				bytes = len((<-viewer.queue).data)
				delete(d.audience.streams, viewer)
				b.StartTimer()
			}
			b.StopTimer()
			f := d.history.greeting()
			b.ReportMetric(float64(bytes), "tick-B")
			b.ReportMetric(float64(len(f.data)), "hello-B")
		})
	}
}

// BenchmarkFollow measures the check that a registry of a thousand services has not changed.
func BenchmarkFollow(b *testing.B) {
	set := holdfast.Services{}
	for i := range 1000 {
		set[fmt.Sprintf("service-%d", i)] = holdfast.Standard()
	}
	r := holdfast.NewRegistry()
	require.NoError(b, r.Apply(set))
	o := apply([]Option{WithLogger(slog.New(slog.DiscardHandler))})
	s := newSampler(&Dashboard{options: o, source: registered{r}, history: &history{interval: o.interval}, audience: newAudience()})
	b.ReportAllocs()
	for b.Loop() {
		s.follow()
	}
}

// BenchmarkGreeting measures the hello of a thousand busy pipelines. It is encoded at most once per
// interval, whatever the number of browsers.
func BenchmarkGreeting(b *testing.B) {
	h := &history{interval: time.Second}
	for i := range 1000 {
		l := &line{name: fmt.Sprintf("pipeline-%d", i)}
		for j := range historyLength {
			l.add(fmt.Appendf(nil, `{"calls":%d,"attempts":131,"good":129.5,"amp":1.01,"p50_seconds":0.004,"p99_seconds":0.017,"live":3}`, j))
		}
		h.lines = append(h.lines, l)
	}
	for b.Loop() {
		h.hello = nil
		h.greeting()
	}
	b.ReportMetric(float64(len(h.hello)), "hello-B")
}
