package holdfastfleet_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/fleet"
	"github.com/media-gateway/holdfast/holdfastfleet"
	"github.com/media-gateway/holdfast/resilience"
)

func ExampleRedis() {
	client := redis.NewClient(&redis.Options{Addr: "localhost:6379"}) // one of its own
	defer client.Close()                                              //nolint:errcheck // an example
	fleet, err := holdfastfleet.Join(context.Background(), holdfastfleet.Redis(client), "checkout")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer fleet.Leave()
	fmt.Println(fleet.Stats().Fleet) // Redis need not be there
	// Output: checkout
}

func ExampleJoin() {
	client := redis.NewClient(&redis.Options{Addr: "localhost:6379"}) // one of its own
	defer client.Close()                                              //nolint:errcheck // an example
	fleet, err := holdfastfleet.Join(context.Background(), holdfastfleet.Redis(client), "checkout")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer fleet.Leave()
	fleet.Add(holdfast.Must(holdfast.New("payments", holdfast.Critical()...)))
	fmt.Println(fleet.Stats().Fleet) // Redis need not be there
	// Output: checkout
}

// join is the code of docs/fleet.md.
func join(ctx context.Context, client redis.UniversalClient, services *holdfast.Registry) error {
	fleet, err := holdfastfleet.Join(ctx, holdfastfleet.Redis(client), "checkout")
	if err != nil {
		return err
	}
	defer fleet.Leave()
	fleet.Follow(services) // what has fleet: on; or name services, or fleet.Add(pipelines...)

	<-ctx.Done() // the program's work
	return nil
}

// joinWithMetrics is the code of docs/observability.md.
func joinWithMetrics(ctx context.Context, client redis.UniversalClient, metrics resilience.Observer) error {
	fleet, err := holdfastfleet.Join(ctx, holdfastfleet.Redis(client), "checkout", fleet.WithObserver(metrics))
	if err != nil {
		return err
	}
	defer fleet.Leave()

	<-ctx.Done() // the program's work
	return nil
}

var _, _ = join, joinWithMetrics

// orders is the code of docs/fleet.md.
func orders(ctx context.Context, f *fleet.Fleet) error {
	o := fleet.Order{By: "ada", Why: "card scheme down", For: 30 * time.Minute}
	return errors.Join(
		f.Isolate(ctx, "payments", o),                         // keep every call out
		f.Reset(ctx, "payments", o),                           // close the breaker
		f.Tune(ctx, "payments", fleet.Tuning{Ratio: 0.02}, o), // the ratio of the retry budgets
		f.Withdraw(ctx, "payments", fleet.OrderIsolate, o),    // take an order back
	)
}

var _ = orders
