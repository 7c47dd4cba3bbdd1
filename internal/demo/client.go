package demo

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"
)

// protector protects a client's calls of one backend. Do may run op several times, or not at all.
type protector interface {
	Do(ctx context.Context, op func(context.Context) error) error
}

// denier is implemented by a protector that counts what it refused, by reason.
type denier interface {
	Denials() map[string]uint64
}

// strategy is how a client protects its calls.
type strategy struct {
	name  string
	build func(dependency string, cfg Config) (protector, error)
}

// The clients' names, in the order in which they are shown.
const (
	nameSingle       = "no retries"
	nameNaive        = "naive retries"
	nameNaiveBreaker = "naive + breaker"
	nameHoldfast     = "Holdfast"
)

var strategies = []strategy{
	{nameSingle, newSingle},
	{nameNaive, newNaive},
	{nameNaiveBreaker, newNaiveBreaker},
	{nameHoldfast, newHoldfast},
}

// client makes calls with one strategy, to backends of its own.
type client struct {
	name       string
	cfg        Config
	http       *http.Client
	servers    []*server
	protectors []protector // one per server
	ledger     ledger
	calls      sync.WaitGroup
}

// newClient starts a client's backends. The backends of all clients have the same fault rate and
// seeds.
func newClient(s strategy, cfg Config) (*client, error) {
	c := &client{name: s.name, cfg: cfg, http: newHTTPClient()}
	for i, name := range dependencies {
		p, err := s.build(name, cfg)
		if err != nil {
			c.shutDown()
			return nil, err
		}
		srv, err := serve(name, NewBackend(cfg.Backend, cfg.Seed+uint64(i)))
		if err != nil {
			c.shutDown()
			return nil, err
		}
		c.protectors = append(c.protectors, p)
		c.servers = append(c.servers, srv)
	}
	return c, nil
}

// newClients starts one client per strategy, or none.
func newClients(cfg Config) ([]*client, error) {
	var clients []*client
	for _, s := range strategies {
		c, err := newClient(s, cfg)
		if err != nil {
			for _, c := range clients {
				c.shutDown()
			}
			return nil, err
		}
		clients = append(clients, c)
	}
	return clients, nil
}

// start makes a call on a goroutine of its own. ctx is that of the play, not of the call.
func (c *client) start(ctx context.Context, a Arrival) {
	if c.ledger.inFlight.Load() >= int64(c.cfg.MaxInFlight) {
		c.ledger.dropped.Add(1)
		return
	}
	c.ledger.inFlight.Add(1)
	c.calls.Go(func() {
		defer c.ledger.inFlight.Add(-1)
		c.ledger.enter(c.call(ctx, a))
	})
}

func (c *client) call(play context.Context, a Arrival) Call {
	srv := c.servers[a.Backend]
	begin := time.Now()
	ctx, cancel := context.WithDeadline(play, begin.Add(c.cfg.Deadline))
	defer cancel()
	attempts := 0
	err := c.protectors[a.Backend].Do(ctx, func(ctx context.Context) error {
		attempts++
		c.ledger.attempts.Add(1)
		return request(ctx, c.http, srv.name, srv.url)
	})
	latency := time.Since(begin)
	return Call{
		At:       a.At,
		Latency:  latency,
		Attempts: attempts,
		Outcome:  outcome(err, attempts, latency <= c.cfg.Deadline, errors.Is(play.Err(), context.Canceled)),
	}
}

// shutDown waits for the calls, and then ends the backends.
func (c *client) shutDown() {
	c.calls.Wait()
	c.http.CloseIdleConnections()
	for _, s := range c.servers {
		s.shutDown()
	}
}

// denials returns what the client's protectors refused, summed over the backends. It returns false
// if they do not count that.
func (c *client) denials() (map[string]uint64, bool) {
	sum := map[string]uint64{}
	counted := false
	for _, p := range c.protectors {
		if d, ok := p.(denier); ok {
			counted = true
			for reason, n := range d.Denials() {
				sum[reason] += n
			}
		}
	}
	return sum, counted
}
