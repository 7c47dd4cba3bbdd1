package holdfastdash

import (
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/fleet"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

// fleetsTold are the fleets of a hello, and what a tick says of them.
type fleetsTold struct {
	Fleets []struct {
		Head    headSample
		Members []memberTold
	}
}

type fleetsChanged struct {
	Fleets map[string]struct {
		Head    *headSample
		Members map[string]memberTold
	}
}

// memberTold is a memberSample whose kinds are texts.
type memberTold struct {
	Name, State, Holder string
	Age                 *float64 `json:"age_seconds"`
	Pods, Failures      uint64
	Orders              []struct {
		Kind, By, Why string
		Ratio         *float64
		At            int64 `json:"at_unix_ms"`
		Until         int64 `json:"until_unix_ms"`
	}
}

// A page that is opened gets the fleets; a tick has what is different, and nothing else.
func TestTheStreamTellsOfFleets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &weakStore{Transport: fleet.InProcess()}
		a, b := newPipeline(t, "a", breaker.Config{}), newPipeline(t, "b", breaker.Config{})
		f, err := fleet.Join(t.Context(), store, "shop", fleet.WithLogger(slog.New(slog.DiscardHandler)), fleet.WithKey(fleetKey), fleet.WithPod("p\xff<b>\n"))
		require.NoError(t, err)
		defer f.Leave()
		f.Add(a, b)
		d := newDashboard(t, []*holdfast.Pipeline{a, b}, WithFleet(f))
		page := connect(t, serve(t, d, nil), "http://page/events")
		var hello fleetsTold
		page.wants(t, "hello", &hello)
		require.Len(t, hello.Fleets, 1)
		require.Empty(t, hello.Fleets[0].Members, "before the first tick of the fleet")
		require.Equal(t, "p\uFFFD<b>\n", hello.Fleets[0].Head.Pod)
		require.True(t, hello.Fleets[0].Head.Hands)

		page.until(t, "hello", &hello)
		require.Len(t, hello.Fleets[0].Members, 2, "services that come are told by a hello")
		require.EqualValues(t, 1, hello.Fleets[0].Members[1].Pods)
		require.Zero(t, *hello.Fleets[0].Members[1].Age)

		var still fleetsChanged
		page.until(t, "tick", &still)
		require.Empty(t, still.Fleets, "nothing is different")

		require.NoError(t, f.Tune(t.Context(), "b", fleet.Tuning{Ratio: -1}, fleet.Order{By: "ada", Why: "<i>x", For: time.Minute}))
		var ordered fleetsChanged
		for len(ordered.Fleets) == 0 {
			page.until(t, "tick", &ordered)
		}
		require.Nil(t, ordered.Fleets["0"].Head)
		require.Len(t, ordered.Fleets["0"].Members, 1)
		order := ordered.Fleets["0"].Members["1"].Orders[0]
		require.Equal(t, "tune", order.Kind)
		require.Equal(t, "<i>x", order.Why)
		require.Zero(t, *order.Ratio)
		require.InDelta(t, time.Now().Add(time.Minute).UnixMilli(), order.Until, 5000)
		require.InDelta(t, time.Now().UnixMilli(), order.At, 5000)

		store.gone.Store(true)
		var apart fleetsChanged
		for apart.Fleets["0"].Head == nil || !apart.Fleets["0"].Head.Apart {
			apart = fleetsChanged{}
			page.until(t, "tick", &apart)
		}
		require.Contains(t, apart.Fleets["0"].Head.Why, "no store")
		pass(10 * time.Second)
		var old fleetsTold
		other := connect(t, serve(t, d, nil), "http://page/events")
		other.wants(t, "hello", &old)
		require.Greater(t, *old.Fleets[0].Members[0].Age, 5.0)
	})
}

// What a store says does not swell the page, and breaks no frame.
func TestHostileNamesOfAFleet(t *testing.T) {
	s := fleet.Stats{Fleet: "shop", Pod: "a\xff\n", Why: strings.Repeat("é\n", 1<<20)}
	head := headOf(&s)
	require.LessOrEqual(t, len(head.Why), maxReason)
	require.True(t, utf8.ValidString(head.Why))
	require.True(t, strings.HasSuffix(head.Why, "…"))
	one := fleet.ServiceStats{Name: "</script>\x00", Age: -1, Holder: "\xff\u2028\n\ndata: x"}
	text := string(marshal(memberOf(&one)))
	require.NotContains(t, text, "\n")
	require.NotContains(t, text, "<")
	require.NotContains(t, text, "age_seconds")
	require.NotContains(t, string(marshal(head)), "\n")
}

func TestAgesAreRounded(t *testing.T) {
	for is, want := range map[time.Duration]float64{
		0: 0, 2*time.Second - 1: 0, 2 * time.Second: 2, 3*time.Second - 1: 2, 2*time.Minute - 1: 119, 2 * time.Minute: 120,
		2*time.Minute + 9*time.Second: 120, 130 * time.Second: 130,
	} {
		require.InDelta(t, want, ageOf(is), 0, is)
	}
	for text, want := range map[string]string{"": "", "abcd": "abcd", "abcde": "a…", "éé": "éé", "ééé": "…", "\xff": "\uFFFD"} {
		require.Equal(t, want, shortened(text, 4), text)
	}
}

// What a tick says of two services in two fleets, as JSON.
func TestChangesOfFleets(t *testing.T) {
	is := func(head string, members ...string) fleetSample {
		s := fleetSample{head: []byte(head)}
		for i, m := range members {
			s.names = append(s.names, string(rune('a'+i)))
			s.members = append(s.members, []byte(m))
		}
		return s
	}
	for _, c := range []struct {
		was, now []fleetSample
		want     string
		other    bool
	}{
		{nil, nil, "", false},
		{nil, []fleetSample{is("1")}, "", true},
		{[]fleetSample{is("1", "2")}, []fleetSample{is("1", "2")}, "", false},
		{[]fleetSample{is("1", "2")}, []fleetSample{is("1", "2", "3")}, "", true},
		{[]fleetSample{is("1", "2")}, []fleetSample{is("9", "2")}, `"0":{"head":9}`, false},
		{[]fleetSample{is("1", "2", "3", "4")}, []fleetSample{is("1", "2", "8", "9")}, `"0":{"members":{"1":8,"2":9}}`, false},
		{[]fleetSample{is("1", "2"), is("1", "2", "3")}, []fleetSample{is("8", "9"), is("1", "7", "3")}, `"0":{"head":8,"members":{"0":9}},"1":{"members":{"0":7}}`, false},
	} {
		h := &history{fleets: c.was}
		got, other := h.followFleets(c.now)
		require.Equal(t, c.want, string(got))
		require.Equal(t, c.other, other)
	}
}
