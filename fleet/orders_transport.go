package fleet

import (
	"fmt"
	"time"
)

// What a Transport carries of orders is bounded as well.
const (
	MaxOrder  = 512 // bytes of an order
	MaxOrders = 4   // slots for orders in a room: 0 to MaxOrders-1
)

// StoredOrder is an order as the store has it. Orders are bytes to a store: a pod with the fleet's
// key knows what they say.
type StoredOrder struct {
	Slot int           // from 0 to MaxOrders-1
	Left time.Duration // of the ttl with which it was stored
	Data []byte        // at most MaxOrder bytes
}

// CheckOrder returns why a room's order cannot be stored: it is too long, or there is no such slot.
// Else it returns nil.
func CheckOrder(room string, slot int, order []byte) error {
	switch {
	case slot < 0 || slot >= MaxOrders:
		return fmt.Errorf("fleet: the order for room %q has the slot %d; want 0 to %d", room, slot, MaxOrders-1)
	case len(order) > MaxOrder:
		return fmt.Errorf("fleet: the order for room %q has %d bytes; want at most %d", room, len(order), MaxOrder)
	}
	return nil
}
