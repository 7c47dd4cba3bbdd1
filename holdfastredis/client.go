package holdfastredis

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/adapter"
)

// check returns what the constructors note problems in.
func check() *adapter.Check { return &adapter.Check{Package: "holdfastredis"} }

// NewClient returns a client whose commands go through p. It is redis.NewClient with a copy of opt
// in which go-redis's own retries are off (MaxRetries -1, DialerRetries 1) and deadlines are heeded
// (ContextTimeoutEnabled), so that a deadline stage ends an attempt. Retries that opt asks for are
// refused, since they would multiply with p's. Its error names everything that is wrong.
//
// A ctx that is canceled, rather than running out, ends a command only before it is sent or when
// its reply has come, as go-redis has it: ReadTimeout (5s) or a deadline stage bounds that.
func NewClient(opt *redis.Options, p *holdfast.Pipeline, opts ...Option) (*redis.Client, error) {
	wrong := check()
	h := newHook(wrong, p, opts)
	var o redis.Options
	if wrong.NotNil("Options", opt, "want &redis.Options{Addr: …}") {
		o = *opt
		standDown(wrong, &o.MaxRetries, &o.DialerRetries)
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
// group, or a cluster, whichever opt describes. A cluster's redirects (MOVED, ASK) are followed
// within an attempt, MaxRedirects times at the most.
func NewUniversalClient(opt *redis.UniversalOptions, p *holdfast.Pipeline, opts ...Option) (redis.UniversalClient, error) {
	wrong := check()
	h := newHook(wrong, p, opts)
	var o redis.UniversalOptions
	if wrong.NotNil("UniversalOptions", opt, "want &redis.UniversalOptions{Addrs: …}") {
		o = *opt
		standDown(wrong, &o.MaxRetries, &o.DialerRetries)
	}
	if err := wrong.Err(); err != nil {
		return nil, err
	}
	o.ContextTimeoutEnabled = true
	o.OnConnect = setUpBy(o.OnConnect)
	client := redis.NewUniversalClient(&o)
	h.lookAt(client, wrong)
	if err := wrong.Err(); err != nil {
		return nil, errors.Join(err, client.Close())
	}
	client.AddHook(h)
	return client, nil
}

// Protect sends the commands of a client through p: a *redis.Client (a failover client is one), a
// *redis.ClusterClient, or a *redis.Ring. Call it once, before the client is used. The client must
// have been made with MaxRetries -1, DialerRetries 1 and ContextTimeoutEnabled. Its error names
// everything that is wrong, and the client is left as it is then.
//
// If the client has an OnConnect, the commands that it sends on a new connection count as calls of
// their own; those of a client made by [NewClient] do not.
func Protect(client redis.UniversalClient, p *holdfast.Pipeline, opts ...Option) error {
	wrong := check()
	h := newHook(wrong, p, opts)
	if wrong.NotNil("client", client, "want one made by redis.NewClient or the like") {
		h.lookAt(client, wrong)
	}
	if err := wrong.Err(); err != nil {
		return err
	}
	client.AddHook(h)
	return nil
}

// lookAt notes what of a client's own does not go with h, and how h has to treat it.
func (h *hook) lookAt(client redis.UniversalClient, wrong *adapter.Check) {
	switch client := client.(type) {
	case *redis.Client:
		o := client.Options()
		checkStoodDown(wrong, o.MaxRetries, 0, o.DialerRetries, o.ContextTimeoutEnabled)
	case *redis.Ring:
		o := client.Options()
		checkStoodDown(wrong, o.MaxRetries, 0, o.DialerRetries, o.ContextTimeoutEnabled)
	case *redis.ClusterClient:
		o := client.Options()
		checkStoodDown(wrong, o.MaxRetries, -1, o.DialerRetries, o.ContextTimeoutEnabled)
		h.sendOnce = true
	default:
		wrong.Fail("client", fmt.Sprintf("a %T", client), "want a *redis.Client, *redis.ClusterClient or *redis.Ring")
	}
}

// standDown turns go-redis's own retries off, unless the user asked for some.
func standDown(wrong *adapter.Check, maxRetries, dialerRetries *int) {
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

// checkStoodDown looks at a client's options, in which go-redis has filled in the defaults.
func checkStoodDown(wrong *adapter.Check, maxRetries, noRetries, dialerRetries int, heedsCtx bool) {
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

// setUpBy returns onConnect with a ctx by which the hook knows its commands.
func setUpBy(onConnect func(context.Context, *redis.Conn) error) func(context.Context, *redis.Conn) error {
	if onConnect == nil {
		return nil
	}
	return func(ctx context.Context, conn *redis.Conn) error { return onConnect(duringSetup(ctx), conn) }
}
