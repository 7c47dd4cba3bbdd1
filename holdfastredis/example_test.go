package holdfastredis_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastredis"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// nobody is a Redis that cannot be reached.
func nobody(context.Context, string, string) (net.Conn, error) {
	return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
}

func init() { redis.SetLogger(silent{}) }

type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}

func fast() *holdfast.Pipeline {
	return holdfast.Must(holdfast.New("cache", retry.Custom(2, time.Millisecond, time.Millisecond, false)))
}

func ExampleNewClient() {
	cache, err := holdfast.New("cache", retry.Custom(2, time.Millisecond, time.Millisecond, false))
	if err != nil {
		fmt.Println(err)
		return
	}
	client, err := holdfastredis.NewClient(&redis.Options{Dialer: nobody}, cache)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close() //nolint:errcheck // an example

	err = client.Get(context.Background(), "user:1").Err()
	fmt.Println(errors.Is(err, retry.ErrExhausted), cache.Snapshot().Attempts)
	// Output: true 3
}

func ExampleNewUniversalClient() {
	client, err := holdfastredis.NewUniversalClient(&redis.UniversalOptions{Dialer: nobody}, fast())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close() //nolint:errcheck // an example

	fmt.Println(errors.Is(client.Incr(context.Background(), "hits").Err(), retry.ErrExhausted)) // never sent, so retried
	// Output: true
}

func ExampleProtect() {
	client := redis.NewClient(&redis.Options{Addr: "localhost:6379", MaxRetries: 5, ContextTimeoutEnabled: true})
	defer client.Close() //nolint:errcheck // an example

	fmt.Println(holdfastredis.Protect(client, fast()))
	// Output:
	// holdfastredis: MaxRetries is 5; want -1: the pipeline retries, and the two would multiply
	// holdfastredis: DialerRetries is 5; want 1: the pipeline retries, and the two would multiply
}

func ExampleNewHook() {
	client := redis.NewClient(&redis.Options{Dialer: nobody, MaxRetries: -1, DialerRetries: 1, ContextTimeoutEnabled: true})
	defer client.Close() //nolint:errcheck // an example
	hook, err := holdfastredis.NewHook(fast())
	if err != nil {
		fmt.Println(err)
		return
	}
	client.AddHook(hook)

	fmt.Println(errors.Is(client.Get(context.Background(), "user:1").Err(), retry.ErrExhausted))
	// Output: true
}

func ExampleWithIdempotent() {
	client, err := holdfastredis.NewClient(&redis.Options{Addr: "localhost:6379"}, fast(),
		holdfastredis.WithIdempotent(func(cmd redis.Cmder) bool {
			return cmd.Name() == "json.get" || holdfastredis.Idempotent(cmd)
		}))
	fmt.Println(client.Close(), err)
	// Output: <nil> <nil>
}

// A mark of the ctx says whether a command may be executed twice, as everywhere in Holdfast.
func Example_repeat() {
	hook, err := holdfastredis.NewHook(fast())
	if err != nil {
		fmt.Println(err)
		return
	}
	process := hook.ProcessHook(lossy())
	ctx := resilience.MarkIdempotent(context.Background()) // a counter that need not be exact
	fmt.Println(process(ctx, redis.NewIntCmd(ctx, "incr", "hits")))

	process = hook.ProcessHook(lossy())
	ctx = resilience.MarkOnce(context.Background()) // a SET that others read at once
	err = process(ctx, redis.NewStatusCmd(ctx, "set", "leader", "me"))
	fmt.Println(errors.Is(err, resilience.ErrOutcomeUnknown))
	// Output:
	// <nil>
	// true
}

// lossy is a connection whose first reply is lost.
func lossy() redis.ProcessHook {
	lost := false
	return func(context.Context, redis.Cmder) error {
		if lost {
			return nil
		}
		lost = true
		return &net.OpError{Op: "read", Net: "tcp", Err: errTimeout{}}
	}
}

type errTimeout struct{}

func (errTimeout) Error() string { return "i/o timeout" }
func (errTimeout) Timeout() bool { return true }

// user gets a user from the cache.
func user(ctx context.Context) (string, error) {
	cache, err := holdfast.New("cache",
		deadline.In(2*time.Second),
		retry.Default(),
		breaker.Config{},
		deadline.In(200*time.Millisecond),
	)
	if err != nil {
		return "", err
	}
	client, err := holdfastredis.NewClient(&redis.Options{Addr: "localhost:6379"}, cache)
	if err != nil {
		return "", err
	}
	defer client.Close()                            //nolint:errcheck // nothing is lost with it
	name, err := client.Get(ctx, "user:1").Result() // redis.Nil if it is not there, as ever
	return name, err
}

// gentle is a cache of which every error is retried.
func gentle() (*holdfast.Pipeline, error) {
	loop := retry.Gentle()
	loop.RetryIf = func(error) bool { return true }
	return holdfast.New("cache", loop)
}

// count adds one to a counter.
func count(ctx context.Context, client *redis.Client, logf func(string, ...any)) error {
	err := client.Incr(ctx, "orders").Err()
	if errors.Is(err, resilience.ErrOutcomeUnknown) {
		logf("perhaps counted, perhaps not: %v", err)
	}
	return err
}

// transfer moves an amount between two accounts. It starts again if another client changes one of
// them meanwhile.
func transfer(ctx context.Context, client *redis.Client, from, to string, amount int) error {
	contended := retry.Config{RetryIf: func(err error) bool { return errors.Is(err, redis.TxFailedErr) }}
	return retry.Do(ctx, contended, func(ctx context.Context) error {
		return client.Watch(ctx, func(tx *redis.Tx) error {
			balance, err := tx.Get(ctx, from).Int()
			if err != nil {
				return err
			}
			_, err = tx.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
				pipe.Set(ctx, from, balance-amount, 0)
				pipe.IncrBy(ctx, to, int64(amount))
				return nil
			})
			return err
		}, from)
	})
}

// The functions of docs/databases.md; the last one runs against a real Redis in the module
// integration.
var _, _, _, _ = user, gentle, count, transfer
