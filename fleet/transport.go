package fleet

import (
	"context"
	"fmt"
	"time"
)

// What a Transport carries is bounded, so that no writer can make the readers work without end.
const (
	MaxCell   = 256    // bytes of a cell
	MaxDigest = 512    // bytes of a digest
	MaxPod    = 128    // bytes of a pod's name
	MaxCells  = 10_000 // cells in a room
)

// Transport is the store in which the pods of a fleet leave word for each other.
// holdfastfleet.Redis and [InProcess] return one; package fleettest checks those of your own. If it
// has a method Validate() error, [Join] fails with what that returns.
//
// A room is what all pods share of one service. It holds a cell for each pod, one digest of them,
// one lease, and a few orders. Names of rooms and pods are any bytes, and so are cells, digests and
// orders. Times are by the store's clock alone, since pods' clocks differ.
//
// A digest keeps the traffic of n pods from growing with n²: the store asks one pod for it from
// time to time and sends that one all cells. Every other pod gets the digest, whose size does not
// grow with n.
//
// A Transport is safe for concurrent use. Its methods return when ctx ends, or soon after.
type Transport interface {
	// Exchange stores the pod's cells and returns the news of the same rooms, in the same order. It
	// returns an error if no room could be reached.
	Exchange(ctx context.Context, e Exchange) ([]News, error)

	// Digest stores a room's digest, which an Exchange has asked for.
	Digest(ctx context.Context, room string, digest []byte) error

	// Acquire takes the room's lease for the pod if nobody holds it, or extends it if the pod holds
	// it. From then on it lasts for the ttl, a minute at most. It returns the lease's epoch, which
	// is greater than those of all leases of the room before and is kept when it is extended; 0 if
	// the pod does not hold it.
	Acquire(ctx context.Context, room, pod string, ttl time.Duration) (epoch uint64, err error)

	// Tell stores what the holder of a lease tells, and ends the lease: if it tells of a failure,
	// after the Rest, in which it is still the holder. It changes nothing if a later lease was
	// given, or the store has forgotten that one.
	Tell(ctx context.Context, room string, t Told) error

	// Release ends the room's lease if the pod holds it.
	Release(ctx context.Context, room, pod string) error

	// Withdraw removes the pod's cells from the rooms, and releases its leases there.
	Withdraw(ctx context.Context, pod string, rooms []string) error

	// Order stores an order in a slot of a room, in the place of what was there. After the ttl it
	// is removed. See [CheckOrder] for what is refused.
	Order(ctx context.Context, room string, slot int, order []byte, ttl time.Duration) error

	// Look returns the news of a room, and stores nothing. Whoever looks is not asked for a digest.
	Look(ctx context.Context, room string) (News, error)
}

// Exchange is what a pod tells, and how it wants to be answered.
type Exchange struct {
	Pod   string        // at most MaxPod bytes
	Posts []Post        // at most one for each room
	TTL   time.Duration // after which a cell that was not stored again is removed
	Fresh time.Duration // an older digest is made anew
}

// Post is a pod's cell for a room.
type Post struct {
	Room string
	Cell []byte // at most MaxCell bytes; a longer one is refused
}

// Check returns why a post of e cannot be stored: its cell, or the pod's name, is too long. Else it
// returns nil.
func (e *Exchange) Check(p Post) error {
	switch {
	case len(e.Pod) > MaxPod:
		return fmt.Errorf("fleet: the pod's name has %d bytes; want at most %d", len(e.Pod), MaxPod)
	case len(p.Cell) > MaxCell:
		return fmt.Errorf("fleet: the cell for room %q has %d bytes; want at most %d", p.Room, len(p.Cell), MaxCell)
	}
	return nil
}

// CheckDigest returns why a room's digest cannot be stored: it is too long. Else it returns nil.
func CheckDigest(room string, digest []byte) error {
	if len(digest) > MaxDigest {
		return fmt.Errorf("fleet: the digest for room %q has %d bytes; want at most %d", room, len(digest), MaxDigest)
	}
	return nil
}

// News is what there is in a room.
type News struct {
	// Err is why the room could not be reached; nil if it was. The other fields are then zero.
	Err error

	// Digest is the latest one, nil if there is none; Age is how old it is.
	Digest []byte
	Age    time.Duration

	// Asked says that this pod is to make the next digest, of Cells, which are all cells of the
	// room, its own included. In the next Fresh no other pod is asked.
	Asked bool
	Cells []Cell

	// Refused is how many cells were left out, if Asked, and how many orders: they are too long, or
	// not in the form in which the transport stores them, or there are more than MaxCells.
	Refused int

	// Holder is the pod that holds the lease; "" if nobody does.
	Holder string

	// Orders are the room's orders, at most one of each slot, in any order.
	Orders []StoredOrder

	// Told is the latest that a holder told, for a minute at least; its Epoch is 0 if there is
	// nothing.
	Told Told
}

// Told is what the holder of a lease tells of its probes.
type Told struct {
	Pod   string // that tells; not read in News
	Epoch uint64 // of its lease, from 1
	Good  bool   // they succeeded

	Rest time.Duration // how long nobody probes after a failure; not read in News
	Age  time.Duration // since it was told; only in News
}

// Cell is a pod's cell.
type Cell struct {
	Age  time.Duration // since it was stored
	Data []byte
}
