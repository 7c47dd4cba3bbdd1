package demo

import (
	"context"
	"sync"
	"time"
)

// tick is how often the screen is updated.
const tick = 100 * time.Millisecond

// Play runs a play, shows it on scr, and returns the report. When ctx ends, the play ends at once.
// Then the report covers the time so far, and says so. When Play returns, it leaves no goroutine,
// connection or port open.
func Play(ctx context.Context, cfg Config, scr Screen) (*Report, error) {
	clients, err := newClients(cfg)
	if err != nil {
		return nil, err
	}
	p := &play{cfg: cfg, clients: clients, start: time.Now()}
	arrivals := Schedule(cfg.Seed, cfg.Rate, cfg.Length(), len(dependencies))

	watched := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() { p.watch(watched, scr) })

	lag := p.perform(ctx, arrivals)

	close(watched)
	watching.Wait()
	for _, c := range clients {
		c.shutDown()
	}
	return p.report(lag, ctx.Err() != nil), nil
}

type play struct {
	cfg     Config
	clients []*client
	start   time.Time
	ran     time.Duration // how long calls arrived
}

// perform starts the calls as they arrive, and waits for the last one. It returns the most that a
// call began late.
func (p *play) perform(ctx context.Context, arrivals []Arrival) (lag time.Duration) {
	var script sync.WaitGroup
	script.Go(func() { direct(ctx, p.cfg, p.start, p.slowDown) })
	lag = pace(ctx, p.start, arrivals, func(a Arrival) {
		for _, c := range p.clients {
			c.start(ctx, a)
		}
	})
	script.Wait()
	p.ran = min(time.Since(p.start), p.cfg.Length())
	for _, c := range p.clients {
		c.calls.Wait()
	}
	return lag
}

// direct is the whole script: it slows the backends down, and later ends that.
func direct(ctx context.Context, cfg Config, start time.Time, slowDown func(times int)) {
	until := func(since time.Duration) bool { return sleep(ctx.Done(), time.Until(start.Add(since))) }
	if !until(cfg.Healthy) {
		return
	}
	slowDown(cfg.Slowdown)
	if !until(cfg.Healthy + cfg.Outage) {
		return
	}
	slowDown(1)
	until(cfg.Length())
}

func (p *play) slowDown(n int) {
	for _, c := range p.clients {
		for _, s := range c.servers {
			s.SlowDown(n)
		}
	}
}

// watch shows frames on scr until done is closed.
func (p *play) watch(done <-chan struct{}, scr Screen) {
	scr.Begin(p.cfg)
	defer scr.End()
	t := time.NewTicker(tick)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			scr.Show(p.frame())
		case <-done:
			scr.Show(p.frame())
			return
		}
	}
}

func (p *play) frame() Frame {
	f := Frame{Since: time.Since(p.start)}
	for _, c := range p.clients {
		cf := ClientFrame{
			Name:     c.name,
			Ended:    c.ledger.ended.Load(),
			Good:     c.ledger.good.Load(),
			Attempts: c.ledger.attempts.Load(),
		}
		for _, s := range c.servers {
			cf.Waiting = append(cf.Waiting, s.Waiting())
		}
		f.Clients = append(f.Clients, cf)
	}
	return f
}
