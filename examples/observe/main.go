// Command observe shows what a pipeline tells a log: retries and refusals at debug, giving
// up and a breaker's changes at warn; and an Observer of its own that counts.
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// retries counts retries by the verdict that caused them. An Observer runs on the
// goroutine of the call, so it should do no more than this.
type retries struct{ transient, overload atomic.Int64 }

func (r *retries) Observe(_ context.Context, e resilience.Event) {
	if e.Kind != resilience.EventRetry {
		return
	}
	if e.Verdict == resilience.Overload {
		r.overload.Add(1)
	} else {
		r.transient.Add(1)
	}
}

func main() { run(os.Stdout) }

func run(out io.Writer) {
	logger := slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{
		Level:       slog.LevelDebug,
		ReplaceAttr: withoutTime,
	}))
	counted := &retries{}
	payments := holdfast.Must(holdfast.New("payments",
		holdfast.Observe(resilience.NewLogObserver(logger), counted), // first: it reports what is inside it
		retry.Custom(3, 5*time.Millisecond, 100*time.Millisecond, true),
		breaker.Config{ConsecutiveFailures: 4, OpenFor: 100 * time.Millisecond, HalfOpenProbes: 1},
	))

	busy := func(context.Context) error {
		return resilience.MarkOverload(fmt.Errorf("payments is busy"), 10*time.Millisecond)
	}
	well := func(context.Context) error { return nil }

	fmt.Fprintln(out, "-- busy: all attempts fail, and the fourth failure opens the breaker")
	_ = payments.Do(context.Background(), busy)
	fmt.Fprintln(out, "-- open: refused without asking")
	_ = payments.Do(context.Background(), well)
	time.Sleep(payments.Snapshot().Breakers[0].RetryAfter)
	fmt.Fprintln(out, "-- time to probe: one success closes it")
	_ = payments.Do(context.Background(), well)

	fmt.Fprintln(out, "retries after overload:", counted.overload.Load(), "after other failures:", counted.transient.Load())
}

// withoutTime leaves out the time, so that lines compare.
func withoutTime(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}
