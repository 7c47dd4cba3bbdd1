// A stranger's program that joins a fleet, on a Redis that is not there.
package main

import (
	"context"
	"fmt"
	"log"

	"github.com/redis/go-redis/v9"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastfleet"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

func main() {
	payments := holdfast.Must(holdfast.New("payments", breaker.Config{}))
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
	defer client.Close()
	fleet, err := holdfastfleet.Join(context.Background(), holdfastfleet.Redis(client), "checkout")
	if err != nil {
		log.Fatal(err)
	}
	defer fleet.Leave()
	fleet.Add(payments)
	if err := payments.Do(context.Background(), func(context.Context) error { return nil }); err != nil {
		log.Fatal("want a call that does not notice that Redis is not there: ", err)
	}
	fmt.Println("ok: a call in a fleet whose Redis is not there")
}
