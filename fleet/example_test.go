package fleet_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/fleet"
	"github.com/media-gateway/holdfast/resilience"
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

// Exporters of metrics follow a fleet that they observe. A log observer writes the line that the
// fleet's own logger would write.
func ExampleWithObserver() {
	metrics := resilience.ObserverFunc(func(context.Context, resilience.Event) {}) // holdfastprom.New or holdfastotel.New
	fleet, err := fleet.Join(context.Background(), fleet.InProcess(), "checkout",
		fleet.WithObserver(metrics, resilience.NewLogObserver(slog.Default())))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer fleet.Leave()
	fmt.Println(fleet.Stats().Troubles)
	// Output: 0
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

// A page of the program's own that shows the fleet beside its pipelines. It answers 200 whatever
// the store does.
func ExampleFleet_Health() {
	fleet, err := fleet.Join(context.Background(), fleet.InProcess(), "checkout")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer fleet.Leave()
	h := fleet.Health()
	fmt.Println(h.Name, h.State, h.State == holdfast.Unhealthy)
	// Output: checkout healthy false
}

// The lines about the store go where the program's other lines go.
func ExampleWithLogger() {
	shop, err := fleet.Join(context.Background(), fleet.InProcess(), "shop",
		fleet.WithLogger(slog.New(slog.NewJSONHandler(os.Stderr, nil))))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer shop.Leave()
	fmt.Println(shop.Stats().Apart)
	// Output: false
}
