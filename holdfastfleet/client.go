package holdfastfleet

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
)

// connecting is how many times as long a request may take whose client is to heed ctx: it may have
// to connect first, which takes four answers or more.
const connecting = 4

// within returns the client and the ctx for a request that is to end with ctx.
//
// go-redis waits for an answer for its ReadTimeout, which may be for ever, whatever ctx says. So
// this returns a copy of the client, with the same connections, that waits no longer than ctx. The
// client of a cluster has no such copy.
//
// If ContextTimeoutEnabled is set it heeds ctx, and gives up a connection that is not ready when
// ctx ends: over a long way none would ever be. So it gets a ctx that ends later. The copy still
// waits for one answer no longer than ctx.
func (r *redisTransport) within(ctx context.Context) (redis.UniversalClient, context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	left := time.Until(deadline)
	if !ok || left <= 0 || ctx.Err() != nil {
		return r.client, ctx, func() {}
	}
	client, heeds := r.client, false
	switch c := r.client.(type) {
	case *redis.Client:
		o := c.Options()
		heeds = o.ContextTimeoutEnabled
		if !shorter(o.ReadTimeout, left) || !shorter(o.WriteTimeout, left) {
			client = c.WithTimeout(left)
		}
	case *redis.ClusterClient:
		heeds = c.Options().ContextTimeoutEnabled
	}
	if !heeds {
		return client, ctx, func() {}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), connecting*left)
	return client, ctx, cancel
}

// shorter reports whether a timeout of go-redis, which is none if it is not above 0, is at most d.
func shorter(timeout, d time.Duration) bool { return timeout > 0 && timeout <= d }
