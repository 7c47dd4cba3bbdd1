package holdfast_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// One pipeline for each host, from one row of stages.
func ExampleNewKeyed() {
	hosts, err := holdfast.NewKeyed[string]("hosts", holdfast.KeyedConfig{Size: 1000, Idle: time.Hour}, holdfast.Standard()...)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	for _, host := range []string{"a.example.com", "b.example.com", "a.example.com"} {
		page, err := holdfast.Value(ctx, hosts.Get(host), func(context.Context) (string, error) {
			return "the page of " + host, nil
		})
		fmt.Println(page, err)
	}
	fmt.Println(hosts.Len(), "pipelines,", hosts.Snapshot().Calls, "calls")
	// Output:
	// the page of a.example.com <nil>
	// the page of b.example.com <nil>
	// the page of a.example.com <nil>
	// 2 pipelines, 3 calls
}

// The breaker of a host that is down opens, and leaves the other hosts alone.
func ExampleKeyed_Do() {
	hosts, err := holdfast.NewKeyed[string]("hosts", holdfast.KeyedConfig{}, breaker.Config{ConsecutiveFailures: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	fetch := func(host string) error {
		return hosts.Do(ctx, host, func(context.Context) error {
			if host == "down.example.com" {
				return resilience.MarkTransient(errors.New("connection refused"))
			}
			return nil
		})
	}
	fmt.Println(fetch("down.example.com"))
	fmt.Println(fetch("down.example.com"))
	err = fetch("down.example.com")
	fmt.Println(errors.Is(err, breaker.ErrOpen), err.Error()[:49])
	fmt.Println(fetch("up.example.com"))

	s := hosts.Stats()
	fmt.Println(s.Open, "open:", s.OpenKeys)
	// Output:
	// connection refused
	// connection refused
	// true hosts[down.example.com]: circuit breaker is open;
	// <nil>
	// 1 open: [down.example.com]
}

// New numbers for all keys; a mistake in them changes nothing.
func ExampleKeyed_Update() {
	tenants, err := holdfast.NewKeyed[int]("tenants", holdfast.KeyedConfig{}, retry.Config{MaxRetries: 3})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(tenants.Get(7))
	fmt.Println(tenants.Update(retry.Config{MaxRetries: -7}))
	fmt.Println(tenants.Update(retry.Config{MaxRetries: 1}))
	fmt.Println(tenants.Get(7))
	// Output:
	// tenants[7]: retry 3× 100ms…5s
	// tenants: stage 1: retry: MaxRetries is -7; want 1 or more, 0 for the default (3), retry.None, or retry.Unlimited
	// <nil>
	// tenants[7]: retry 1× 100ms…5s
}

// All spellings of a host have the same breaker.
func ExampleHostKey() {
	for _, host := range []string{"api.example.com", "API.Example.com.", "api.example.com:443", "api.example.com:8443"} {
		fmt.Println(holdfast.HostKey("https", host))
	}
	fmt.Println(holdfast.HostKey("http", "api.example.com"))
	// Output:
	// api.example.com
	// api.example.com
	// api.example.com
	// api.example.com:8443
	// api.example.com:80
}
