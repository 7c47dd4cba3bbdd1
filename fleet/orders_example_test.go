package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/media-gateway/holdfast/fleet"
)

func ExampleFleet_Isolate() {
	key := []byte(os.Getenv("FLEET_KEY")) // the same for all pods, and not in the store
	if len(key) == 0 {
		key = []byte("thirty-two random bytes, or more")
	}
	ctx := context.Background()
	f, err := fleet.Join(ctx, fleet.InProcess(), "checkout", fleet.WithKey(key))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer f.Leave()

	err = f.Isolate(ctx, "payments", fleet.Order{By: "ada", Why: "card scheme down", For: 30 * time.Minute})
	if err != nil {
		fmt.Println(err)
		return
	}
	s, err := f.Look(ctx, "payments")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(s.Pods, "pods are there;", s.Orders[0].Kind, "by", s.Orders[0].By)

	err = f.Withdraw(ctx, "payments", fleet.OrderIsolate, fleet.Order{By: "ada", Why: "it is up again"})
	fmt.Println(err)
	// Output:
	// 0 pods are there; isolate by ada
	// <nil>
}

func ExampleFleet_Tune() {
	f, err := fleet.Join(context.Background(), fleet.InProcess(), "checkout") // without a key
	if err != nil {
		fmt.Println(err)
		return
	}
	defer f.Leave()
	o := fleet.Order{By: "ada", Why: "too many retries"} // for an hour
	err = f.Tune(context.Background(), "payments", fleet.Tuning{Ratio: 0.02}, o)
	fmt.Println(errors.Is(err, fleet.ErrNoKey))
	// Output: true
}

func ExampleWithKey() {
	oldKey, newKey := []byte("the key of last year, 32 bytes.."), []byte("the key of this year, 32 bytes..")
	f, err := fleet.Join(context.Background(), fleet.InProcess(), "checkout", fleet.WithKey(newKey, oldKey))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer f.Leave()
	fmt.Println(f.Stats().Hands)
	// Output: true
}
