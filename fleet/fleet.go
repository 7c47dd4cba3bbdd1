package fleet

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/adapter"
	"github.com/media-gateway/holdfast/internal/chance"
	"github.com/media-gateway/holdfast/internal/mono"
	"github.com/media-gateway/holdfast/internal/visible"
	"github.com/media-gateway/holdfast/resilience"
)

// A pod tells and hears once a tick, which is a slot, more or less a quarter at random, so that
// pods do not come in step.
const (
	tick     = slotLength
	cellTTL  = 5 * time.Second
	fresh    = tick * 2 / 5 // how old a digest may be before another is made
	tooOld   = 4 * tick     // news of that age are none
	apart    = 3            // ticks without news after which a pod is alone
	seldom   = 4            // a pod that is alone asks in one tick of so many: clients log what they do not reach
	lastWord = tick         // how long Leave tries to withdraw
)

// Fleet is this pod's part in a fleet: see Join. It is safe for concurrent use. Look, Isolate,
// Reset, Tune and Withdraw ask the store, for as long as their ctx allows. Leave does so for half a
// second. The other methods never block for longer than it takes to copy a list.
//
// A nil Fleet, which Join returns with an error, and a zero one have left, and follow nothing: so a
// program can go on without a fleet. Their orders fail.
type Fleet struct {
	name, pod string
	transport Transport
	log       *slog.Logger // hears what no observer does
	teller    *teller

	mu        sync.Mutex // guards what is followed
	follows   []followed
	pipelines []*holdfast.Pipeline

	stop    context.CancelFunc
	stopped chan struct{} // closed when the pod has left
	idle    chan struct{} // holds one value while no tick is at work
	stats   atomic.Pointer[published]
	trouble trouble
	hands   hands
	members members       // belongs to the tick at work
	pools   pools         // likewise
	holds   chan struct{} // tells run that this pod holds a lease
	looking mono.Time     // when the look began that is at work; 0 if it is a tick; run's own
	skipped int           // ticks since the last in which the pod has asked; run\'s own

	idleness idleness // belongs to the tick at work
}

// followed is a registry, and which of its services. If there are no names, their Configs say so.
type followed struct {
	registry *holdfast.Registry
	services []string
}

// Option configures a Fleet.
type Option func(*options)

type options struct {
	wrong     *adapter.Check
	log       *slog.Logger
	observers []resilience.Observer
	pod       string
	keys      [][]byte
	now       func() time.Time
}

// WithLogger sets the logger that is told when the store is in trouble, and when that is over: one
// line each. Default: slog.Default(). If an observer of [WithObserver] logs this itself, as
// resilience.NewLogObserver does, the logger is not used for that, so that no line is there twice.
// It is told of orders in any case: see [WithKey].
func WithLogger(l *slog.Logger) Option {
	return func(o *options) {
		o.wrong.NotNil("WithLogger", l, "want a logger")
		o.log = l
	}
}

// WithPod sets the name by which this pod is known in the fleet: from 1 to [MaxPod] bytes. No two
// pods may have the same name at one time. Default: the host's name and eight random hexadecimal
// digits.
func WithPod(name string) Option {
	return func(o *options) {
		if name == "" || len(name) > MaxPod {
			o.wrong.Fail("WithPod", strconv.Quote(name), "want a name of 1 to %d bytes", MaxPod)
		}
		o.pod = name
	}
}

// maxName is the most bytes of a fleet's name.
const maxName = 128

// Join makes this process a pod of the fleet with this name: the pods that call the same
// dependencies, and share the transport's store. [Fleet.Follow] and [Fleet.Add] say which breakers
// it is about. The pod leaves when ctx ends, or by [Fleet.Leave].
//
// Join does not ask the store, so a store that is down keeps no program from starting. Its error
// names every argument that is wrong: a nil ctx or transport, a name that is "", longer than 128
// bytes, has a slash or a character that cannot be printed, and what the options say. It starts a
// goroutine, which ends with Leave.
func Join(ctx context.Context, t Transport, name string, opts ...Option) (*Fleet, error) {
	wrong := &adapter.Check{Package: "fleet"}
	var invalid error
	if wrong.NotNil("the transport", t, "want one, such as holdfastfleet.Redis(client)") {
		if v, ok := t.(interface{ Validate() error }); ok {
			invalid = v.Validate()
		}
	}
	if ctx == nil {
		wrong.Fail("ctx", "nil", "want one that ends when the pod leaves, such as context.Background()")
	}
	if name == "" || len(name) > maxName || strings.Contains(name, "/") || !visible.Printable(name) {
		wrong.Fail("the fleet's name", strconv.Quote(name), "want 1 to %d bytes without a slash, all of them printable", maxName)
	}
	o := options{wrong: wrong, log: slog.Default(), pod: somePod(), now: time.Now}
	adapter.Apply(wrong, &o, opts)
	if err := errors.Join(invalid, wrong.Err()); err != nil {
		return nil, err
	}
	f := newFleet(t, name, &o)
	ctx, f.stop = context.WithCancel(ctx)
	introduced := make(chan struct{})
	timer := time.NewTimer(untilNext()) // drawn here, so that pods that join in a storm draw in their order
	go func() {
		select {
		case <-introduced:
		case <-ctx.Done(): // an observer may leave
		}
		f.run(ctx, timer)
	}()
	f.teller.introduce(f)
	close(introduced)
	return f, nil
}

// newFleet returns a pod that has no turns yet.
func newFleet(t Transport, name string, o *options) *Fleet {
	f := &Fleet{
		name: name, pod: o.pod, transport: t, log: o.log, teller: newTeller(o.observers, o.log),
		stop: func() {}, stopped: make(chan struct{}), idle: make(chan struct{}, 1), holds: make(chan struct{}, 1),
	}
	f.idle <- struct{}{}
	f.members.fleet = name
	f.hands.keys, f.hands.now, f.hands.log, f.hands.warned = o.keys, o.now, o.log, longAgo
	f.pools.open(name)
	f.stats.Store(&published{Stats{Fleet: name, Pod: o.pod}, mono.Now()})
	return f
}

// joined reports whether Join made f.
func (f *Fleet) joined() bool { return f != nil && f.stop != nil }

// errNotJoined is what the orders of a Fleet fail with that Join did not make.
var errNotJoined = errors.New("fleet: a nil or zero Fleet; make one with Join")

// somePod returns a name that no other pod has.
func somePod() string {
	var id [4]byte
	_, _ = rand.Read(id[:]) // never fails: see its documentation
	host, err := os.Hostname()
	if err != nil {
		host = "pod"
	}
	return host[:min(len(host), MaxPod-9)] + "-" + hex.EncodeToString(id[:])
}

// Follow makes the fleet follow breakers of the registry's services, from the next tick on. With
// names, these are all breakers of the services with these names. Without, they are those breakers
// of all services whose Config has Fleet set, as by `breaker: {fleet: on}` in a file. It notices
// services that come and go, and Configs that change. A budget is pooled only if its Config has
// Fleet set, with names and without. It does nothing if the registry is nil.
func (f *Fleet) Follow(r *holdfast.Registry, services ...string) {
	if r == nil || !f.joined() {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.follows = append(f.follows, followed{r, append([]string(nil), services...)})
}

// Add makes the fleet follow all breakers of these pipelines, from the next tick on, and keeps them
// alive. Of a Keyed's Total these are the breakers that all keys share: the keys' own are too many
// to follow. Nil pipelines are left out.
func (f *Fleet) Add(pipelines ...*holdfast.Pipeline) {
	if !f.joined() {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range pipelines {
		if p != nil {
			f.pipelines = append(f.pipelines, p)
		}
	}
}

// Leave ends the pod's part in the fleet. The breakers go on by themselves. It tries for half a
// second to withdraw what the pod has stored, which ends by itself otherwise. It may be called more
// than once, and returns when the pod has left. A client that does not heed ctx may hold one
// goroutine until its own timeout.
func (f *Fleet) Leave() {
	if !f.joined() {
		return
	}
	f.stop()
	<-f.stopped
}

// run makes a tick from time to time, whenever the timer says, until ctx ends.
func (f *Fleet) run(ctx context.Context, timer *time.Timer) {
	defer close(f.stopped)
	defer f.stop()
	defer timer.Stop()
	looks := time.NewTimer(time.Hour)
	looks.Stop()
	defer looks.Stop()
	for {
		select {
		case <-ctx.Done():
			f.leaveOrders()
			f.withdraw()
			return
		case <-f.holds: // a lease
			looks.Reset(chance.Pause(look))
		case <-looks.C:
			f.tryLook(ctx)
		case <-timer.C:
			f.lapseOrders()
			timer.Reset(f.tryWork(ctx))
		}
	}
}

// withdraw removes what the pod has stored, once no tick is at work any more.
func (f *Fleet) withdraw() {
	ctx, cancel := context.WithTimeout(context.Background(), lastWord)
	defer cancel()
	defer f.pools.restore(true)
	select {
	case <-f.idle:
	case <-ctx.Done():
		return
	}
	left := make(chan struct{})
	go func() {
		defer close(left)
		defer func() { _ = recover() }() // a transport's: the pod leaves all the same
		f.pools.leave(ctx, f)
		_ = f.transport.Withdraw(ctx, f.pod, append(f.members.rooms(), f.pools.rooms()...))
	}()
	select {
	case <-left:
	case <-ctx.Done():
	}
}
