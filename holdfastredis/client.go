package holdfastredis

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
)

var errNoPipeline = errors.New("holdfastredis: the pipeline is nil; make one with holdfast.New")

// NewClient returns a client whose commands go through p. It is redis.NewClient with a copy of opt in which go-redis's own retries
// are off (MaxRetries -1, DialerRetries 1) and deadlines are heeded (ContextTimeoutEnabled), so that a
// deadline stage ends an attempt. Retries that opt asks for are refused, since they would multiply with p's.
//
// A ctx that is canceled, rather than running out, ends a command only before it is sent or when its reply has come, as
// go-redis has it: ReadTimeout (5s) or a deadline stage bounds that.
func NewClient(opt *redis.Options, p *holdfast.Pipeline, opts ...Option) (*redis.Client, error) {
	if opt == nil {
		opt = &redis.Options{}
	}
	o := *opt
	err := errors.Join(
		standDown("MaxRetries", &o.MaxRetries, -1), standDown("DialerRetries", &o.DialerRetries, 1), checkPipeline(p),
	)
	if err != nil {
		return nil, err
	}
	o.ContextTimeoutEnabled = true
	o.OnConnect = setUpBy(o.OnConnect)
	client := redis.NewClient(&o)
	client.AddHook(newHook(p, opts))
	return client, nil
}

// NewUniversalClient is [NewClient] for redis.NewUniversalClient: one server, a Sentinel failover group, or a cluster,
// whichever opt describes. A cluster's redirects (MOVED, ASK) are followed within an attempt, MaxRedirects times at
// the most.
func NewUniversalClient(opt *redis.UniversalOptions, p *holdfast.Pipeline, opts ...Option) (redis.UniversalClient, error) {
	if opt == nil {
		opt = &redis.UniversalOptions{}
	}
	o := *opt
	err := errors.Join(
		standDown("MaxRetries", &o.MaxRetries, -1), standDown("DialerRetries", &o.DialerRetries, 1), checkPipeline(p),
	)
	if err != nil {
		return nil, err
	}
	o.ContextTimeoutEnabled = true
	o.OnConnect = setUpBy(o.OnConnect)
	client := redis.NewUniversalClient(&o)
	if err := Protect(client, p, opts...); err != nil {
		return nil, errors.Join(err, client.Close())
	}
	return client, nil
}

// Protect sends the commands of a client through p: a *redis.Client (a failover client is one), a *redis.ClusterClient, or a
// *redis.Ring. Call it once, before the client is used. The client must have been made with MaxRetries -1,
// DialerRetries 1 and ContextTimeoutEnabled; if it was not, the error names each of those, and the client is left as it is.
//
// If the client has an OnConnect, the commands that it sends on a new connection count as calls of their own;
// those of a client made by [NewClient] do not.
func Protect(client redis.UniversalClient, p *holdfast.Pipeline, opts ...Option) error {
	h := newHook(p, opts)
	var errs []error
	switch client := client.(type) {
	case *redis.Client:
		o := client.Options()
		errs = checkStoodDown(o.MaxRetries, 0, o.DialerRetries, o.ContextTimeoutEnabled)
	case *redis.Ring:
		o := client.Options()
		errs = checkStoodDown(o.MaxRetries, 0, o.DialerRetries, o.ContextTimeoutEnabled)
	case *redis.ClusterClient:
		o := client.Options()
		errs = checkStoodDown(o.MaxRetries, -1, o.DialerRetries, o.ContextTimeoutEnabled)
		h.sendOnce = true
	default:
		return wrong("client", fmt.Sprintf("a %T", client), "want a *redis.Client, *redis.ClusterClient or *redis.Ring")
	}
	if err := errors.Join(append(errs, checkPipeline(p))...); err != nil {
		return err
	}
	client.AddHook(h)
	return nil
}

// standDown sets a number of retries to what turns them off, unless the user asked for some.
func standDown(field string, retries *int, off int) error {
	if *retries > max(0, off) {
		return wrong(field, *retries, fmt.Sprintf("want 0 or %d: the pipeline retries, and the two would multiply", off))
	}
	*retries = off
	return nil
}

// checkStoodDown looks at a client's options, in which go-redis has filled in the defaults.
func checkStoodDown(maxRetries, noRetries, dialerRetries int, heedsCtx bool) []error {
	var errs []error
	if maxRetries > noRetries {
		errs = append(errs, wrong("MaxRetries", maxRetries, "want -1: the pipeline retries, and the two would multiply"))
	}
	if dialerRetries != 1 {
		errs = append(errs, wrong("DialerRetries", dialerRetries, "want 1: the pipeline retries, and the two would multiply"))
	}
	if !heedsCtx {
		errs = append(errs, wrong("ContextTimeoutEnabled", heedsCtx, "want true: without it, no deadline ends a command"))
	}
	return errs
}

func checkPipeline(p *holdfast.Pipeline) error {
	if p == nil {
		return errNoPipeline
	}
	return nil
}

func wrong(field string, value any, want string) error {
	return &resilience.FieldError{Stage: "holdfastredis", Field: field, Value: value, Want: want}
}

// setUpBy returns onConnect with a ctx by which the hook knows its commands.
func setUpBy(onConnect func(context.Context, *redis.Conn) error) func(context.Context, *redis.Conn) error {
	if onConnect == nil {
		return nil
	}
	return func(ctx context.Context, conn *redis.Conn) error { return onConnect(duringSetup(ctx), conn) }
}
