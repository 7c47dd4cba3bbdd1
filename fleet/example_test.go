package fleet_test

import (
	"context"
	"fmt"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/fleet"
)

func ExampleJoin() {
	services := holdfast.NewRegistry()
	if err := services.Apply(holdfast.Services{"payments": holdfast.Critical()}); err != nil {
		fmt.Println(err)
		return
	}
	fleet, err := fleet.Join(context.Background(), fleet.InProcess(), "checkout", fleet.WithPod("checkout-7c9f"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer fleet.Leave()
	fleet.Follow(services, "payments")

	s := fleet.Stats()
	fmt.Println(s.Fleet, s.Pod, s.Apart)
	// Output: checkout checkout-7c9f false
}

func ExampleInProcess() {
	store := fleet.InProcess()
	for _, pod := range []string{"a", "b"} {
		fleet, err := fleet.Join(context.Background(), store, "checkout", fleet.WithPod(pod))
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
