package holdfastfleet_test

import (
	"context"
	"fmt"

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
	fleet.Follow(services) // a Registry; or fleet.Add(pipelines...)

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
