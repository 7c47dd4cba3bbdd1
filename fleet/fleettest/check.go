package fleettest

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/media-gateway/holdfast/fleet"
)

// Check checks that the Transports that newTransport makes keep the contract of
// fleet.Transport:
//
//   - what a pod stores, it and the others find, byte by byte, and rooms do not mix;
//   - news come in the order of the posts;
//   - one pod at a time is asked for a digest, and another if that one does not deliver;
//   - a digest is found until it is old, and says how old it is;
//   - a cell that is not stored again ends; an old digest is not presented as a fresh one;
//   - at most one pod holds a lease, which it can extend and release, and which ends by itself;
//   - a pod that withdraws leaves nothing of its own;
//   - an order is found, byte by byte, by whoever exchanges and whoever looks, until it is replaced
//     or its time is over, which it tells; it outlives the pods;
//   - whoever looks leaves nothing;
//   - names may be any bytes; what is too long is refused and does no harm;
//   - a ctx that has ended ends each method;
//   - it may be used from many goroutines at once.
//
// Each check makes a Transport of its own. It uses rooms and pods that no other check uses, so all
// may stand on one store.
func Check(t *testing.T, newTransport func() fleet.Transport) {
	t.Helper()
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			k := &kit{reporter: t, Transport: newTransport(), room: fmt.Sprintf("fleettest/%s %d", c.name, time.Now().UnixNano())}
			c.run(k)
		})
	}
}

var checks = []struct {
	name string
	run  func(k *kit)
}{
	{"cells are found", checkCells},
	{"rooms do not mix", checkRooms},
	{"one pod is asked for a digest", checkAsked},
	{"a pod that does not deliver is replaced", checkUndelivered},
	{"a digest ages", checkDigest},
	{"cells end", checkCellsEnd},
	{"a lease has one holder", checkLease},
	{"a lease ends", checkLeaseEnds},
	{"a holder tells", checkTold},
	{"who withdraws leaves nothing", checkWithdraw},
	{"orders are found", checkOrders},
	{"orders are replaced", checkOrdersReplaced},
	{"orders end", checkOrdersEnd},
	{"orders outlive pods", checkOrdersStay},
	{"who looks leaves nothing", checkLook},
	{"orders that are too long", checkOrderBounds},
	{"any name", checkNames},
	{"what is too long", checkBounds},
	{"ctx ends", checkContext},
	{"slices are copied", checkCopies},
	{"concurrent use", checkConcurrent},
}

// The times that checks go by. They are short, and long enough for a store across a network.
const (
	long  = 30 * time.Second
	short = 250 * time.Millisecond
	most  = 20 * time.Second // that a check waits for what has to come
	pace  = 20 * time.Millisecond
)

// reporter is what a check needs of *testing.T.
type reporter interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Context() context.Context
}

// kit is what a check works with.
type kit struct {
	reporter
	fleet.Transport
	room string
}

// news exchanges a cell in the check's room.
func (k *kit) news(pod, cell string, ttl, fresh time.Duration) fleet.News {
	k.Helper()
	return k.exchange(pod, ttl, fresh, fleet.Post{Room: k.room, Cell: []byte(cell)})[0]
}

func (k *kit) exchange(pod string, ttl, fresh time.Duration, posts ...fleet.Post) []fleet.News {
	k.Helper()
	news, err := k.Exchange(k.Context(), fleet.Exchange{Pod: pod, Posts: posts, TTL: ttl, Fresh: fresh})
	k.ok(err)
	if len(news) != len(posts) {
		k.Fatalf("%d posts, %d news; want one for each", len(posts), len(news))
	}
	for _, n := range news {
		k.ok(n.Err)
	}
	return news
}

func (k *kit) ok(err error) {
	k.Helper()
	if err != nil {
		k.Fatalf("error: %v; want none", err)
	}
}

func (k *kit) want(is bool, format string, args ...any) {
	k.Helper()
	if !is {
		k.Fatalf(format, args...)
	}
}

// eventually waits until is returns true.
func (k *kit) eventually(what string, is func() bool) {
	k.Helper()
	for until := time.Now().Add(most); !is(); {
		k.want(time.Now().Before(until), "%s: not within %v", what, most)
		time.Sleep(pace)
	}
}

// epoch returns that of the lease, 0 if the pod does not get it.
func (k *kit) epoch(pod string, ttl time.Duration) uint64 {
	k.Helper()
	epoch, err := k.Acquire(k.Context(), k.room, pod, ttl)
	k.ok(err)
	return epoch
}

func (k *kit) acquire(pod string, ttl time.Duration) bool {
	k.Helper()
	return k.epoch(pod, ttl) > 0
}

// has reports whether one of the cells has the data.
func has(n fleet.News, data string) bool {
	for _, c := range n.Cells {
		if string(c.Data) == data {
			return true
		}
	}
	return false
}

func checkCells(k *kit) {
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	n := k.news("a", string(every), long, short)
	k.want(n.Asked && n.Digest == nil && n.Holder == "" && n.Refused == 0, "the first pod of a room is asked for a digest, and finds nothing else: %+v", n)
	k.want(len(n.Cells) == 1 && has(n, string(every)), "the first pod finds its own cell: %v", n.Cells)
	k.want(n.Cells[0].Age >= 0 && n.Cells[0].Age < most, "a cell that was just stored has the age %v", n.Cells[0].Age)
	k.news("b", "of b", long, long)
	k.news("a", "of a, anew", long, long)
	n = k.askedAs("c", "")
	k.want(len(n.Cells) == 3 && has(n, "of a, anew") && has(n, "of b") && has(n, ""), "want the latest cell of each pod, an empty one too: %v", n.Cells)
}

// askedAs exchanges as the pod until it is asked for a digest.
func (k *kit) askedAs(pod, cell string) (n fleet.News) {
	k.Helper()
	k.eventually("a pod is asked for a digest", func() bool {
		n = k.news(pod, cell, long, time.Millisecond)
		return n.Asked
	})
	return n
}

func checkRooms(k *kit) {
	posts := []fleet.Post{
		{Room: k.room, Cell: []byte("one")}, {Room: k.room + "/2", Cell: []byte("two")}, {Room: k.room + "/3", Cell: []byte("three")},
	}
	for i, n := range k.exchange("a", long, long, posts...) {
		k.want(len(n.Cells) == 1 && has(n, string(posts[i].Cell)), "news %d are not of post %d: %v", i, i, n.Cells)
	}
	k.ok(k.Digest(k.Context(), posts[1].Room, []byte("of two")))
	k.want(k.acquire("a", long), "the lease is free")
	news := k.exchange("b", long, long, posts...)
	k.want(news[0].Digest == nil && string(news[1].Digest) == "of two" && news[2].Digest == nil, "a digest is of one room")
	k.want(news[0].Holder == "a" && news[1].Holder == "" && news[2].Holder == "", "a lease is of one room")
	none, err := k.Exchange(k.Context(), fleet.Exchange{Pod: "a", TTL: long, Fresh: long})
	k.want(len(none) == 0 && err == nil, "no posts, no news: %v, %v", none, err)
}

func checkAsked(k *kit) {
	asked := 0
	for i := range 10 {
		if k.news(fmt.Sprint(i), "x", long, long).Asked {
			asked++
		}
	}
	k.want(asked == 1, "%d of 10 pods were asked for a digest at once; want 1", asked)
	k.ok(k.Digest(k.Context(), k.room, []byte("sum")))
	n := k.news("a", "x", long, long)
	k.want(!n.Asked && n.Cells == nil && string(n.Digest) == "sum", "while a digest is fresh nobody is asked: %+v", n)
}

func checkUndelivered(k *kit) {
	k.want(k.news("a", "x", long, short).Asked, "the first is asked")
	k.eventually("another is asked", func() bool { return k.news("b", "x", long, short).Asked })
}

func checkDigest(k *kit) {
	k.ok(k.Digest(k.Context(), k.room, []byte{0, 255, ':'}))
	n := k.news("a", "x", long, long)
	k.want(bytes.Equal(n.Digest, []byte{0, 255, ':'}) && n.Age >= 0 && n.Age < most, "want the digest byte by byte: %+v", n)
	k.ok(k.Digest(k.Context(), k.room, []byte{}))
	n = k.news("a", "x", long, long)
	k.want(n.Digest != nil && len(n.Digest) == 0, "an empty digest is one: %+v", n)
	k.eventually("the digest gets older", func() bool {
		n := k.news("a", "x", long, long)
		return n.Digest == nil || n.Age >= short
	})
	k.want(k.news("a", "x", long, short).Asked, "an old digest is made anew")
}

func checkCellsEnd(k *kit) {
	k.news("b", "of b", short, long)
	k.eventually("the cell of a pod that is gone ends", func() bool {
		n := k.news("a", "of a", short, time.Millisecond)
		return n.Asked && has(n, "of a") && !has(n, "of b")
	})
}

func checkLease(k *kit) {
	k.want(k.acquire("a", long), "a lease that nobody holds is free")
	k.want(!k.acquire("b", long), "one that somebody holds is not")
	k.want(k.acquire("a", long), "the holder can extend it")
	k.want(k.news("b", "x", long, long).Holder == "a", "the news tell the holder")
	k.ok(k.Release(k.Context(), k.room, "b"))
	k.want(!k.acquire("b", long), "nobody but the holder releases it")
	k.ok(k.Release(k.Context(), k.room, "a"))
	k.want(k.news("b", "x", long, long).Holder == "", "a lease that was released has no holder")
	k.want(k.acquire("b", long), "a lease that was released is free")
	k.ok(k.Release(k.Context(), k.room, "a"))
	k.want(!k.acquire("a", long), "a former holder releases nothing")
}

func checkLeaseEnds(k *kit) {
	k.want(k.acquire("a", long), "a lease that nobody holds is free")
	k.want(k.acquire("a", short), "the holder can shorten it")
	k.eventually("a lease ends by itself", func() bool { return k.acquire("b", long) })
	k.want(k.news("b", "x", long, long).Holder == "b", "the news tell the new holder")
}

func checkTold(k *kit) {
	told := func() fleet.Told { return k.news("b", "x", long, long).Told }
	tell := func(t fleet.Told) {
		k.Helper()
		k.ok(k.Tell(k.Context(), k.room, t))
	}
	k.want(told().Epoch == 0, "nothing is told in an empty room")
	tell(fleet.Told{Pod: "a", Epoch: 1, Good: true})
	k.want(told().Epoch == 0, "who had no lease tells nothing")

	first := k.epoch("a", long)
	k.want(first > 0, "a lease that nobody holds is free")
	k.want(k.epoch("a", long) == first, "a lease that is extended keeps its epoch")
	tell(fleet.Told{Pod: "a", Epoch: first + 1, Good: true})
	k.want(told().Epoch == 0, "a lease that was not given yet tells nothing")
	tell(fleet.Told{Pod: "a", Epoch: first, Rest: long})
	n := k.news("b", "x", long, long)
	k.want(n.Told.Epoch == first && !n.Told.Good && n.Told.Age >= 0 && n.Told.Age < long, "the news tell the failure: %+v", n.Told)
	k.want(n.Holder == "a" && k.epoch("b", long) == 0 && k.epoch("a", long) == 0, "after a failure the lease rests")
	tell(fleet.Told{Pod: "a", Epoch: first, Good: true})
	k.want(!told().Good, "a lease tells once")
	k.ok(k.Release(k.Context(), k.room, "a"))

	second := k.epoch("b", long)
	k.want(second > first, "a later lease has a greater epoch: %d after %d", second, first)
	tell(fleet.Told{Pod: "a", Epoch: first, Good: true})
	k.want(told().Epoch == first && !told().Good, "a former holder tells nothing")
	tell(fleet.Told{Pod: "b", Epoch: second, Good: true, Rest: long})
	n = k.news("b", "x", long, long)
	k.want(n.Told.Epoch == second && n.Told.Good, "the news tell the success: %+v", n.Told)
	k.want(n.Holder == "", "a success ends the lease")

	third := k.epoch("c", short)
	k.want(third > second, "a later lease has a greater epoch")
	k.eventually("a lease ends by itself", func() bool { return k.news("b", "x", long, long).Holder == "" })
	tell(fleet.Told{Pod: "c", Epoch: third, Rest: short})
	k.want(told().Epoch == third, "the latest lease tells, also when it is over")
	k.eventually("the rest ends", func() bool { return k.epoch("d", long) > third })
	k.want(told().Age > 0, "what was told ages")
}

func checkWithdraw(k *kit) {
	other := k.room + "/other"
	k.exchange("a", long, long, fleet.Post{Room: k.room, Cell: []byte("of a")}, fleet.Post{Room: other, Cell: []byte("of a")})
	k.want(k.acquire("a", long), "a lease that nobody holds is free")
	k.ok(k.Withdraw(k.Context(), "a", []string{k.room}))
	n := k.askedAs("b", "of b")
	k.want(!has(n, "of a") && n.Holder == "", "a pod that withdrew is still there: %+v", n)
	k.room = other
	k.want(has(k.askedAs("b", "of b"), "of a"), "a pod withdraws from the rooms that it names only")
	k.want(k.acquire("b", long), "a lease that nobody holds is free")
	k.ok(k.Withdraw(k.Context(), "a", []string{other}))
	k.want(!k.acquire("c", long), "a pod releases no lease but its own")
	k.ok(k.Withdraw(k.Context(), "a", nil))
}

func checkNames(k *kit) {
	names := []string{
		"", " ", ":", "a:b", "a\nb", "a\r\nb", "{a}", "}{", "{}", "*", "a\x00b", "%7Ba%7D", "ä", "\xff\xfe", "../a", "a/b", strings.Repeat("n", fleet.MaxPod),
		strings.Repeat("n", fleet.MaxPod-1) + "m",
	}
	cell := func(i, j int) string { return fmt.Sprint(i, " ", j) }
	rooms := make([]*kit, len(names))
	for i, name := range names {
		rooms[i] = &kit{reporter: k.reporter, Transport: k.Transport, room: k.room + name}
		for j, pod := range names {
			rooms[i].news(pod, cell(i, j), long, long)
		}
	}
	for i, in := range rooms { // once all are written
		n := in.askedAs("last", "last")
		in.want(len(n.Cells) == len(names)+1, "room %q: %d cells of %d pods", names[i], len(n.Cells), len(names)+1)
		for j, pod := range names {
			in.want(has(n, cell(i, j)), "room %q: the cell of pod %q is not there", names[i], pod)
		}
	}
	pod := "a\n:{}"
	k.want(k.acquire(pod, long) && !k.acquire("a", long), "a holder may have any name")
	k.want(k.news("b", "x", long, long).Holder == pod, "the news tell its name as it is")
}

func checkBounds(k *kit) {
	refused := func(pod string, cell int) {
		k.Helper()
		news, err := k.Exchange(k.Context(), fleet.Exchange{
			Pod: pod, Posts: []fleet.Post{{Room: k.room, Cell: make([]byte, cell)}}, TTL: long, Fresh: short,
		})
		k.want(err != nil || len(news) == 1 && news[0].Err != nil, "a pod of %d and a cell of %d bytes are accepted", len(pod), cell)
	}
	refused("a", fleet.MaxCell+1)
	refused(strings.Repeat("p", fleet.MaxPod+1), 1)
	k.want(k.Digest(k.Context(), k.room, make([]byte, fleet.MaxDigest+1)) != nil, "a digest that is too long is accepted")
	longest := strings.Repeat("c", fleet.MaxCell)
	n := k.askedAs("b", longest)
	k.want(len(n.Cells) == 1 && has(n, longest) && n.Digest == nil, "what was refused is there: %+v", n)
	k.ok(k.Digest(k.Context(), k.room, make([]byte, fleet.MaxDigest)))
	k.want(len(k.news("b", "x", long, long).Digest) == fleet.MaxDigest, "the longest digest is not there")
}

func checkContext(k *kit) {
	ctx, cancel := context.WithCancel(k.Context())
	cancel()
	_, err := k.Exchange(ctx, fleet.Exchange{Pod: "a", Posts: []fleet.Post{{Room: k.room}}, TTL: long, Fresh: long})
	k.want(err != nil, "Exchange returns no error under a ctx that has ended")
	_, err = k.Acquire(ctx, k.room, "a", long)
	k.want(err != nil, "Acquire returns no error under a ctx that has ended")
	k.want(k.Release(ctx, k.room, "a") != nil, "Release returns no error under a ctx that has ended")
	k.want(k.Digest(ctx, k.room, nil) != nil, "Digest returns no error under a ctx that has ended")
	k.want(k.Withdraw(ctx, "a", []string{k.room}) != nil, "Withdraw returns no error under a ctx that has ended")
	k.want(k.Order(ctx, k.room, 0, nil, long) != nil, "Order returns no error under a ctx that has ended")
	_, err = k.Look(ctx, k.room)
	k.want(err != nil, "Look returns no error under a ctx that has ended")
}

func checkCopies(k *kit) {
	cell := []byte("before")
	n := k.exchange("a", long, long, fleet.Post{Room: k.room, Cell: cell})[0]
	copy(cell, "after!")
	for _, c := range n.Cells {
		copy(c.Data, "other!")
	}
	k.want(has(k.askedAs("b", "x"), "before"), "a cell changes with a slice of the caller")
	digest := []byte("before")
	k.ok(k.Digest(k.Context(), k.room, digest))
	copy(digest, "after!")
	copy(k.news("a", "x", long, long).Digest, "other!")
	k.want(string(k.news("a", "x", long, long).Digest) == "before", "a digest changes with a slice of the caller")
}

func checkConcurrent(k *kit) {
	const pods = 16
	var holders, asked atomic.Int32
	var all sync.WaitGroup
	for i := range pods {
		all.Go(func() {
			pod := fmt.Sprint(i)
			news, err := k.Exchange(k.Context(), fleet.Exchange{
				Pod: pod, Posts: []fleet.Post{{Room: k.room, Cell: []byte(pod)}}, TTL: long, Fresh: long,
			})
			if err != nil || len(news) != 1 || news[0].Err != nil {
				k.Errorf("Exchange: %v, %v", news, err)
				return
			}
			if news[0].Asked {
				asked.Add(1)
			}
			epoch, err := k.Acquire(k.Context(), k.room, pod, long)
			if err != nil {
				k.Errorf("Acquire: %v", err)
			}
			if epoch > 0 {
				holders.Add(1)
			}
		})
	}
	all.Wait()
	k.want(holders.Load() == 1, "%d pods of %d hold the lease; want 1", holders.Load(), pods)
	k.want(asked.Load() == 1, "%d pods of %d were asked for a digest at once; want 1", asked.Load(), pods)
	n := k.askedAs("last", "last")
	k.want(len(n.Cells) == pods+1, "%d cells of %d pods", len(n.Cells), pods+1)
}
