package fleet

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var keyOfTests = []byte("the key of the tests, 32 bytes.1")

// someOrders are orders of all kinds, the longest too.
func someOrders() []signed {
	return []signed{
		{kind: OrderIsolate, issued: 1, lasts: time.Second, by: "a", why: "b"},
		{kind: OrderReset, issued: math.MaxInt64, nonce: newNonce(), lasts: time.Minute, by: "ä", why: "\n"},
		{kind: OrderTune, issued: math.MinInt64, ratio: -1, lasts: 1500 * time.Millisecond, by: "a", why: "b"},
		{kind: OrderTune, withdrawn: true, lasts: time.Second, by: "a", why: "b"},
		{kind: OrderIsolate, withdrawn: true, lasts: maxFor, by: strings.Repeat("b", maxBy), why: strings.Repeat("w", maxWhy)},
	}
}

func TestOrdersAreReadAsTheyWereSigned(t *testing.T) {
	for _, s := range someOrders() {
		data := s.sign(keyOfTests, "shop", "payments")
		require.LessOrEqual(t, len(data), MaxOrder)
		is, ok := open([][]byte{bytes.Repeat([]byte{1}, 32), keyOfTests}, "shop", "payments", data)
		require.True(t, ok, s.what())
		require.Equal(t, s, is)
		for _, other := range [][2]string{{"shop", "payment"}, {"shopp", "ayments"}, {"sho", "ppayments"}, {"payments", "shop"}, {"", "shoppayments"}} {
			_, ok = open([][]byte{keyOfTests}, other[0], other[1], data)
			require.False(t, ok, "%v", other)
		}
		_, ok = open(nil, "shop", "payments", data)
		require.False(t, ok)
	}
}

// What no Fleet signs is refused, whoever signed it.
func TestOrdersThatNoFleetSigns(t *testing.T) {
	good := signed{kind: OrderTune, issued: 1, ratio: 0.5, lasts: time.Minute, by: "ada", why: "why"}
	body := func(s signed) []byte {
		data := s.sign(keyOfTests, "", "")
		return data[:len(data)-32]
	}
	_, ok := decodeOrder(body(good))
	require.True(t, ok)
	with := func(change func(s *signed)) []byte {
		s := good
		change(&s)
		return body(s)
	}
	for name, data := range map[string][]byte{
		"nothing":           nil,
		"one byte too many": append(body(good), 0),
		"no kind":           with(func(s *signed) { s.kind = 0 }),
		"no such kind":      with(func(s *signed) { s.kind = OrderTune + 1 }),
		"a withdrawn reset": with(func(s *signed) { s.kind, s.withdrawn = OrderReset, true }),
		"NaN, for nothing":  with(func(s *signed) { s.kind, s.ratio = OrderIsolate, math.NaN() }),
		"a ratio, for none": with(func(s *signed) { s.withdrawn = true }),
		"no ratio":          with(func(s *signed) { s.ratio = 0 }),
		"NaN":               with(func(s *signed) { s.ratio = math.NaN() }),
		"infinite":          with(func(s *signed) { s.ratio = math.Inf(1) }),
		"below":             with(func(s *signed) { s.ratio = -2 }),
		"above":             with(func(s *signed) { s.ratio = 1001 }),
		"no time":           with(func(s *signed) { s.lasts = 0 }),
		"too short":         with(func(s *signed) { s.lasts = time.Second - time.Millisecond }),
		"too long":          with(func(s *signed) { s.lasts = maxFor + time.Millisecond }),
		"nobody":            with(func(s *signed) { s.by = "" }),
		"no reason":         with(func(s *signed) { s.why = "" }),
		"too long a name":   with(func(s *signed) { s.by = strings.Repeat("b", maxBy+1) }),
		"too long a reason": with(func(s *signed) { s.why = strings.Repeat("w", maxWhy+1) }),
		"another version":   append([]byte{orderProtocol + 1}, body(good)[1:]...),
		"a long length":     binary.AppendUvarint(body(good)[:34], math.MaxUint64),
	} {
		_, ok := decodeOrder(data)
		require.False(t, ok, name)
	}
	for n := range body(good) {
		_, ok := decodeOrder(body(good)[:n])
		require.False(t, ok, "%d bytes", n)
	}
}

func TestWhichOrderIsNewer(t *testing.T) {
	at := func(issued int64, nonce byte) *signed { return &signed{issued: issued, nonce: [nonceSize]byte{nonce}} }
	require.True(t, at(2, 0).newer(at(1, 9)))
	require.False(t, at(1, 9).newer(at(2, 0)))
	require.True(t, at(1, 2).newer(at(1, 1)), "of two in one nanosecond all pods choose the same")
	require.False(t, at(1, 1).newer(at(1, 2)))
	require.False(t, at(1, 1).newer(at(1, 1)))
}

// What somebody with the key has made others say is one line of a log, and moves no cursor.
func TestAnOrderIsShownInOneLine(t *testing.T) {
	s := signed{by: "ada\n\x1b[2J", why: "a\r\nb\u202e"}
	require.Equal(t, `"ada\n\x1b[2J" for the fleet: "a\r\nb\u202e"`, s.whose())
}

func TestKindsAsText(t *testing.T) {
	for _, k := range []OrderKind{OrderIsolate, OrderReset, OrderTune} {
		text, err := json.Marshal(k)
		require.NoError(t, err)
		var is OrderKind
		require.NoError(t, json.Unmarshal(text, &is))
		require.Equal(t, k, is)
	}
	var k OrderKind
	require.EqualError(t, k.UnmarshalText([]byte("")), `fleet: an order of kind "" is not known; want isolate, reset or tune`)
	require.Error(t, k.UnmarshalText([]byte("Isolate")))
	require.Equal(t, "OrderKind(9)", OrderKind(9).String())
}

func TestOrderStatsAsJSON(t *testing.T) {
	at := time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)
	is, err := json.Marshal(ServiceStats{Name: "payments", Age: -1, Orders: []OrderStats{
		{Kind: OrderTune, By: "ada", Why: "why", At: at, Until: at.Add(time.Hour), Ratio: 0.2},
	}})
	require.NoError(t, err)
	require.Contains(t, string(is), `"orders":[{"kind":"tune","by":"ada","why":"why","at":"2026-01-02T15:04:05Z","until":"2026-01-02T16:04:05Z","ratio":0.2}]`)
}

// FuzzOrder reads what anybody may have stored. What is read is what is signed again; nothing is
// longer than an order may be; and without a signature nothing is read.
func FuzzOrder(f *testing.F) {
	for _, s := range someOrders() {
		data := s.sign(keyOfTests, "shop", "payments")
		f.Add(data)
		f.Add(data[:len(data)-32])
	}
	f.Add([]byte{})
	f.Add(bytes.Repeat([]byte{255}, MaxOrder))
	f.Add(append([]byte{orderProtocol, byte(OrderTune)}, make([]byte, 64)...))
	keys := [][]byte{keyOfTests}
	f.Fuzz(func(t *testing.T, data []byte) {
		if s, ok := open(keys, "shop", "payments", data); ok {
			require.Equal(t, data, s.sign(keyOfTests, "shop", "payments"))
		}
		s, ok := decodeOrder(data)
		if !ok {
			require.Equal(t, signed{}, s)
			return
		}
		again := s.sign(keyOfTests, "shop", "payments")
		require.LessOrEqual(t, len(again), MaxOrder)
		is, ok := open(keys, "shop", "payments", again)
		require.True(t, ok)
		require.Equal(t, s, is)
		_, ok = open(keys, "shop", "mails", again)
		require.False(t, ok)
		require.NotContains(t, s.whose(), "\n")
		require.LessOrEqual(t, s.slot(), slotRatio)
	})
}
