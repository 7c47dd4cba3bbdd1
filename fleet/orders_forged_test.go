package fleet_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/fleet"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

// keptFor is how long the store keeps an order.
const keptFor = 24*time.Hour + 10*time.Minute

// stored returns the orders that the store has for a service.
func (c *crew) stored(service string) map[int]fleet.StoredOrder {
	c.t.Helper()
	news, err := c.store.Look(c.t.Context(), "shop/"+service)
	require.NoError(c.t, err)
	all := map[int]fleet.StoredOrder{}
	for _, o := range news.Orders {
		all[o.Slot] = o
	}
	return all
}

// forge stores what somebody has made up who can write to the store.
func (c *crew) forge(slot int, order []byte, left time.Duration) {
	c.t.Helper()
	require.NoError(c.t, c.store.Order(c.t.Context(), "shop/"+service, slot, order, left))
}

// refused requires that what the store has changed nothing, and was counted.
func (c *crew) refused() {
	c.t.Helper()
	before := make([]uint64, len(c.pods))
	for i, p := range c.pods {
		before[i] = p.fleet.Stats().Forged
	}
	hearAll()
	for i, p := range c.pods {
		require.Greater(c.t, p.fleet.Stats().Forged, before[i])
		require.False(c.t, p.fleet.Stats().Apart)
	}
}

// Whoever can write to the store and does not know the key changes nothing.
func TestAForger(t *testing.T) {
	inCrew(t, 2, func(c *crew) {
		// What a fleet with another key, of another name, and for another service has signed.
		other := &crew{t: c.t, store: newShelf()}
		thief := other.join(fleet.WithKey(newKey))
		require.NoError(c.t, thief.fleet.Isolate(c.t.Context(), service, for10))
		anotherKey := other.stored(service)[0].Data
		defer thief.fleet.Leave()
		require.NoError(c.t, c.pods[0].fleet.Isolate(c.t.Context(), "mails", for10))
		anotherService := c.stored("mails")[0].Data
		elsewhere, err := fleet.Join(c.t.Context(), c.store, "bar", fleet.WithKey(key), fleet.WithLogger(slog.New(&logLines{})))
		require.NoError(c.t, err)
		defer elsewhere.Leave()
		require.NoError(c.t, elsewhere.Isolate(c.t.Context(), service, for10))
		news, err := c.store.Look(c.t.Context(), "bar/"+service)
		require.NoError(c.t, err)
		anotherFleet := news.Orders[0].Data

		forgeries := map[string][]byte{
			"another key": anotherKey, "another service": anotherService, "another fleet": anotherFleet,
			"nothing": {}, "a byte": {1}, "zeros": make([]byte, 32), "long": bytes.Repeat([]byte{1}, fleet.MaxOrder),
			"text": []byte("isolate\nall\x00\x1b[2J"),
		}
		for name, order := range forgeries {
			for _, left := range []time.Duration{time.Second * 10, keptFor, 100 * 365 * 24 * time.Hour} {
				c.forge(0, order, left)
				c.refused()
				c.all(breaker.StateClosed)
				require.Empty(c.t, c.pods[0].fleet.Stats().Services[0].Orders, name)
			}
		}
		require.Len(c.t, c.pods[0].log.with("WARN an order for the fleet was refused"), 1, "the log tells once a minute")

		for slot := range fleet.MaxOrders {
			c.forge(slot, anotherKey, keptFor)
		}
		c.refused()
		c.all(breaker.StateClosed)
		c.isolate(for10)
		c.all(breaker.StateIsolated)
	})
}

// Each bit of an order is signed, and so is the slot in which it stands.
func TestAnOrderWithAChangedBit(t *testing.T) {
	inCrew(t, 1, func(c *crew) {
		require.NoError(c.t, c.pods[0].fleet.Isolate(c.t.Context(), service, for10))
		good := c.stored(service)[0].Data
		for i := range good {
			bad := bytes.Clone(good)
			bad[i] ^= 1 << (i % 8)
			c.forge(0, bad, keptFor)
			c.refused()
		}
		c.forge(0, good[:len(good)-1], keptFor)
		c.refused()
		c.forge(0, append(bytes.Clone(good), 0), keptFor)
		c.refused()
		c.forge(1, good, keptFor)
		c.forge(0, nil, time.Nanosecond)
		c.refused()
		c.all(breaker.StateClosed)
		c.forge(0, good, keptFor-time.Minute)
		hearAll()
		c.all(breaker.StateIsolated)
	})
}

// A pod that knows that an order was withdrawn or replaced does not carry it out again, and stores
// the later one again, so that no other does for long.
func TestAnOrderThatIsPlayedBack(t *testing.T) {
	inCrew(t, 2, func(c *crew) {
		c.isolate(byAda)
		isolate := c.stored(service)[0]
		c.withdraw(fleet.OrderIsolate)
		c.tune(0.02, time.Hour)
		tune := c.stored(service)[1]
		c.tune(0.05, time.Hour)
		for range 3 {
			c.forge(0, isolate.Data, isolate.Left-2*time.Second) // as old as it is
			c.forge(1, tune.Data, tune.Left-time.Second)
			fresh := c.join()
			hearAll()
			require.NotEqual(c.t, isolate.Data, c.stored(service)[0].Data, "it is replaced at once")
			time.Sleep(6 * time.Second)
			c.all(breaker.StateClosed)
			c.ratios(0.05)
			require.Empty(c.t, fresh.fleet.Stats().Services[0].Orders[1:])
		}
		forged := uint64(0)
		for _, p := range c.pods {
			forged += p.fleet.Stats().Forged
		}
		require.NotZero(c.t, forged)

		c.withdraw(fleet.OrderTune)
		require.NoError(c.t, c.store.Order(c.t.Context(), "shop/"+service, 0, nil, time.Nanosecond)) // removed by a forger
		time.Sleep(6 * time.Second)
		latest := c.stored(service)[0].Data
		require.NotEmpty(c.t, latest, "it is stored again")
		c.forge(0, []byte("nonsense"), keptFor)
		time.Sleep(20 * time.Second)
		require.Equal(c.t, "nonsense", string(c.stored(service)[0].Data), "it may be an order of one with a newer key")
		time.Sleep(20 * time.Second)
		require.Equal(c.t, latest, c.stored(service)[0].Data)
	})
}

// A pod that does not know of the withdrawal carries an order out, at most until its time is over.
// One that the store says is younger than its date is refused.
func TestAnOrderThatIsPlayedBackToAPodThatKnowsNothing(t *testing.T) {
	inCrew(t, 1, func(c *crew) {
		c.isolate(byAda)
		isolate := c.stored(service)[0]
		c.pods[0].fleet.Leave()
		c.pods = nil
		c.store.flush()
		time.Sleep(20 * time.Second)
		c.forge(0, isolate.Data, isolate.Left-20*time.Second)
		victim := c.join()
		hearAll()
		require.Equal(c.t, breaker.StateIsolated, victim.breaker().State())
		require.InDelta(c.t, 40*time.Second, victim.isolatedFor(time.Hour), float64(5*time.Second))

		c.store.flush()
		c.forge(0, isolate.Data, keptFor) // as if it were new
		second := c.join()
		hearAll()
		require.Equal(c.t, breaker.StateIsolated, second.breaker().State(), "within the time by which clocks may differ")
		require.InDelta(c.t, time.Minute, second.isolatedFor(time.Hour), float64(5*time.Second))

		time.Sleep(5 * time.Minute)
		for _, left := range []time.Duration{keptFor, keptFor + time.Hour, isolate.Left} {
			c.store.flush()
			c.forge(0, isolate.Data, left)
			third := c.join()
			hearAll()
			require.Equal(c.t, breaker.StateClosed, third.breaker().State())
			require.NotZero(c.t, third.fleet.Stats().Forged)
			c.pods = c.pods[:len(c.pods)-1]
			third.fleet.Leave()
		}
	})
}

// Without the key a pod gives no orders, and carries out none.
func TestWithoutAKey(t *testing.T) {
	inCrew(t, 1, func(c *crew) {
		none := c.join([]fleet.Option{}...)
		require.False(c.t, none.fleet.Stats().Hands)
		hearAll()
		ctx, o := c.t.Context(), fleet.Order{By: "ada", Why: "why"}
		for name, err := range map[string]error{
			"Isolate": none.fleet.Isolate(ctx, service, o), "Reset": none.fleet.Reset(ctx, service, o),
			"Tune": none.fleet.Tune(ctx, service, fleet.Tuning{Ratio: 0.1}, o), "Withdraw": none.fleet.Withdraw(ctx, service, fleet.OrderTune, o),
		} {
			require.ErrorIs(c.t, err, fleet.ErrNoKey, name)
			require.ErrorContains(c.t, err, "fleet: no key to sign an order with; join the fleet with WithKey")
		}
		require.Empty(c.t, c.stored(service))
		c.isolate(for10)
		require.Equal(c.t, breaker.StateIsolated, c.pods[0].breaker().State())
		require.Equal(c.t, breaker.StateClosed, none.breaker().State())
		require.Zero(c.t, none.fleet.Stats().Forged, "it cannot know")
		seen, err := none.fleet.Look(ctx, service)
		require.NoError(c.t, err)
		require.Equal(c.t, uint64(2), seen.Pods)
		require.Empty(c.t, seen.Orders)
	})
}

func TestLook(t *testing.T) {
	inCrew(t, 3, func(c *crew) {
		c.isolate(byAda)
		c.tune(-1, time.Hour)
		visitor, err := fleet.Join(c.t.Context(), c.store, "shop", fleet.WithKey(newKey, key), fleet.WithLogger(slog.New(&logLines{})))
		require.NoError(c.t, err)
		defer visitor.Leave()
		s, err := visitor.Look(c.t.Context(), service)
		require.NoError(c.t, err)
		require.Equal(c.t, uint64(3), s.Pods)
		require.Less(c.t, s.Age, time.Second)
		require.Len(c.t, s.Orders, 2)
		require.Equal(c.t, "ada", s.Orders[0].By)
		require.Equal(c.t, -1.0, s.Orders[1].Ratio)

		s, err = visitor.Look(c.t.Context(), "paymnets")
		require.NoError(c.t, err)
		require.Equal(c.t, fleet.ServiceStats{Name: "paymnets", Age: -1}, s)

		c.withdraw(fleet.OrderIsolate)
		s, err = visitor.Look(c.t.Context(), service)
		require.NoError(c.t, err)
		require.Len(c.t, s.Orders, 1)
		c.store.fault.Store(faults()["gone"])
		_, err = visitor.Look(c.t.Context(), service)
		require.ErrorContains(c.t, err, "fleet: the store: LOADING")
		require.ErrorIs(c.t, visitor.Isolate(c.t.Context(), service, byAda), errStore)
		c.store.fault.Store(faults()["panics"])
		require.ErrorContains(c.t, visitor.Isolate(c.t.Context(), service, byAda), "fleet: the store: the transport panicked: a transport's bug")
		c.store.fault.Store(nil)
	})
}

func TestAnOrderNamesAllThatIsWrong(t *testing.T) {
	inCrew(t, 1, func(c *crew) {
		f, ctx := c.pods[0].fleet, c.t.Context()
		good := fleet.Order{By: "ada", Why: "why"}
		for name, test := range map[string]struct {
			err  error
			want []string
		}{
			"everything": {f.Isolate(ctx, "", fleet.Order{For: -1}), []string{"the service", "Order.By", "Order.Why", "Order.For", "-1ns", "want 1s to 24h0m0s"}},
			"blanks":     {f.Reset(ctx, service, fleet.Order{By: " ", Why: "\t"}), []string{`Order.By is " "`, "Order.Why"}},
			"lines":      {f.Reset(ctx, service, fleet.Order{By: "a\nb", Why: "a\x1b[2J"}), []string{"Order.By", `"a\nb"`, "Order.Why"}},
			"too long":   {f.Reset(ctx, service, fleet.Order{By: strings.Repeat("b", 129), Why: strings.Repeat("w", 257)}), []string{"want 1 to 128 bytes", "want 1 to 256 bytes"}},
			"a day":      {f.Isolate(ctx, service, fleet.Order{By: "a", Why: "b", For: 24*time.Hour + 1}), []string{"Order.For"}},
			"a moment":   {f.Isolate(ctx, service, fleet.Order{By: "a", Why: "b", For: time.Second - 1}), []string{"Order.For"}},
			"no ratio":   {f.Tune(ctx, service, fleet.Tuning{}, good), []string{"Tuning.Ratio is 0", "want more than 0, and at most 1000; or -1"}},
			"below":      {f.Tune(ctx, service, fleet.Tuning{Ratio: -0.5}, good), []string{"Tuning.Ratio"}},
			"above":      {f.Tune(ctx, service, fleet.Tuning{Ratio: 1000.5}, good), []string{"Tuning.Ratio"}},
			"a reset":    {f.Withdraw(ctx, service, fleet.OrderReset, good), []string{"the kind is reset", "want OrderIsolate or OrderTune"}},
			"no kind":    {f.Withdraw(ctx, service, 0, good), []string{"the kind is OrderKind(0)"}},
			"no such":    {f.Withdraw(ctx, service, 77, good), []string{"the kind is OrderKind(77)"}},
		} {
			for _, want := range test.want {
				require.ErrorContains(c.t, test.err, want, name)
			}
		}
		require.Empty(c.t, c.stored(service))
		for _, o := range []fleet.Order{
			{By: strings.Repeat("b", 128), Why: strings.Repeat("w", 256), For: 24 * time.Hour}, {By: "ä", Why: "ö", For: time.Second},
		} {
			require.NoError(c.t, f.Isolate(ctx, strings.Repeat("s", 300), o))
			require.NoError(c.t, f.Tune(ctx, service, fleet.Tuning{Ratio: 1000}, o))
		}
	})
}

func TestKeysThatAreWrong(t *testing.T) {
	nine := make([][]byte, 8)
	for i := range nine {
		nine[i] = key
	}
	for name, test := range map[string]struct {
		option fleet.Option
		want   string
	}{
		"none":     {fleet.WithKey(nil), "WithKey is key 1 of 0 bytes; want at least 32 random bytes"},
		"short":    {fleet.WithKey(key[:31]), "key 1 of 31 bytes"},
		"other":    {fleet.WithKey(key, key[:5]), "key 2 of 5 bytes"},
		"too many": {fleet.WithKey(key, nine...), "9 keys; want at most 8"},
	} {
		_, err := fleet.Join(t.Context(), fleet.InProcess(), "shop", test.option)
		require.ErrorContains(t, err, test.want, name)
		require.NotContains(t, err.Error(), string(key[:5]), "a key is secret")
	}
}

// The keys are replaced while pods run: each step is one that the others understand.
func TestKeysAreReplaced(t *testing.T) {
	inCrew(t, 0, func(c *crew) {
		ours := append([]byte(nil), key...)
		old, both, first := c.join(fleet.WithKey(ours)), c.join(fleet.WithKey(key, newKey)), c.join(fleet.WithKey(newKey, key))
		clear(ours) // the keys are copied
		only := c.join(fleet.WithKey(newKey))
		hearAll()
		isolated := func() (all []bool) {
			for _, p := range c.pods {
				all = append(all, p.breaker().State() == breaker.StateIsolated)
				p.breaker().Reset()
			}
			return all
		}
		byOld, byNew := []bool{true, true, true, false}, []bool{false, true, true, true}
		for by, want := range map[*crewman][]bool{old: byOld, both: byOld, first: byNew, only: byNew} {
			require.NoError(c.t, by.fleet.Isolate(c.t.Context(), service, for10))
			hearAll()
			require.Equal(c.t, want, isolated())
		}
	})
}
