// Package holdfastfleet is the Redis of package fleet: it lets the pods of a program act as one,
// through a single Redis, Sentinel or a cluster.
//
//	f, err := holdfastfleet.Join(ctx, holdfastfleet.Redis(client), "checkout")
//	…
//	defer f.Leave()
//	f.Follow(services) // what has fleet: on; or name services, or f.Add(pipelines...)
//
// What a fleet does stands in package fleet. This module is apart from it so that a program without
// a fleet does not depend on go-redis.
package holdfastfleet

import (
	"context"

	"github.com/media-gateway/holdfast/fleet"
)

// Join is [fleet.Join]: it is here so that a program without options imports one package.
func Join(ctx context.Context, t fleet.Transport, name string, opts ...fleet.Option) (*fleet.Fleet, error) {
	return fleet.Join(ctx, t, name, opts...)
}
