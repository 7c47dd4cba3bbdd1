// Command cache keeps titles in Redis, through a pipeline that is gentle, since a cache may fail:
// it tries little, but after any error at all. It needs a server: the one that REDIS_URL names, or
// else the one at 127.0.0.1:6379. It removes there what it stored.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastredis"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func main() {
	url := cmp.Or(os.Getenv("REDIS_URL"), "redis://127.0.0.1:6379")
	if err := run(context.Background(), os.Stdout, url); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, out io.Writer, url string) error {
	gentle := retry.Gentle()                          // 2 retries
	gentle.RetryIf = func(error) bool { return true } // after every cache error
	pipeline, err := holdfast.New("cache",
		deadline.In(5*time.Second),
		budget.Config{Ratio: 0.05, Floor: -1},
		gentle,
		breaker.Config{},
		deadline.In(time.Second),
	)
	if err != nil {
		return err
	}
	options, err := redis.ParseURL(url)
	if err != nil {
		return err
	}
	client, err := holdfastredis.NewClient(options, pipeline)
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()

	if err := client.Ping(ctx).Err(); err != nil {
		return fmt.Errorf("%w\nstart a server (docker run -p 6379:6379 redis), or name one: REDIS_URL=redis://:password@host:6379", err)
	}
	fmt.Fprintf(out, "connected, at attempt %d\n", pipeline.Snapshot().Attempts)

	c := titles{cache: client, key: fmt.Sprintf("holdfast:examples:%d:title", os.Getpid())}
	defer client.Del(ctx, c.key)
	for range 2 {
		title, from := c.get(ctx)
		fmt.Fprintf(out, "%s, from the %s\n", title, from)
	}
	return nil
}

type titles struct {
	cache *redis.Client
	key   string
}

// get asks the cache first. Whatever is wrong with it, there is an answer.
func (t titles) get(ctx context.Context) (title, from string) {
	title, err := t.cache.Get(ctx, t.key).Result()
	switch {
	case err == nil:
		return title, "cache"
	case !errors.Is(err, redis.Nil): // Nil: it is not in there, which is a success for the pipeline
		log.Print(err)
	}
	title = "The Matrix" // your database
	if err := t.cache.Set(ctx, t.key, title, time.Minute).Err(); err != nil {
		log.Print(err)
	}
	return title, "source"
}
