package holdfastfleet_test

import (
	"context"
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
	f, err := holdfastfleet.Join(context.Background(), holdfastfleet.Redis(client), "checkout")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer f.Leave()
	fmt.Println(f.Stats().Fleet) // Redis need not be there
	// Output: checkout
}

func ExampleJoin() {
	client := redis.NewClient(&redis.Options{Addr: "localhost:6379"}) // one of its own
	defer client.Close()                                              //nolint:errcheck // an example
	f, err := holdfastfleet.Join(context.Background(), holdfastfleet.Redis(client), "checkout")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer f.Leave()
	f.Add(holdfast.Must(holdfast.New("payments", holdfast.Critical()...)))
	fmt.Println(f.Stats().Fleet) // Redis need not be there
	// Output: checkout
}

// join is the code of docs/fleet.md.
func join(ctx context.Context, client redis.UniversalClient, services *holdfast.Registry) error {
	f, err := holdfastfleet.Join(ctx, holdfastfleet.Redis(client), "checkout")
	if err != nil {
		return err
	}
	defer f.Leave()
	f.Follow(services) // what has fleet: on; or name services, or f.Add(pipelines...)

	<-ctx.Done() // the program's work
	return nil
}

// joinWithMetrics is the code of docs/observability.md.
func joinWithMetrics(ctx context.Context, client redis.UniversalClient, metrics resilience.Observer) error {
	f, err := holdfastfleet.Join(ctx, holdfastfleet.Redis(client), "checkout", fleet.WithObserver(metrics))
	if err != nil {
		return err
	}
	defer f.Leave()

	<-ctx.Done() // the program's work
	return nil
}

var _, _ = join, joinWithMetrics

// isolate is the code of docs/fleet.md.
func isolate(ctx context.Context, f *fleet.Fleet) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second) // how long to wait for a store that hangs
	defer cancel()
	o := fleet.Order{By: "ada", Why: "card scheme down", For: 30 * time.Minute}
	return f.Isolate(ctx, "payments", o)
}

var _ = isolate
