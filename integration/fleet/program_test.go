package fleet_test

import (
	"context"

	"github.com/redis/go-redis/v9"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/config"
	"github.com/media-gateway/holdfast/fleet"
	"github.com/media-gateway/holdfast/holdfastfleet"
	"github.com/media-gateway/holdfast/resilience"
)

// run is the code of docs/fleet.md.
func run(ctx context.Context, path, addr string, metrics resilience.Observer, serve func(*holdfast.Registry, *fleet.Fleet) error) error {
	file, err := config.Load(path)
	if err != nil {
		return err
	}
	services := holdfast.NewRegistry(metrics)
	watcher, err := config.Watch(ctx, path, services)
	if err != nil {
		return err
	}
	defer watcher.Close()

	client := redis.NewClient(&redis.Options{Addr: addr, DialerRetries: 1, MaxRetries: -1})
	defer func() { _ = client.Close() }()
	f, err := holdfastfleet.Join(ctx, holdfastfleet.Redis(client), file.Fleet().Name, fleet.WithObserver(metrics))
	if err != nil {
		return err
	}
	defer f.Leave()
	f.Follow(services) // what has fleet: on
	return serve(services, f)
}
