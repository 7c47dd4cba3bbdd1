package fleet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/media-gateway/holdfast/adapter"
	"github.com/media-gateway/holdfast/internal/mono"
	"github.com/media-gateway/holdfast/internal/visible"
	"github.com/media-gateway/holdfast/resilience/budget"
)

// ErrNoKey is what orders fail with, by errors.Is, if the fleet was joined without [WithKey].
var ErrNoKey = errors.New("no key to sign an order with; join the fleet with WithKey")

// Bounds of keys.
const (
	minKey  = 32 // bytes
	maxKeys = 8
)

// WithKey lets this pod give orders to all pods of the fleet, and carry out those of others: see
// [Fleet.Isolate]. Without it, orders are off in this pod, and it ignores those of others. A key is
// a secret of at least 32 random bytes, the same for all pods. It is not for the store: whoever can
// write to the store and does not know the key can give no orders.
//
// Orders are signed with key, by HMAC-SHA256. Those signed with one of the others hold as well, so
// keys can be replaced while pods run: first give all pods the new key as one of the others, then
// as key, then leave the old one out. There are at most eight in all. The keys are copied.
func WithKey(key []byte, others ...[]byte) Option {
	return func(o *options) {
		keys := append([][]byte{key}, others...)
		if len(keys) > maxKeys {
			o.wrong.Fail("WithKey", fmt.Sprint(len(keys), " keys"), "want at most %d", maxKeys)
		}
		for i, k := range keys {
			if len(k) < minKey { // what it is must not be told
				o.wrong.Fail("WithKey", fmt.Sprintf("key %d of %d bytes", i+1, len(k)), "want at least %d random bytes", minKey)
			}
			o.keys = append(o.keys, slices.Clone(k))
		}
	}
}

// Bounds of orders.
const (
	maxBy        = 128 // bytes
	maxWhy       = 256 // bytes
	minFor       = time.Second
	maxFor       = 24 * time.Hour
	defaultFor   = time.Hour
	defaultReset = time.Minute
)

// Order says who gives an order to the fleet, why, and for how long.
type Order struct {
	By  string // who: required, at most 128 bytes of printable text
	Why string // required, at most 256 bytes of printable text

	// For is how long the order holds: from a second to 24 hours. After that, each pod undoes it
	// by its own clock. 0 is an hour. A Reset is carried out at once: For is how long pods that
	// hear of it later carry it out as well, and 0 is a minute. For a Withdraw, For has no
	// meaning.
	For time.Duration
}

// OrderKind is what an order is about.
type OrderKind uint8

// The kinds of orders.
const (
	OrderIsolate OrderKind = iota + 1 // keep every call out
	OrderReset                        // close the breaker
	OrderTune                         // change numbers
)

var kindNames = [...]string{OrderIsolate: "isolate", OrderReset: "reset", OrderTune: "tune"}

func (k OrderKind) known() bool { return k >= OrderIsolate && k <= OrderTune }

// String returns "isolate", "reset" or "tune".
func (k OrderKind) String() string {
	if !k.known() {
		return "OrderKind(" + strconv.Itoa(int(k)) + ")"
	}
	return kindNames[k]
}

// MarshalText returns the kind as String does.
func (k OrderKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (k *OrderKind) UnmarshalText(text []byte) error {
	if i := slices.Index(kindNames[:], string(text)); i > 0 {
		*k = OrderKind(i)
		return nil
	}
	return fmt.Errorf("fleet: an order of kind %q is not known; want isolate, reset or tune", text)
}

// Tuning is what [Fleet.Tune] changes.
type Tuning struct {
	// Ratio is that of the service's retry budgets, as in budget.Config: how many tokens a call
	// deposits. -1 deposits nothing. At most 1000. 0 is an error.
	Ratio float64
}

// Isolate makes all pods keep every call of a service out, as Breaker.Isolate does for one, until
// the order's time is over or it is withdrawn. The service is named as in ServiceStats.Name. This
// pod need not follow it, so a name that no pod knows is no error: [Fleet.Look] says whether there
// are pods.
//
// Isolate returns once the store has the order. The pods carry it out at their next tick, within a
// second or so; those that join later do so for the rest of its time. A pod whose breaker somebody
// resets by hand meanwhile goes by that. The order replaces an earlier Isolate or Reset. Give ctx a
// deadline of a few seconds: with a store that hangs, the client's own retries may take a minute.
//
// The error names every argument that is wrong. It is ErrNoKey, by errors.Is, without [WithKey].
// Else it is the store's, and whether pods hear of the order is not known.
func (f *Fleet) Isolate(ctx context.Context, service string, o Order) error {
	return f.order(ctx, service, signed{kind: OrderIsolate}, o)
}

// Reset makes all pods close the breaker of a service, whether it is open or isolated, and forget
// its outcomes, as Breaker.Reset does for one. It ends an isolation by [Fleet.Isolate], and those
// that were made by hand on single pods. A Reset cannot be withdrawn. For the rest, see there.
func (f *Fleet) Reset(ctx context.Context, service string, o Order) error {
	return f.order(ctx, service, signed{kind: OrderReset}, o)
}

// Tune changes numbers of a service in all pods, until the order's time is over or it is withdrawn:
// those of the budgets in all pipelines that the service's breaker stands in. Then each pod goes
// back to what it had before. Budgets whose numbers somebody has changed meanwhile, by hand or with
// a new configuration, stay as they are. For the rest, see [Fleet.Isolate].
func (f *Fleet) Tune(ctx context.Context, service string, t Tuning, o Order) error {
	return f.order(ctx, service, signed{kind: OrderTune, ratio: t.Ratio}, o)
}

// Withdraw takes an order back before its time, OrderIsolate or OrderTune: all pods undo it, those
// that have overruled it by hand do nothing. It changes nothing if there is no such order. By and
// Why are those of whoever withdraws it. For the rest, see [Fleet.Isolate].
func (f *Fleet) Withdraw(ctx context.Context, service string, kind OrderKind, o Order) error {
	o.For = 0
	return f.order(ctx, service, signed{kind: kind, withdrawn: true}, o)
}

// Look returns how a service of the fleet stands, which this pod need not follow. It asks the
// store, for as long as ctx allows. The service has no pods if ServiceStats.Pods is 0. The State,
// Probes and Banned are not filled in: they are a pod's own. Orders are those that are in force, if
// this pod has the key.
func (f *Fleet) Look(ctx context.Context, service string) (ServiceStats, error) {
	s := ServiceStats{Name: service, Age: -1}
	if !f.joined() {
		return s, errNotJoined
	}
	news, err := f.lookAt(ctx, service)
	if err != nil {
		return s, err
	}
	if d, err := decodeDigest(news.Digest); err == nil && news.Age <= cellTTL {
		d = d.older(news.Age)
		s.heard(&d, max(news.Age, 0))
		s.Holder = holderOf(news.Holder, "", false)
	}
	known, _ := f.hands.read(f.name, service, news.Orders)
	for _, order := range known {
		if order.inForce(mono.Now()) {
			s.Orders = append(s.Orders, order.stats())
		}
	}
	return s, nil
}

func (f *Fleet) lookAt(ctx context.Context, service string) (news News, err error) {
	err = ask(func() (err error) { news, err = f.transport.Look(ctx, roomOf(f.name, service)); return err })
	if err == nil {
		err = news.Err
	}
	return news, err
}

// ask asks the transport for whoever gives an order.
func ask(question func() error) error {
	if err := answered(question); err != nil {
		return fmt.Errorf("fleet: the store: %w", err)
	}
	return nil
}

// answered asks the transport, whose panic is an error.
func answered(question func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("the transport panicked: %v", v)
		}
	}()
	return question()
}

// order signs an order, which is newer than those that this pod or the store knows, and stores it.
func (f *Fleet) order(ctx context.Context, service string, s signed, o Order) error {
	if !f.joined() {
		return errNotJoined
	}
	if err := f.check(service, &s, o); err != nil {
		return err
	}
	news, err := f.lookAt(ctx, service)
	if err != nil {
		return err
	}
	s.by, s.why = o.By, o.Why
	known, refused := f.hands.read(f.name, service, news.Orders)
	data := f.hands.sign(f.name, service, &s, known)
	err = ask(func() error {
		return f.transport.Order(ctx, roomOf(f.name, service), s.slot(), data, orderTTL)
	})
	level, result := slog.LevelInfo, "given"
	switch {
	case err != nil:
		level, result = slog.LevelWarn, "not given: "+err.Error()
	case refused != "": // others may hold that for the later one
		level, result = slog.LevelWarn, "given, but the store had one that this pod refuses: "+refused
	}
	guarded(func() {
		f.hands.log.Log(ctx, level, "order for the fleet", "fleet", f.name, "pod", f.pod, "service", service,
			"order", s.what(), "by", s.by, "why", s.why, "for", s.lasts.String(), "result", result)
	})
	return err
}

// check returns all that is wrong with an order, and fills in what has a default.
func (f *Fleet) check(service string, s *signed, o Order) error {
	wrong := &adapter.Check{Package: "fleet"}
	if service == "" {
		wrong.Fail("the service", `""`, "want the name of one, as in ServiceStats.Name")
	}
	text := func(field, is string, most int) {
		if strings.TrimSpace(is) == "" || len(is) > most || !visible.Printable(is) {
			wrong.Fail(field, strconv.Quote(is[:min(len(is), most)]), "want 1 to %d bytes of printable text", most)
		}
	}
	text("Order.By", o.By, maxBy)
	text("Order.Why", o.Why, maxWhy)
	s.lasts = o.For
	if o.For == 0 {
		s.lasts = defaultFor
		if s.kind == OrderReset || s.withdrawn {
			s.lasts = defaultReset
		}
	}
	if s.lasts < minFor || s.lasts > maxFor {
		wrong.Fail("Order.For", o.For, "want %v to %v, or 0 for the default", minFor, maxFor)
	}
	switch {
	case s.withdrawn && s.kind != OrderIsolate && s.kind != OrderTune:
		wrong.Fail("the kind", s.kind, "want OrderIsolate or OrderTune; other orders have no time to end before")
	case s.kind == OrderTune && !s.withdrawn && !validRatio(s.ratio):
		wrong.Fail("Tuning.Ratio", s.ratio, "want more than 0, and at most 1000; or -1 to deposit nothing")
	}
	err := wrong.Err()
	if len(f.hands.keys) == 0 {
		err = errors.Join(fmt.Errorf("fleet: %w", ErrNoKey), err)
	}
	return err
}

// validRatio reports whether a budget accepts a ratio, and it changes something.
func validRatio(ratio float64) bool {
	_, err := budget.Config{Ratio: ratio}.Resolve()
	return err == nil && ratio != 0
}
