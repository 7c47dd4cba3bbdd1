package fleettest

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/media-gateway/holdfast/fleet"
)

// full is the cap of the buckets of checks.
const full = 10

// pool makes a request of a session with the ticket that it has, whose bucket is kept for long.
func (k *kit) pool(session string, seq, give, take int64) fleet.PoolReply {
	k.Helper()
	ticket := k.tickets[session]
	reply := k.request(fleet.PoolRequest{Session: session, Seq: seq, Ticket: ticket, Give: give, Take: take, Cap: full, Keep: long})
	k.want(ticket == 0 || reply.Ticket == ticket, "the ticket of session %q has changed from %d to %d", session, ticket, reply.Ticket)
	if k.tickets == nil {
		k.tickets = map[string]int64{}
	}
	k.tickets[session] = reply.Ticket
	return reply
}

func (k *kit) request(r fleet.PoolRequest) fleet.PoolReply {
	k.Helper()
	reply, err := k.Pool(k.Context(), k.room, r)
	k.ok(err)
	k.want(reply.Ticket >= 1, "the reply has the ticket %d; want at least 1", reply.Ticket)
	return reply
}

// meet makes the sessions known.
func (k *kit) meet(sessions ...string) {
	k.Helper()
	for _, s := range sessions {
		k.replies(k.pool(s, 1, 0, 0), 0, 0, 0, "a first request that asks for nothing")
	}
}

// replies checks a reply.
func (k *kit) replies(is fleet.PoolReply, granted, accepted, level int64, why string) {
	k.Helper()
	k.want(is == fleet.PoolReply{Ticket: is.Ticket, Granted: granted, Accepted: accepted, Level: level},
		"%s: the reply is %+v; want %d granted, %d accepted, and a level of %d", why, is, granted, accepted, level)
}

func checkPool(k *kit) {
	k.meet("a", "b")
	k.replies(k.pool("a", 2, 0, 5), 0, 0, 0, "a bucket begins empty")
	k.replies(k.pool("a", 3, 7, 0), 0, 7, 7, "what is given is in it")
	k.replies(k.pool("b", 2, 0, 5), 5, 0, 2, "who asks gets tokens")
	k.replies(k.pool("a", 4, 0, 5), 2, 0, 0, "nobody gets more than there are")
	k.replies(k.pool("b", 3, full+5, 0), 0, full, full, "the cap")
	k.replies(k.pool("a", 5, 1, 0), 0, 0, full, "a full bucket accepts nothing")
	k.replies(k.pool("a", 6, 1, 3), 3, 0, full-3, "what is given comes before what is taken")
	k.replies(k.pool("a", 7, 4, 2), 2, 3, full-2, "both at once")
	k.replies(k.request(fleet.PoolRequest{Session: "b", Seq: 4, Ticket: k.tickets["b"], Take: 4, Cap: 3, Keep: long}), 3, 0, 0, "what is above the cap of who asks is lost")
	most := k.request(fleet.PoolRequest{Session: "b", Seq: 5, Ticket: k.tickets["b"], Give: fleet.MaxTokens, Cap: fleet.MaxTokens, Keep: long})
	k.replies(most, 0, fleet.MaxTokens, fleet.MaxTokens, "the largest numbers")
	most = k.request(fleet.PoolRequest{Session: "b", Seq: 6, Ticket: k.tickets["b"], Take: fleet.MaxTokens, Cap: fleet.MaxTokens, Keep: long})
	k.replies(most, fleet.MaxTokens, 0, 0, "the largest numbers")
}

func checkPoolRooms(k *kit) {
	other := &kit{reporter: k.reporter, Transport: k.Transport, room: k.room + "/other"}
	k.meet("a")
	k.replies(k.pool("a", 2, 4, 0), 0, 4, 4, "a bucket of one room")
	other.replies(other.pool("a", 3, 4, 4), 0, 4, 0, "a session of one room is not known in another, and the bucket is empty there")
	k.replies(k.pool("a", 4, 0, 9), 4, 0, 0, "the bucket is still there")
}

func checkPoolAgain(k *kit) {
	k.meet("a", "b")
	k.pool("a", 2, 8, 0)
	k.replies(k.pool("a", 2, 8, 0), 0, 8, 8, "a gift that came twice")
	k.replies(k.pool("b", 3, 4, 6), 6, 2, 4, "a request")
	for range 2 {
		k.replies(k.pool("b", 3, 4, 6), 6, 2, 4, "a request that came twice")
	}
	k.replies(k.pool("b", 2, 5, 5), 0, 5, 4, "a request that came too late")
	k.replies(k.pool("b", 1, 0, 5), 0, 0, 4, "a request that came much too late")
	k.replies(k.pool("b", 3, 4, 6), 6, 2, 4, "a request that came twice, and another in between")
	k.replies(k.pool("b", 5, 1, 0), 0, 1, 5, "the next one; numbers may be left out")
	k.replies(k.pool("a", 3, 0, 1), 1, 0, 4, "sessions count by themselves")
}

func checkPoolUnknown(k *kit) {
	k.replies(k.pool("a", 7, 5, 0), 0, 5, 0, "what a session without a ticket gives is lost")
	k.replies(k.pool("a", 7, 5, 0), 0, 5, 0, "also if it comes twice")
	k.replies(k.pool("a", 8, 5, 0), 0, 5, 5, "with a ticket it is credited")
	k.replies(k.pool("b", 1, 3, 2), 2, 3, 3, "who has no ticket may take tokens")
	k.want(k.tickets["a"] != k.tickets["b"], "two sessions have one ticket")
	for seq, ticket := range []int64{0, k.tickets["a"], k.tickets["b"] + 1, k.tickets["b"] - 1} {
		r := fleet.PoolRequest{Session: "b", Seq: int64(seq + 2), Ticket: ticket, Give: 3, Cap: full, Keep: long}
		k.replies(k.request(r), 0, 3, 3, "what is given with another ticket is lost")
	}
	k.replies(k.pool("b", 9, 3, 0), 0, 3, 6, "the session's own ticket is still good")
}

func checkPoolEnds(k *kit) {
	begun := time.Now()
	give := fleet.PoolRequest{Session: "a", Seq: 1, Cap: full, Keep: short}
	old := k.request(give).Ticket
	give.Seq, give.Ticket, give.Give = 2, old, 5
	k.request(give)
	k.eventually("a bucket that nobody asked for is forgotten", func() bool {
		if time.Since(begun) < short {
			return false
		}
		return k.request(fleet.PoolRequest{Session: fmt.Sprint("reader ", time.Now().UnixNano()), Seq: 1, Cap: full, Keep: time.Millisecond}).Level == 0
	})
	var fresh int64
	k.eventually("a session that did not ask is forgotten", func() bool {
		give.Seq++
		give.Keep = time.Millisecond
		reply := k.request(give)
		fresh = reply.Ticket
		return reply.Accepted == 5 && reply.Level == 0
	})
	k.want(fresh != old, "a session that was forgotten has the ticket from before")
	k.room += "/kept"
	k.meet("a")
	k.pool("a", 2, 5, 0)
	for until := time.Now().Add(2 * short); time.Now().Before(until); {
		time.Sleep(pace)
	}
	k.replies(k.pool("a", 3, 1, 0), 0, 1, 6, "what is to be kept for long is there after a while")
}

func checkPoolNames(k *kit) {
	names := []string{" ", ":", "a:b", "a\nb", "{a}", "}{", "*", "a\x00b", "\xff\xfe", "../a", "pool", strings.Repeat("n", fleet.MaxPod), strings.Repeat("n", fleet.MaxPod-1) + "m"}
	rooms := make([]*kit, len(names))
	for i, room := range names {
		rooms[i] = &kit{reporter: k.reporter, Transport: k.Transport, room: k.room + room}
		for j, session := range names { // with lower numbers than those before
			what := fmt.Sprintf("room %q, session %q", room, session)
			rooms[i].replies(rooms[i].pool(session, int64(100-2*j), 1, 0), 0, 1, 0, what+", not known")
			rooms[i].replies(rooms[i].pool(session, int64(101-2*j), 1, 1), 1, 1, 0, what)
		}
		rooms[i].pool("a:b", 200, int64(1+i%full), 0)
	}
	for i, in := range rooms { // once all are written
		level := int64(1 + i%full)
		in.replies(in.pool("reader", 1, 0, 0), 0, 0, level, fmt.Sprintf("the bucket of room %q", names[i]))
	}
}

func checkPoolBounds(k *kit) {
	ok := fleet.PoolRequest{Session: "a", Seq: 1, Cap: full, Keep: long}
	for what, change := range map[string]func(*fleet.PoolRequest){
		"no session":         func(r *fleet.PoolRequest) { r.Session = "" },
		"too long a session": func(r *fleet.PoolRequest) { r.Session = strings.Repeat("s", fleet.MaxPod+1) },
		"a Seq of 0":         func(r *fleet.PoolRequest) { r.Seq = 0 },
		"too large a Seq":    func(r *fleet.PoolRequest) { r.Seq = math.MaxInt64 },
		"a negative Give":    func(r *fleet.PoolRequest) { r.Give = -1 },
		"too large a Give":   func(r *fleet.PoolRequest) { r.Give = fleet.MaxTokens + 1 },
		"a negative Take":    func(r *fleet.PoolRequest) { r.Take = -1 },
		"too large a Take":   func(r *fleet.PoolRequest) { r.Take = math.MaxInt64 },
		"a negative Cap":     func(r *fleet.PoolRequest) { r.Cap = math.MinInt64 },
		"too large a Cap":    func(r *fleet.PoolRequest) { r.Cap = fleet.MaxTokens + 1 },
	} {
		r := ok
		change(&r)
		_, err := k.Pool(k.Context(), k.room, r)
		k.want(err != nil, "Pool accepts %s", what)
	}
	k.meet("a")
	k.replies(k.pool("a", 2, 3, 0), 0, 3, 3, "what was refused has changed nothing")
}

// checkPoolConcurrent has many pods give and take at once: the sum stays.
func checkPoolConcurrent(k *kit) {
	const pods, each = 16, 20
	var all sync.WaitGroup
	var sum atomic.Int64
	for i := range pods {
		all.Go(func() {
			var ticket int64
			for seq := int64(1); seq <= each; seq++ {
				r := fleet.PoolRequest{Session: fmt.Sprint(i), Seq: seq, Ticket: ticket, Cap: full, Keep: long}
				if seq > 1 {
					r.Give, r.Take = int64(i)%4, (int64(i)+seq)%5
				}
				reply, err := k.Pool(k.Context(), k.room, r)
				if err != nil || reply.Granted > r.Take || reply.Accepted > r.Give || reply.Level < 0 || reply.Level > full {
					k.Errorf("Pool of %+v: %+v, %v", r, reply, err)
					return
				}
				ticket = reply.Ticket
				sum.Add(reply.Accepted - reply.Granted)
			}
		})
	}
	all.Wait()
	k.replies(k.pool("last", 1, 0, 0), 0, 0, sum.Load(), "what is left after many have given and taken at once")
}
