package benchmarks

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// deaf is the cheapest Observer there is.
type deaf struct{}

func (deaf) Observe(context.Context, resilience.Event) {}

// stages are the six of the package doc, and what to call each. The caller's ctx ends sooner
// than either deadline, so none is derived.
var stages = []struct {
	name  string
	stage resilience.Stage
}{
	{"deadline", deadline.In(3 * time.Hour)},
	{"bulkhead", bulkhead.Config{}},
	{"budget", budget.Config{}},
	{"retry", retry.Config{}},
	{"breaker", breaker.Config{}},
	{"attempt", deadline.In(2 * time.Hour)},
}

func pipeline(outer ...resilience.Stage) *holdfast.Pipeline {
	for _, s := range stages {
		outer = append(outer, s.stage)
	}
	return must(holdfast.New("bench", outer...))
}

func caller(b *testing.B) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	b.Cleanup(cancel)
	return ctx
}

func do(b *testing.B, ctx context.Context, p *holdfast.Pipeline) {
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		_ = p.Do(ctx, func(context.Context) error { n++; return nil })
	}
}

// BenchmarkGrowing measures pipelines that grow by one stage at a time.
func BenchmarkGrowing(b *testing.B) {
	var names []string
	var row []resilience.Stage
	for _, s := range stages {
		names, row = append(names, s.name), append(row, s.stage)
		if s.name == "budget" { // not without the loop that it pays for
			continue
		}
		p := must(holdfast.New("bench", row...))
		b.Run(strings.Join(names, ","), func(b *testing.B) { do(b, caller(b), p) })
	}
}

// BenchmarkPipeline measures all six stages, against what the breaker inside costs by itself.
func BenchmarkPipeline(b *testing.B) {
	b.Run("gobreaker", func(b *testing.B) {
		p := gobreaker.NewCircuitBreaker[int](gobreaker.Settings{Interval: 10 * time.Second, BucketPeriod: time.Second})
		n := 0
		b.ReportAllocs()
		for b.Loop() {
			_, _ = p.Execute(func() (int, error) { n++; return n, nil })
		}
	})
	b.Run("Do", func(b *testing.B) { do(b, caller(b), pipeline()) })
	b.Run("Do/observed", func(b *testing.B) { do(b, caller(b), pipeline(holdfast.Observe(deaf{}))) })
	b.Run("Value", func(b *testing.B) { value(b, caller(b), pipeline()) })
	b.Run("Value/observed", func(b *testing.B) { value(b, caller(b), pipeline(holdfast.Observe(deaf{}))) })
	b.Run("Do/deadline created", func(b *testing.B) { do(b, context.Background(), pipeline()) })
}

func value(b *testing.B, ctx context.Context, p *holdfast.Pipeline) {
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		v, _ := holdfast.Value(ctx, p, func(context.Context) (int, error) { n++; return n, nil })
		n = v
	}
}

// together measures p in use by callers on all processors at once.
func together(b *testing.B, ctx context.Context, p *holdfast.Pipeline) {
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		n := 0
		for pb.Next() {
			_ = p.Do(ctx, func(context.Context) error { n++; return nil })
		}
	})
}

// BenchmarkParallel measures what callers on all processors at once cost each other. The
// pipeline without a breaker shows the counters alone: gobreaker has one lock for all.
func BenchmarkParallel(b *testing.B) {
	b.Run("gobreaker", func(b *testing.B) {
		p := gobreaker.NewCircuitBreaker[int](gobreaker.Settings{Interval: 10 * time.Second, BucketPeriod: time.Second})
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			n := 0
			for pb.Next() {
				_, _ = p.Execute(func() (int, error) { n++; return n, nil })
			}
		})
	})
	parallel := func(name string, p *holdfast.Pipeline) {
		b.Run(name, func(b *testing.B) { together(b, caller(b), p) })
	}
	parallel("six stages", pipeline())
	parallel("six stages/observed", pipeline(holdfast.Observe(deaf{})))
	parallel("retry alone", must(holdfast.New("bench", budget.Config{}, retry.Config{})))
}

// BenchmarkPresets measures the presets under a ctx without a deadline, so that each call derives
// one for its attempt: that is its one allocation.
func BenchmarkPresets(b *testing.B) {
	for _, preset := range []struct {
		name   string
		stages func() []resilience.Stage
	}{
		{"Critical", holdfast.Critical}, {"Standard", holdfast.Standard}, {"Background", holdfast.Background},
	} {
		p := must(holdfast.New("bench", preset.stages()...))
		b.Run(preset.name+"/Do", func(b *testing.B) { do(b, context.Background(), p) })
		b.Run(preset.name+"/Value", func(b *testing.B) { value(b, context.Background(), p) })
		b.Run(preset.name+"/parallel", func(b *testing.B) { together(b, context.Background(), p) })
		hosts := must(holdfast.NewKeyed[string]("bench", holdfast.KeyedConfig{}, preset.stages()...))
		b.Run(preset.name+"/key", func(b *testing.B) { do(b, context.Background(), hosts.Get("api.example.com")) })
	}
}

// BenchmarkAdaptiveBulkhead measures what an adaptive bulkhead costs in good weather, inside the
// loop of a preset, against the preset without one, with a fixed one, and with a limit in force.
func BenchmarkAdaptiveBulkhead(b *testing.B) {
	row := func(inner ...resilience.Stage) *holdfast.Pipeline {
		stages := append([]resilience.Stage{deadline.In(3 * time.Hour), budget.Config{}, retry.Config{}}, inner...)
		return must(holdfast.New("bench", append(stages, breaker.Config{}, deadline.In(2*time.Hour))...))
	}
	limited := row(bulkhead.Config{Adaptive: &bulkhead.Adaptive{SlowFailures: 1, CalmFor: -1}})
	_ = limited.Do(context.Background(), func(context.Context) error { return resilience.MarkOverload(errFlaky, time.Hour) })
	for _, c := range []struct {
		name string
		p    *holdfast.Pipeline
	}{
		{"without", row()},
		{"adaptive", row(bulkhead.Config{Adaptive: &bulkhead.Adaptive{}})},
		{"adaptive, waits", row(bulkhead.Config{MaxWait: time.Second, Adaptive: &bulkhead.Adaptive{}})},
		{"adaptive, looks at times", row(bulkhead.Config{Adaptive: &bulkhead.Adaptive{Times: 2}})},
		{"adaptive, limited", limited},
		{"fixed", row(bulkhead.Config{})},
	} {
		b.Run(c.name, func(b *testing.B) { do(b, caller(b), c.p) })
		b.Run(c.name+"/parallel", func(b *testing.B) {
			ctx := caller(b)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				n := 0
				for pb.Next() {
					_ = c.p.Do(ctx, func(context.Context) error { n++; return nil })
				}
			})
		})
	}
}

// BenchmarkSnapshot measures reading the counters, alone and while calls go on.
func BenchmarkSnapshot(b *testing.B) {
	p := pipeline()
	b.ReportAllocs()
	for b.Loop() {
		_ = p.Snapshot()
	}
}

// BenchmarkOpenBreaker measures the refusal of an open breaker: what every call costs in an outage.
func BenchmarkOpenBreaker(b *testing.B) {
	fail := func(context.Context) error { return errFlaky }
	config := breaker.Config{ConsecutiveFailures: 1, OpenFor: time.Hour}
	b.Run("gobreaker", func(b *testing.B) {
		p := gobreaker.NewCircuitBreaker[int](gobreaker.Settings{
			Interval: 10 * time.Second, BucketPeriod: time.Second, Timeout: time.Hour,
			ReadyToTrip: func(gobreaker.Counts) bool { return true },
		})
		_, _ = p.Execute(func() (int, error) { return 0, errFlaky })
		b.ReportAllocs()
		for b.Loop() {
			_, _ = p.Execute(func() (int, error) { return 0, nil })
		}
	})
	b.Run("breaker", func(b *testing.B) {
		p := must(breaker.New(config))
		_ = p.Do(context.Background(), fail)
		b.ReportAllocs()
		for b.Loop() {
			_ = p.Do(context.Background(), fail)
		}
	})
	b.Run("pipeline", func(b *testing.B) {
		p := must(holdfast.New("bench", retry.Config{}, config))
		_ = p.Do(context.Background(), fail)
		b.ReportAllocs()
		for b.Loop() {
			_ = p.Do(context.Background(), fail)
		}
	})
}
