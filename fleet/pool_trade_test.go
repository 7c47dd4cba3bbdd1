package fleet

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/mono"
	"github.com/media-gateway/holdfast/resilience/budget"
)

func accountOf(t *testing.T, c budget.Config, tokens float64) *account {
	t.Helper()
	c, err := c.Resolve()
	require.NoError(t, err)
	a := newAccount(c, budget.Stats{Tokens: tokens, Burst: c.Burst}, 0, 0)
	return &a
}

// reads lets the account read what is changed from the reading before, with so many more calls, and
// failures among them.
func (a *account) reads(calls, failed uint64, change func(*budget.Stats)) {
	s := a.was
	change(&s)
	a.read(a.config, s, a.calls+calls, a.failed+failed)
}

func tokens(n float64) func(*budget.Stats) { return func(s *budget.Stats) { s.Tokens = n } }

func TestWhoAsksForTokens(t *testing.T) {
	dear := budget.Config{Burst: 5, SlowCost: 5}
	for name, test := range map[string]struct {
		config budget.Config
		after  func(*budget.Stats)
		want   int64
	}{
		"a full bank":                                {after: tokens(10)},
		"an empty bank that nobody drew on":          {after: tokens(0)},
		"a bank that ran dry":                        {after: func(s *budget.Stats) { s.Tokens, s.Withdrawals = 0.9, 1 }, want: 5},
		"a bank with one token left":                 {after: func(s *budget.Stats) { s.Tokens, s.Withdrawals = 1, 1 }},
		"a bank that refused":                        {after: func(s *budget.Stats) { s.Tokens, s.Refused = 0, 1 }, want: 5},
		"a bank whose floor paid":                    {after: func(s *budget.Stats) { s.Tokens, s.FloorPaid = 0, 1 }, want: 5},
		"a bank in shadow that would have refused":   {after: func(s *budget.Stats) { s.Tokens, s.ShadowRefused = 0, 1 }, want: 5},
		"a bank that refused and has half again":     {after: func(s *budget.Stats) { s.Tokens, s.Refused = 5, 1 }},
		"a bank that refused and has less than half": {after: func(s *budget.Stats) { s.Tokens, s.Refused = 4.999, 1 }, want: 1},
		"slow retries are dear":                      {config: dear, after: func(s *budget.Stats) { s.Tokens, s.Refused = 2.5, 1 }, want: 3},
		"as many as a slow retry costs":              {config: dear, after: func(s *budget.Stats) { s.Tokens, s.Refused = 5, 1 }},
		"a burst of one":                             {config: budget.Config{Burst: 1}, after: func(s *budget.Stats) { s.Tokens, s.Refused = 0, 1 }, want: 1},
		"the largest burst":                          {config: budget.Config{Burst: MaxTokens}, after: func(s *budget.Stats) { s.Tokens, s.Refused = 0, 1 }, want: MaxTokens / 2},
	} {
		a := accountOf(t, test.config, 10)
		a.reads(1, 1, test.after)
		require.Equal(t, test.want, a.wants(), name)
	}
}

// A pod without successes, as one with a broken network, does not drain the bucket.
func TestWhoHasNoSuccessAsksInVainThreeTimes(t *testing.T) {
	a := accountOf(t, budget.Config{}, 0)
	asked := 0
	ask := func() bool {
		a.reads(1, 1, func(s *budget.Stats) { s.Refused++ })
		if a.wants() == 0 {
			return false
		}
		asked++
		a.settled(PoolRequest{Take: 5, Cap: 10}, PoolReply{}, 0, 0)
		return true
	}
	for range 10 {
		ask()
	}
	require.Equal(t, 3, asked)
	a.reads(1, 0, func(*budget.Stats) {})
	require.True(t, ask(), "after a success")
	a.reads(1, 0, func(*budget.Stats) {})
	for range 10 {
		ask()
	}
	require.Equal(t, 3+1+3, asked)
}

func TestWhoGivesTokens(t *testing.T) {
	full := func(*budget.Stats) {}
	a := accountOf(t, budget.Config{Ratio: 0.3, Burst: 10}, 10)
	a.reads(3, 0, full)
	require.Zero(t, a.spares(0), "less than a token")
	a.reads(1, 0, full)
	require.Equal(t, int64(1), a.spares(0), "four successes, three tenths each")
	a.reads(10, 10, full)
	require.Equal(t, int64(1), a.spares(0), "failures bring nothing")
	a.reads(1000, 0, full)
	require.Equal(t, int64(10), a.spares(0), "Burst at the most")
	a.reads(0, 0, tokens(9.9))
	require.Zero(t, a.spares(0), "not full")

	a = accountOf(t, budget.Config{Ratio: 1}, 10)
	a.reads(10, 0, func(s *budget.Stats) { s.Late = true })
	require.Zero(t, a.spares(0), "while successes are late, they bring nothing")

	a = accountOf(t, budget.Config{Ratio: 1, DepositOn: budget.Arrival}, 10)
	a.reads(4, 4, full)
	require.Equal(t, int64(4), a.spares(0), "arrivals bring tokens, whatever becomes of them")

	a = accountOf(t, budget.Config{Ratio: -1}, 10)
	a.reads(1000, 0, full)
	require.Zero(t, a.spares(0), "nothing would bring it back")
}

// Once the bucket is full nobody asks any more, until somebody's retry is paid for.
func TestAFullBucketIsLeftAlone(t *testing.T) {
	a := accountOf(t, budget.Config{Ratio: 1}, 10)
	calm := func() int64 { a.reads(5, 0, func(*budget.Stats) {}); return a.spares(0) }
	require.Equal(t, int64(5), calm())
	a.settled(PoolRequest{Give: 5, Cap: 10}, PoolReply{Accepted: 5, Level: 9}, 0, 0)
	require.Equal(t, int64(5), calm(), "there is room for one more")
	a.settled(PoolRequest{Give: 5, Cap: 10}, PoolReply{Accepted: 1, Level: 10}, 0, 0)
	for range 100 {
		require.Zero(t, calm())
	}
	a.reads(1, 0, func(s *budget.Stats) { s.Withdrawals++ })
	require.NotZero(t, a.spares(0))
}

func TestWhatIsLeasedAndNotUsedComesBack(t *testing.T) {
	a := accountOf(t, budget.Config{Ratio: 0.1}, 0)
	a.reads(1, 1, func(s *budget.Stats) { s.Refused++ })
	at := mono.Time(time.Hour)
	a.settled(PoolRequest{Take: 5, Cap: 10}, PoolReply{Granted: 5, Level: 3}, 5, at)
	a.reads(2, 0, func(s *budget.Stats) { s.Tokens, s.Withdrawals = 3.2, 2 })
	require.Equal(t, int64(3), a.leased, "two were spent")
	require.Zero(t, a.spares(at.Add(leaseFor-1)))
	require.Equal(t, int64(3), a.spares(at.Add(leaseFor)))
	a.reads(0, 0, func(s *budget.Stats) { s.Tokens, s.Withdrawals, s.Slow, s.SlowTokens = 1.7, 3, 1, 1.5 })
	require.Equal(t, int64(1), a.spares(at.Add(leaseFor)), "one and a half were spent")
	a.settled(PoolRequest{Give: 1, Cap: 10}, PoolReply{Accepted: 1, Level: 4}, 0, at.Add(leaseFor))
	require.Zero(t, a.spares(at.Add(2*leaseFor)), "nothing is owed twice")

	a.settled(PoolRequest{Take: 5, Cap: 10}, PoolReply{Granted: 5, Level: 3}, 2, at)
	require.Equal(t, int64(3), a.surplus, "what had no room")
	a.reads(0, 0, tokens(0.5))
	require.Zero(t, a.spares(at.Add(time.Hour)), "what is not there any more is not given back")

	a.settled(PoolRequest{Take: 5, Cap: 10}, PoolReply{Granted: 5, Level: 3}, 5, at)
	a.reads(0, 0, tokens(5))
	require.Equal(t, int64(5), a.spares(at.Add(leaseFor)))
	a.settled(PoolRequest{Give: 5, Cap: 10}, PoolReply{Accepted: 1, Level: 10}, 0, at)
	a.reads(0, 0, tokens(4))
	require.Zero(t, a.spares(at.Add(time.Hour)), "the bucket had no room for it")
}

func TestPortion(t *testing.T) {
	p := portion{}
	for i := range steady - 1 {
		require.Zero(t, p.of(true, 10), "the others have to hear of it first: %d", i)
	}
	require.Equal(t, uint64(10), p.of(true, 10))
	require.Equal(t, uint64(12), p.of(true, 12), "more pods: at once")
	for range steady - 1 {
		require.Equal(t, uint64(12), p.of(true, 4), "fewer pods: after a while")
	}
	require.Equal(t, uint64(4), p.of(true, 4))
	require.Equal(t, uint64(4), p.of(true, 0), "itself at least")
	for range steady {
		p.of(true, 0)
	}
	require.Equal(t, uint64(1), p.of(true, 0))
	require.Zero(t, p.of(false, 5), "no traffic, no part")
	require.Zero(t, p.of(true, 5), "anew")
}

func TestAReplyIsNotTrusted(t *testing.T) {
	r := PoolRequest{Give: 3, Take: 4, Cap: 5}
	require.Equal(t, PoolReply{0, 4, 3, 5}, r.trusted(PoolReply{math.MaxInt64, math.MaxInt64, math.MaxInt64, math.MaxInt64}))
	require.Equal(t, PoolReply{}, r.trusted(PoolReply{math.MinInt64, math.MinInt64, math.MinInt64, math.MinInt64}))
	require.Equal(t, PoolReply{7, 1, 2, 3}, r.trusted(PoolReply{7, 1, 2, 3}))
}

func TestCheckOfARequest(t *testing.T) {
	ok := PoolRequest{Session: "a", Seq: 1, Give: MaxTokens, Take: MaxTokens, Cap: MaxTokens}
	require.NoError(t, ok.Check())
	for want, change := range map[string]func(*PoolRequest){
		"fleet: the session's name has 0 bytes; want 1 to 128":                                        func(r *PoolRequest) { r.Session = "" },
		"fleet: the session's name has 129 bytes; want 1 to 128":                                      func(r *PoolRequest) { r.Session = string(make([]byte, 129)) },
		"fleet: Seq is 0; want 1 to 9007199254740992":                                                 func(r *PoolRequest) { r.Seq = 0 },
		"fleet: Seq is 9007199254740993; want 1 to 9007199254740992":                                  func(r *PoolRequest) { r.Seq = maxSeq + 1 },
		"fleet: Ticket is -1; want 0 to 9007199254740992":                                             func(r *PoolRequest) { r.Ticket = -1 },
		"fleet: Ticket is 9007199254740993; want 0 to 9007199254740992":                               func(r *PoolRequest) { r.Ticket = maxSeq + 1 },
		"fleet: Give is -1; want 0 to 1000000000 tokens":                                              func(r *PoolRequest) { r.Give = -1 },
		"fleet: Take is 1000000001; want 0 to 1000000000 tokens":                                      func(r *PoolRequest) { r.Take = MaxTokens + 1 },
		"fleet: Cap is -9223372036854775808; want 0 to 1000000000 tokens":                             func(r *PoolRequest) { r.Cap = math.MinInt64 },
		"fleet: Seq is -1; want 1 to 9007199254740992\nfleet: Cap is -1; want 0 to 1000000000 tokens": func(r *PoolRequest) { r.Seq, r.Cap = -1, -1 },
	} {
		r := ok
		change(&r)
		require.EqualError(t, r.Check(), want)
	}
}
