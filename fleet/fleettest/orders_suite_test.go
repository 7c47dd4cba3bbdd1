package fleettest

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/fleet"
)

// misordered is a Transport with a mistake in what it does with orders.
type misordered struct {
	fleet.Transport
	order func(ctx context.Context, room string, slot int, order []byte, ttl time.Duration, next transport) error
	look  func(ctx context.Context, room string, next transport) (news, error)
	news  func(n *news) // changes what Exchange and Look return
	bye   func(ctx context.Context, rooms []string, next transport)
}

func (b *misordered) Order(ctx context.Context, room string, slot int, order []byte, ttl time.Duration) error {
	if b.order != nil {
		return b.order(ctx, room, slot, order, ttl, b.Transport)
	}
	return b.Transport.Order(ctx, room, slot, order, ttl)
}

func (b *misordered) Look(ctx context.Context, room string) (n news, err error) {
	if b.look != nil {
		return b.look(ctx, room, b.Transport)
	}
	n, err = b.Transport.Look(ctx, room)
	b.change(&n)
	return n, err
}

func (b *misordered) change(n *news) {
	if b.news != nil {
		b.news(n)
	}
}

func (b *misordered) Exchange(ctx context.Context, e exchange) ([]news, error) {
	all, err := b.Transport.Exchange(ctx, e)
	for i := range all {
		b.change(&all[i])
	}
	return all, err
}

func (b *misordered) Withdraw(ctx context.Context, pod string, rooms []string) error {
	if b.bye != nil {
		b.bye(ctx, rooms, b.Transport)
	}
	return b.Transport.Withdraw(ctx, pod, rooms)
}

// stored returns a Transport that changes what is stored.
func stored(change func(room *string, slot *int, order *[]byte, ttl *time.Duration)) *misordered {
	return &misordered{order: func(ctx context.Context, room string, slot int, order []byte, ttl time.Duration, next transport) error {
		change(&room, &slot, &order, &ttl)
		return next.Order(ctx, room, slot, order, ttl)
	}}
}

func told(change func(n *news)) *misordered { return &misordered{news: change} }

// Each mistake with orders that a transport may have is found, by the check that is about it.
func TestMistakesWithOrdersAreFound(t *testing.T) {
	for name, test := range map[string]struct {
		is    *misordered
		found string
	}{
		"orders are lost":  {&misordered{order: func(context.Context, string, int, []byte, time.Duration, transport) error { return nil }}, "orders are found"},
		"no order is told": {told(func(n *news) { n.Orders = nil }), "orders are found"},
		"orders are told to who is asked only": {told(func(n *news) {
			if !n.Asked {
				n.Orders = nil
			}
		}), "orders are found"},
		"orders are told to who is not asked only": {told(func(n *news) {
			if n.Asked {
				n.Orders = nil
			}
		}), "orders are found"},
		"an empty order is none": {told(func(n *news) {
			var some []fleet.StoredOrder
			for _, o := range n.Orders {
				if len(o.Data) > 0 {
					some = append(some, o)
				}
			}
			n.Orders = some
		}), "orders are found"},
		"orders are text": {stored(func(_ *string, _ *int, order *[]byte, _ *time.Duration) {
			*order = []byte(strings.ToValidUTF8(string(*order), "?"))
		}), "orders are found"},
		"orders of all rooms": {stored(func(room *string, _ *int, _ *[]byte, _ *time.Duration) {
			*room = strings.TrimSuffix(*room, "/other")
		}), "orders are found"},
		"an order's time is not told": {told(func(n *news) {
			for i := range n.Orders {
				n.Orders[i].Left = 0
			}
		}), "orders are found"},
		"an order's time is told too long": {told(func(n *news) {
			for i := range n.Orders {
				n.Orders[i].Left *= 1000
			}
		}), "orders are found"},
		"one slot for all": {stored(func(_ *string, slot *int, _ *[]byte, _ *time.Duration) {
			if *slot > 0 && *slot < fleet.MaxOrders {
				*slot = 0
			}
		}), "orders are replaced"},
		"the first order stays": {func() *misordered {
			var there [fleet.MaxOrders]bool
			return &misordered{order: func(ctx context.Context, room string, slot int, order []byte, ttl time.Duration, next transport) error {
				if err := fleet.CheckOrder(room, slot, order); err != nil || there[slot] {
					return err
				}
				there[slot] = true
				return next.Order(ctx, room, slot, order, ttl)
			}}
		}(), "orders are replaced"},
		"orders are for ever": {stored(func(_ *string, _ *int, _ *[]byte, ttl *time.Duration) { *ttl = time.Hour }), "orders end"},
		"an order's time never runs": {told(func(n *news) {
			for i := range n.Orders {
				n.Orders[i].Left = long
			}
		}), "orders end"},
		"who withdraws takes the orders along": {&misordered{bye: func(ctx context.Context, rooms []string, next transport) {
			for _, room := range rooms {
				for slot := range fleet.MaxOrders {
					_ = next.Order(ctx, room, slot, nil, time.Nanosecond)
				}
			}
		}}, "orders outlive pods"},
		"who looks is a pod": {&misordered{look: func(ctx context.Context, room string, next transport) (news, error) {
			all, err := next.Exchange(ctx, exchange{Pod: "who looks", Posts: []fleet.Post{{Room: room}}, TTL: long, Fresh: long})
			if err != nil {
				return news{}, err
			}
			all[0].Asked, all[0].Cells = false, nil
			return all[0], nil
		}}, "who looks leaves nothing"},
		"who looks sees no digest": {&misordered{look: func(ctx context.Context, room string, next transport) (news, error) {
			n, err := next.Look(ctx, room)
			n.Digest = nil
			return n, err
		}}, "who looks leaves nothing"},
		"who looks sees no holder": {&misordered{look: func(ctx context.Context, room string, next transport) (news, error) {
			n, err := next.Look(ctx, room)
			n.Holder = ""
			return n, err
		}}, "who looks leaves nothing"},
		"an order that is too long is cut": {stored(func(_ *string, _ *int, order *[]byte, _ *time.Duration) {
			*order = (*order)[:min(len(*order), fleet.MaxOrder)]
		}), "orders that are too long"},
		"slots are counted round": {stored(func(_ *string, slot *int, _ *[]byte, _ *time.Duration) {
			*slot = (*slot%fleet.MaxOrders + fleet.MaxOrders) % fleet.MaxOrders
		}), "orders that are too long"},
		"ctx is not heeded by Order": {&misordered{order: func(ctx context.Context, room string, slot int, order []byte, ttl time.Duration, next transport) error {
			return next.Order(context.WithoutCancel(ctx), room, slot, order, ttl)
		}}, "ctx ends"},
		"ctx is not heeded by Look": {&misordered{look: func(ctx context.Context, room string, next transport) (news, error) {
			return next.Look(context.WithoutCancel(ctx), room)
		}}, "ctx ends"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Contains(t, failures(t, func() fleet.Transport {
				is := *test.is
				is.Transport = fleet.InProcess()
				return &is
			}), test.found)
		})
	}
}
