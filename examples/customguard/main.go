// Command customguard puts a Guard of its own into a pipeline: a gate that keeps calls out
// during a dependency's announced maintenance, and measures how many are inside.
package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/retry"
)

var errMaintenance = errors.New("payments is under maintenance")

// maintenance is a Guard. It never sees the op, only both ends of a call, so it costs the
// caller no allocation. It is safe for concurrent use, as every Guard has to be.
type maintenance struct {
	on              atomic.Bool
	inside, refused atomic.Int64
}

// Acquire admits a call or refuses it. The pipeline marks the error as Rejected: the
// dependency was not asked.
func (m *maintenance) Acquire(context.Context) error {
	if m.on.Load() {
		m.refused.Add(1)
		return errMaintenance
	}
	m.inside.Add(1)
	return nil
}

// Release is called once for every call that was admitted, whatever became of it.
func (m *maintenance) Release(context.Context, error) { m.inside.Add(-1) }

// Wrap makes it a Policy, for use outside of a pipeline.
func (m *maintenance) Wrap(next resilience.Func) resilience.Func {
	return resilience.WrapGuard(m, next)
}

// Build makes it a Stage. A Guard without this method becomes one by resilience.Prebuilt.
func (m *maintenance) Build() (resilience.Policy, error) { return m, nil }

// String is how the pipeline's own String shows it.
func (m *maintenance) String() string { return "maintenance gate" }

func main() {
	gate := &maintenance{}
	payments := holdfast.Must(holdfast.New("payments",
		retry.Custom(3, time.Millisecond, 10*time.Millisecond, true),
		gate, // inside the loop: asked for every attempt
	))
	fmt.Println(payments)

	charge := func(context.Context) error {
		fmt.Println("  charging, inside:", gate.inside.Load())
		return nil
	}
	report(payments.Do(context.Background(), charge))

	gate.on.Store(true)
	report(payments.Do(context.Background(), charge))

	gate.on.Store(false)
	report(payments.Do(context.Background(), func(context.Context) error {
		gate.on.Store(true) // the maintenance begins while the call is under way
		return resilience.MarkTransient(errors.New("connection closed"))
	}))
	fmt.Println("refused:", gate.refused.Load(), "still inside:", gate.inside.Load())
}

func report(err error) {
	if err == nil {
		fmt.Println("ok")
		return
	}
	fmt.Printf("%v: maintenance: %t, verdict: %v\n",
		resilience.ReasonOf(err), errors.Is(err, errMaintenance), resilience.Classify(err))
}
