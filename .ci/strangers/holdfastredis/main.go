// A stranger's program that uses holdfastredis, on a Redis that is not there.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastredis"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func main() {
	cache := holdfast.Must(holdfast.New("cache", retry.Custom(2, time.Millisecond, time.Millisecond, false)))
	client, err := holdfastredis.NewClient(&redis.Options{Addr: "127.0.0.1:1"}, cache)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	err = client.Get(context.Background(), "user:1").Err()
	if attempts := cache.Snapshot().Attempts; !errors.Is(err, retry.ErrExhausted) || attempts != 3 {
		log.Fatal("want three attempts at a server that is not there: ", attempts, " ", err)
	}
	fmt.Println("ok: three attempts at a server that is not there")
}
