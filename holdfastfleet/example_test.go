package holdfastfleet_test

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastfleet"
)

func ExampleJoin() {
	services := holdfast.NewRegistry()
	if err := services.Apply(holdfast.Services{"payments": holdfast.Critical()}); err != nil {
		fmt.Println(err)
		return
	}
	fleet, err := holdfastfleet.Join(context.Background(), holdfastfleet.InProcess(), "checkout", holdfastfleet.WithPod("checkout-7c9f"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer fleet.Leave()
	fleet.Follow(services)

	s := fleet.Stats()
	fmt.Println(s.Fleet, s.Pod, s.Apart)
	// Output: checkout checkout-7c9f false
}

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

func ExampleInProcess() {
	store := holdfastfleet.InProcess()
	for _, pod := range []string{"a", "b"} {
		fleet, err := holdfastfleet.Join(context.Background(), store, "checkout", holdfastfleet.WithPod(pod))
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(fleet.Stats().Pod)
		fleet.Leave()
	}
	// Output:
	// a
	// b
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

var _ = join
