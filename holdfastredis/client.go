package holdfastredis

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/adapter"
)

// check returns a Check for the arguments of a constructor.
func check() *adapter.Check { return &adapter.Check{Package: "holdfastredis"} }

// NewClient returns a client that sends its commands through p. It calls redis.NewClient with a
// copy of opt, in which go-redis's own retries are off (MaxRetries -1, DialerRetries 1), and
// ContextTimeoutEnabled is set, so that a deadline stage ends an attempt. If opt asks for retries,
// NewClient returns an error, since they would multiply with p's. The error names every problem.
//
// go-redis heeds the deadline of a ctx while it waits for a reply, but not its cancellation: a
// canceled ctx ends a command only before it is sent, or after its reply has come. ReadTimeout
// (default 5 s) or a deadline stage bounds that wait.
func NewClient(opt *redis.Options, p *holdfast.Pipeline, opts ...Option) (*redis.Client, error) {
	wrong := check()
	h := newHook(wrong, p, opts)
	var o redis.Options
	if wrong.NotNil("Options", opt, "want &redis.Options{Addr: …}") {
		o = *opt
		disableRetries(wrong, &o.MaxRetries, &o.DialerRetries)
	}
	if err := wrong.Err(); err != nil {
		return nil, err
	}
	o.ContextTimeoutEnabled = true
	o.OnConnect = setUpBy(o.OnConnect)
	client := redis.NewClient(&o)
	client.AddHook(h)
	return client, nil
}

// NewUniversalClient is [NewClient] for redis.NewUniversalClient: one server, a Sentinel failover
// group, or a cluster, depending on opt. A cluster's redirects (MOVED, ASK) are followed within an
// attempt, at most MaxRedirects times.
func NewUniversalClient(opt *redis.UniversalOptions, p *holdfast.Pipeline, opts ...Option) (redis.UniversalClient, error) {
	wrong := check()
	h := newHook(wrong, p, opts)
	var o redis.UniversalOptions
	if wrong.NotNil("UniversalOptions", opt, "want &redis.UniversalOptions{Addrs: …}") {
		o = *opt
		disableRetries(wrong, &o.MaxRetries, &o.DialerRetries)
	}
	if err := wrong.Err(); err != nil {
		return nil, err
	}
	o.ContextTimeoutEnabled = true
	o.OnConnect = setUpBy(o.OnConnect)
	client := redis.NewUniversalClient(&o)
	h.checkClient(client, wrong)
	if err := wrong.Err(); err != nil {
		return nil, errors.Join(err, client.Close())
	}
	client.AddHook(h)
	return client, nil
}

// Protect sends the commands of an existing client through p. The client is a *redis.Client (which
// a failover client is too), a *redis.ClusterClient, or a *redis.Ring. Call Protect once, before
// the client is used. The client must have been made with MaxRetries -1, DialerRetries 1 and
// ContextTimeoutEnabled. The error names every problem; after an error the client is unchanged.
//
// If the client has an OnConnect, the commands that it sends on a new connection go through p as
// calls of their own. With [NewClient] they do not.
func Protect(client redis.UniversalClient, p *holdfast.Pipeline, opts ...Option) error {
	wrong := check()
	h := newHook(wrong, p, opts)
	if wrong.NotNil("client", client, "want one made by redis.NewClient or the like") {
		h.checkClient(client, wrong)
	}
	if err := wrong.Err(); err != nil {
		return err
	}
	client.AddHook(h)
	return nil
}

// checkClient records which of the client's options do not work with h, and sets h.sendOnce for a
// cluster.
func (h *hook) checkClient(client redis.UniversalClient, wrong *adapter.Check) {
	switch client := client.(type) {
	case *redis.Client:
		o := client.Options()
		checkRetriesOff(wrong, o.MaxRetries, 0, o.DialerRetries, o.ContextTimeoutEnabled)
	case *redis.Ring:
		o := client.Options()
		checkRetriesOff(wrong, o.MaxRetries, 0, o.DialerRetries, o.ContextTimeoutEnabled)
	case *redis.ClusterClient:
		o := client.Options()
		checkRetriesOff(wrong, o.MaxRetries, -1, o.DialerRetries, o.ContextTimeoutEnabled)
		h.sendOnce = true
	default:
		wrong.Fail("client", fmt.Sprintf("a %T", client), "want a *redis.Client, *redis.ClusterClient or *redis.Ring")
	}
}

// disableRetries turns go-redis's own retries off. It records an error if the user asked for
// retries.
func disableRetries(wrong *adapter.Check, maxRetries, dialerRetries *int) {
	for _, r := range []struct {
		field   string
		retries *int
		off     int
	}{{"MaxRetries", maxRetries, -1}, {"DialerRetries", dialerRetries, 1}} {
		if *r.retries > max(0, r.off) {
			wrong.Fail(r.field, *r.retries, "want 0 or %d: the pipeline retries, and the two would multiply", r.off)
		}
		*r.retries = r.off
	}
}

// checkRetriesOff records an error for each option of a client that Protect cannot accept. The
// options are those of a client, with defaults filled in by go-redis: noRetries is the MaxRetries
// that means none.
func checkRetriesOff(wrong *adapter.Check, maxRetries, noRetries, dialerRetries int, heedsCtx bool) {
	if maxRetries > noRetries {
		wrong.Fail("MaxRetries", maxRetries, "want -1: the pipeline retries, and the two would multiply")
	}
	if dialerRetries != 1 {
		wrong.Fail("DialerRetries", dialerRetries, "want 1: the pipeline retries, and the two would multiply")
	}
	if !heedsCtx {
		wrong.Fail("ContextTimeoutEnabled", heedsCtx, "want true: without it, no deadline ends a command")
	}
}

// setUpBy returns onConnect with a marked ctx, so that the hook does not take its commands for
// calls.
func setUpBy(onConnect func(context.Context, *redis.Conn) error) func(context.Context, *redis.Conn) error {
	if onConnect == nil {
		return nil
	}
	return func(ctx context.Context, conn *redis.Conn) error { return onConnect(duringSetup(ctx), conn) }
}
