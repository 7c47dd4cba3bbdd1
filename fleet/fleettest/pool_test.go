package fleettest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/fleet"
)

// leaky is a Transport whose buckets have a mistake.
type leaky struct {
	fleet.Transport
	pool func(ctx context.Context, room string, r fleet.PoolRequest, next fleet.Transport) (fleet.PoolReply, error)
}

func (l *leaky) Pool(ctx context.Context, room string, r fleet.PoolRequest) (fleet.PoolReply, error) {
	return l.pool(ctx, room, r, l.Transport)
}

// Each mistake that a transport may have with buckets is found, by the check that is about it.
func TestMistakesOfBucketsAreFound(t *testing.T) {
	type (
		request = fleet.PoolRequest
		reply   = fleet.PoolReply
	)
	asked := func(change func(room *string, r *request)) func(context.Context, string, request, transport) (reply, error) {
		return func(ctx context.Context, room string, r request, next transport) (reply, error) {
			change(&room, &r)
			return next.Pool(ctx, room, r)
		}
	}
	answered := func(change func(r request, p *reply)) func(context.Context, string, request, transport) (reply, error) {
		return func(ctx context.Context, room string, r request, next transport) (reply, error) {
			p, err := next.Pool(ctx, room, r)
			change(r, &p)
			return p, err
		}
	}
	seqs := func() func(*string, *request) { // makes each request a new one
		var mu sync.Mutex
		var seq int64
		return func(_ *string, r *request) {
			mu.Lock()
			defer mu.Unlock()
			seq++
			r.Seq = seq
		}
	}
	for name, test := range map[string]struct {
		pool  func(context.Context, string, request, transport) (reply, error)
		found string
	}{
		"one bucket for all rooms":        {asked(func(room *string, _ *request) { *room = "all" }), "buckets of rooms do not mix"},
		"tokens out of nothing":           {answered(func(r request, p *reply) { p.Granted = r.Take }), "a bucket keeps its tokens"},
		"nobody gets tokens":              {asked(func(_ *string, r *request) { r.Take = 0 }), "a bucket keeps its tokens"},
		"no cap":                          {asked(func(_ *string, r *request) { r.Cap = fleet.MaxTokens }), "a bucket keeps its tokens"},
		"all is said to be accepted":      {answered(func(r request, p *reply) { p.Accepted = r.Give }), "a bucket keeps its tokens"},
		"no level is told":                {answered(func(_ request, p *reply) { p.Level = 0 }), "a bucket keeps its tokens"},
		"a request that came twice":       {asked(seqs()), "no request counts twice"},
		"a late request has another name": {asked(func(_ *string, r *request) { r.Session += string(rune('a' + r.Seq)) }), "no request counts twice"},
		"an unknown session is credited": {func(ctx context.Context, room string, r request, next transport) (reply, error) {
			first := r
			first.Give, first.Take, first.Seq = 0, 0, 1
			met, err := next.Pool(ctx, room, first)
			if err != nil {
				return reply{}, err
			}
			r.Seq, r.Ticket = r.Seq+1, met.Ticket
			return next.Pool(ctx, room, r)
		}, "a session has to be known"},
		"one ticket for all":   {answered(func(_ request, p *reply) { p.Ticket = 1 }), "a session has to be known"},
		"no tickets":           {answered(func(_ request, p *reply) { p.Ticket = 0 }), "a bucket keeps its tokens"},
		"buckets are for ever": {asked(func(_ *string, r *request) { r.Keep = time.Hour }), "buckets end"},
		"buckets end at once":  {asked(func(_ *string, r *request) { r.Keep = time.Millisecond }), "buckets end"},
		"one session for all":  {asked(func(_ *string, r *request) { r.Session = "all" }), "sessions have any name"},
		"names are cut":        {asked(func(_ *string, r *request) { r.Session = r.Session[:min(len(r.Session), fleet.MaxPod-1)] }), "sessions have any name"},
		"what is wrong is mended": {asked(func(_ *string, r *request) {
			r.Give, r.Take, r.Cap = max(r.Give, 0), max(r.Take, 0), max(r.Cap, 0)
		}), "requests have bounds"},
		"ctx is not heeded": {func(ctx context.Context, room string, r request, next transport) (reply, error) {
			return next.Pool(context.WithoutCancel(ctx), room, r)
		}, "ctx ends"},
		"an update is lost, now and then": {answered(func(r request, p *reply) {
			if r.Seq == 15 {
				p.Accepted = 0
			}
		}), "many give and take at once"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Contains(t, failures(t, func() fleet.Transport {
				return &leaky{fleet.InProcess(), test.pool}
			}), test.found)
		})
	}
}
