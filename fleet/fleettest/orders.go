package fleettest

import (
	"bytes"
	"fmt"
	"time"

	"github.com/media-gateway/holdfast/fleet"
)

func (k *kit) order(slot int, order string, ttl time.Duration) {
	k.Helper()
	k.ok(k.Order(k.Context(), k.room, slot, []byte(order), ttl))
}

func (k *kit) look() fleet.News {
	k.Helper()
	n, err := k.Look(k.Context(), k.room)
	k.ok(err)
	k.ok(n.Err)
	return n
}

// in returns the orders by slot.
func (k *kit) in(n fleet.News) map[int]string {
	k.Helper()
	all := map[int]string{}
	for _, o := range n.Orders {
		_, twice := all[o.Slot]
		k.want(!twice, "two orders in slot %d", o.Slot)
		all[o.Slot] = string(o.Data)
	}
	return all
}

func checkOrders(k *kit) {
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	k.want(k.look().Orders == nil && k.news("a", "x", long, long).Orders == nil, "a room without orders has none")
	k.order(0, string(every), long)
	k.order(fleet.MaxOrders-1, "", long)
	k.ok(k.Order(k.Context(), k.room+"/other", 0, []byte("of another room"), long))
	asked, told := false, false
	k.eventually("an order is found, by a pod that is asked for a digest and by one that is not", func() bool {
		n := k.news("b", "x", long, short)
		all := k.in(n)
		k.want(len(all) == 2 && all[0] == string(every) && all[fleet.MaxOrders-1] == "", "want both orders, byte by byte: %v", all)
		asked, told = asked || n.Asked, told || !n.Asked
		return asked && told
	})
	n := k.look()
	k.want(len(k.in(n)) == 2 && k.in(n)[0] == string(every), "whoever looks finds both orders: %v", k.in(n))
	for _, o := range n.Orders {
		k.want(o.Left > 0 && o.Left <= long, "an order of %v has %v left", long, o.Left)
	}
	stored := []byte("before")
	k.ok(k.Order(k.Context(), k.room, 1, stored, long))
	copy(stored, "after!")
	for _, o := range k.look().Orders {
		copy(o.Data, "other!")
	}
	k.want(k.in(k.look())[1] == "before", "an order changes with a slice of the caller")
}

func checkOrdersReplaced(k *kit) {
	for slot := range fleet.MaxOrders {
		k.order(slot, fmt.Sprint("first ", slot), long)
	}
	k.order(1, "second", long)
	all := k.in(k.look())
	k.want(len(all) == fleet.MaxOrders, "%d orders in %d slots", len(all), fleet.MaxOrders)
	for slot, order := range all {
		if want := fmt.Sprint("first ", slot); slot != 1 {
			k.want(order == want, "the order in slot %d is %q; want %q", slot, order, want)
		}
	}
	k.want(all[1] == "second", "the order in slot 1 is %q; want the later one", all[1])
}

func checkOrdersEnd(k *kit) {
	k.order(0, "short", short)
	k.order(1, "long", long)
	k.eventually("an order ends", func() bool { return k.in(k.look())[0] == "" })
	k.want(k.in(k.news("a", "x", long, long))[0] == "", "an exchange finds an order that has ended")
	k.eventually("an order has less time left", func() bool {
		for _, o := range k.look().Orders {
			if o.Slot == 1 {
				return o.Left <= long-short
			}
		}
		return false
	})
	k.order(1, "shorter", short)
	k.eventually("an order that was stored anew ends by the new time", func() bool { return len(k.in(k.look())) == 0 })
}

func checkOrdersStay(k *kit) {
	k.news("a", "x", short, long)
	k.order(0, "stays", long)
	k.ok(k.Withdraw(k.Context(), "a", []string{k.room}))
	k.want(k.in(k.look())[0] == "stays", "a pod that withdraws takes no order with it")
	k.news("a", "x", short, long)
	k.eventually("the cell of a pod that is gone ends", func() bool {
		n := k.news("b", "x", short, time.Millisecond)
		return n.Asked && len(n.Cells) == 1
	})
	k.want(k.in(k.look())[0] == "stays", "an order outlives the pods")
}

func checkLook(k *kit) {
	n := k.look()
	k.want(n.Digest == nil && !n.Asked && n.Holder == "" && n.Orders == nil, "an empty room has news: %+v", n)
	n = k.news("a", "of a", long, long)
	k.want(n.Asked && len(n.Cells) == 1, "who looks is no pod, and is not asked in the place of one: %+v", n)
	k.ok(k.Digest(k.Context(), k.room, []byte{0, 255}))
	k.want(k.acquire("a", long), "a lease that nobody holds is free")
	n = k.look()
	k.want(bytes.Equal(n.Digest, []byte{0, 255}) && n.Age >= 0 && n.Age < most, "who looks finds the digest: %+v", n)
	k.want(n.Holder == "a", "who looks finds the holder: %+v", n)
	k.want(!n.Asked && n.Cells == nil, "who looks is not asked: %+v", n)
	k.eventually("the digest gets older", func() bool {
		n := k.look()
		return n.Digest == nil || n.Age >= short
	})
	k.want(len(k.askedAs("b", "x").Cells) == 2, "who looks is no pod")
}

func checkOrderBounds(k *kit) {
	k.order(0, "before", long)
	k.want(k.Order(k.Context(), k.room, 0, make([]byte, fleet.MaxOrder+1), long) != nil, "an order that is too long is accepted")
	for _, slot := range []int{-1, fleet.MaxOrders, 1 << 20} {
		k.want(k.Order(k.Context(), k.room, slot, nil, long) != nil, "an order is accepted in slot %d", slot)
	}
	all := k.in(k.look())
	k.want(len(all) == 1 && all[0] == "before", "what was refused is there: %v", all)
	for slot := range fleet.MaxOrders {
		k.ok(k.Order(k.Context(), k.room, slot, bytes.Repeat([]byte{byte(slot)}, fleet.MaxOrder), long))
	}
	for slot := range fleet.MaxOrders {
		k.want(k.in(k.news("a", "x", long, long))[slot] == string(bytes.Repeat([]byte{byte(slot)}, fleet.MaxOrder)), "the longest orders are not there")
	}
}
