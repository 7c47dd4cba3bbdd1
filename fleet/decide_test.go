package fleet

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

func defaults(t *testing.T, c breaker.Config) *numbers {
	t.Helper()
	c, err := c.Resolve()
	require.NoError(t, err)
	n := numbersOf(c)
	return &n
}

// evenly returns slots that all have the same outcomes.
func evenly(successes, failures uint64) (s slots) {
	for i := range s {
		s[i] = outcomes{successes, failures}
	}
	return s
}

// since returns slots of which the newest have failed, and the older ones have not.
func since(newest int, each uint64) (s slots) {
	for i := range s {
		if i < newest {
			s[i].failures = each
		} else {
			s[i].successes = each
		}
	}
	return s
}

func TestDecide(t *testing.T) {
	failed := ownView{slots: since(4, 1), row: true}
	down := digest{pods: 41, speaking: 41, failing: 37, slots: since(12, 10)}
	with := func(change func(*digest)) digest { d := down; change(&d); return d }
	for name, test := range map[string]struct {
		config breaker.Config
		view   ownView
		digest digest
		want   string // "": it does not open
	}{
		"the fleet's failure ratio":                  {view: failed, digest: down, want: "fleet: 37 of 41 pods, 120 of 200 outcomes failed"},
		"veto: a quiet pod has nothing to go by":     {digest: down},
		"veto: nor has one that forgot its failures": {view: ownView{row: true}, digest: down},
		"veto: most of its own calls succeed":        {view: ownView{slots: evenly(3, 1), row: true}, digest: down},
		"no veto: one failure, ten seconds ago":      {view: ownView{slots: slots{slotCount - 1: {failures: 1}}, row: true}, digest: down, want: "fleet: 37 of 41 pods, 120 of 200 outcomes failed"},

		"veto: a success since the last tick":              {view: ownView{slots: since(1, 1), row: true, succeeded: true}, digest: down},
		"veto: a success since the last tick, a quiet pod": {view: ownView{succeeded: true}, digest: down},
		"veto: its latest outcome was a success":           {view: ownView{slots: since(1, 1)}, digest: down},
		"veto: its latest outcome, ten seconds ago":        {view: ownView{slots: slots{slotCount - 1: {successes: 1}}}, digest: down},
		"no veto: a success before its latest failure":     {view: ownView{slots: evenly(1, 1), row: true}, digest: down, want: "fleet: 37 of 41 pods, 120 of 200 outcomes failed"},
		"veto: one pod is failing, however much":           {view: failed, digest: with(func(d *digest) { d.pods, d.speaking, d.failing = 41, 1, 1 })},
		"veto: no pod is failing":                          {view: failed, digest: with(func(d *digest) { d.failing = 0 })},
		"no veto: two pods, both failing":                  {view: failed, digest: with(func(d *digest) { d.pods, d.speaking, d.failing = 2, 2, 2 }), want: "fleet: 2 of 2 pods, 120 of 200 outcomes failed"},
		"veto: less than half of the speaking pods":        {view: failed, digest: with(func(d *digest) { d.failing = 20 })},
		"no veto: half of them":                            {view: failed, digest: with(func(d *digest) { d.speaking, d.failing = 40, 20 }), want: "fleet: 20 of 40 pods, 120 of 200 outcomes failed"},
		"no veto: more pods are quiet than failing":        {view: failed, digest: with(func(d *digest) { d.pods, d.speaking, d.failing = 1000, 3, 2 }), want: "fleet: 2 of 3 pods, 120 of 200 outcomes failed"},
		"veto: below the failure ratio":                    {view: failed, digest: with(func(d *digest) { d.slots = evenly(10, 9) })},
		"at the failure ratio":                             {view: failed, digest: with(func(d *digest) { d.slots = evenly(10, 10) }), want: "fleet: 37 of 41 pods, 200 of 400 outcomes failed"},
		"its own failure ratio":                            {config: breaker.Config{FailureRatio: 0.9, ConsecutiveFailures: -1}, view: failed, digest: down},
		"a failure ratio of one":                           {config: breaker.Config{FailureRatio: 1}, view: failed, digest: with(func(d *digest) { d.slots = evenly(0, 10) }), want: "fleet: 37 of 41 pods, 200 of 200 outcomes failed"},
		"its own window":                                   {config: breaker.Config{FailureRatio: 0.9, ConsecutiveFailures: -1, Window: 6 * time.Second}, view: failed, digest: down, want: "fleet: 37 of 41 pods, 120 of 120 outcomes failed"},
		"a window longer than the protocol's":              {config: breaker.Config{Window: time.Hour}, view: failed, digest: down, want: "fleet: 37 of 41 pods, 120 of 200 outcomes failed"},
		"a window shorter than a slot":                     {config: breaker.Config{Window: time.Millisecond, MinRequests: 10}, view: failed, digest: down, want: "fleet: 37 of 41 pods, 10 of 10 outcomes failed"},
		"one outcome less than MinRequests, no row":        {config: breaker.Config{MinRequests: 201, ConsecutiveFailures: -1}, view: failed, digest: down},
		"as many as MinRequests":                           {config: breaker.Config{MinRequests: 200, ConsecutiveFailures: -1}, view: failed, digest: down, want: "fleet: 37 of 41 pods, 120 of 200 outcomes failed"},
		"no failure ratio":                                 {config: breaker.Config{FailureRatio: -1, ConsecutiveFailures: -1, SlowCallDuration: 1}, view: failed, digest: down},
		"in a row":                                         {view: failed, digest: with(func(d *digest) { d.slots = since(3, 4) }), want: "fleet: 37 of 41 pods, 12 of 12 outcomes failed"},
		"in a row, one failure less":                       {config: breaker.Config{ConsecutiveFailures: 13}, view: failed, digest: with(func(d *digest) { d.slots = since(3, 4) })},
		"in a row, as many":                                {config: breaker.Config{ConsecutiveFailures: 12}, view: failed, digest: with(func(d *digest) { d.slots = since(3, 4) }), want: "fleet: 37 of 41 pods, 12 of 12 outcomes failed"},
		"in a row, but for a moment only":                  {view: failed, digest: with(func(d *digest) { d.slots = since(2, 1000); d.slots[2].failures = 1 })},
		"in a row, without ConsecutiveFailures":            {config: breaker.Config{ConsecutiveFailures: -1}, view: failed, digest: with(func(d *digest) { d.slots = since(3, 4) })},
		"nothing is known":                                 {},
		"nothing is known, but that others fail":           {digest: digest{pods: 3, speaking: 3, failing: 3}},
	} {
		t.Run(name, func(t *testing.T) {
			why := decide(defaults(t, test.config), &test.view, &test.digest)
			if test.want == "" {
				require.Nil(t, why)
				return
			}
			require.NotNil(t, why)
			require.EqualError(t, why, test.want)
		})
	}
}

func TestFailing(t *testing.T) {
	for name, test := range map[string]struct {
		slots slots
		want  bool
	}{
		"nothing":                      {slots{}, false},
		"successes only":               {evenly(1, 0), false},
		"failures only":                {evenly(0, 1), true},
		"one failure":                  {slots{0: {failures: 1}}, true},
		"one failure, two seconds ago": {slots{3: {failures: 1}}, true},
		"one failure, longer ago, and nothing since": {slots{4: {failures: 1}}, true},
		"one failure, as long ago as can be":         {slots{slotCount - 1: {failures: 1}}, true},
		"a success since a failure":                  {slots{2: {successes: 1}, 6: {failures: 9}}, false},
		"a success, a moment since a failure":        {slots{2: {successes: 1}, 5: {failures: 9}}, true},
		"a failure and a success":                    {slots{0: {1, 1}}, true},
		"less than half":                             {slots{0: {2, 1}}, false},
		"failures now, successes before":             {since(4, 5), true},
		"failures now, a success in between":         {slots{0: {0, 1}, 3: {1, 0}}, true},
		"failures now, successes in between":         {slots{0: {0, 1}, 3: {2, 0}}, false},
		"failures before, successes only now":        {slots{0: {1, 0}, 4: {0, 100}}, false},
		"the greatest numbers that there are":        {evenly(1, maxOutcomes), true},
		"the greatest numbers, well":                 {evenly(maxOutcomes, 1), false},
		"the greatest numbers, exactly a half":       {evenly(maxOutcomes, maxOutcomes), true},
	} {
		view := ownView{slots: test.slots}
		require.Equal(t, test.want, view.failing(defaults(t, breaker.Config{})), name)
	}
	view := ownView{slots: slots{0: {1, 9}}}
	require.False(t, view.failing(defaults(t, breaker.Config{FailureRatio: -1})), "without a ratio, a success says that it is well")
}

// pod is one of a fleet that is made up.
type pod struct {
	view ownView
	age  time.Duration // of its cell
}

// stored returns the pod's cell, as the store has it.
func (p *pod) stored(n *numbers) Cell {
	c := cell{failing: p.view.failing(n), slots: p.view.slots}
	return Cell{Age: p.age, Data: c.encode()}
}

// sumOf returns the digest of pods, as it comes through the store.
func sumOf(t *testing.T, n *numbers, pods []pod) digest {
	t.Helper()
	var cells []Cell
	for _, p := range pods {
		cells = append(cells, p.stored(n))
	}
	d, refused := sum(cells)
	require.Zero(t, refused)
	read, err := decodeDigest(d.encode())
	require.NoError(t, err)
	require.Equal(t, d, read)
	return read
}

// working is a pod for which most calls succeed: fewer than a third of its recent ones fail, and
// none of a pod that has few.
func working(r *rand.Rand) pod {
	var p pod
	for i := range p.view.slots {
		switch r.IntN(4) {
		case 0:
			p.view.slots[i].successes = uint64(r.IntN(3))
		case 1:
			p.view.slots[i].successes = 30 + uint64(r.IntN(1000))
			p.view.slots[i].failures = uint64(r.IntN(10))
		}
	}
	p.view.succeeded = p.view.slots[0].successes > 0
	p.age = time.Duration(r.Int64N(int64(5 * time.Second)))
	return p
}

// broken is a pod for which every call fails, from some time on.
func broken(r *rand.Rand) pod {
	p := pod{view: ownView{row: true, slots: since(1+r.IntN(slotCount), 1+r.Uint64N(100_000))}}
	p.age = time.Duration(r.Int64N(int64(5 * time.Second)))
	return p
}

// configs are those by which pods of all kinds decide.
func configs(t *testing.T) []*numbers {
	t.Helper()
	return []*numbers{
		defaults(t, breaker.Config{}),
		defaults(t, breaker.Config{FailureRatio: 0.01, MinRequests: 1, ConsecutiveFailures: 1}),
		defaults(t, breaker.Config{FailureRatio: 1, MinRequests: 1, Window: time.Second}),
		defaults(t, breaker.Config{FailureRatio: -1, ConsecutiveFailures: 1}),
	}
}

// Whatever the numbers of calls, a pod with a broken network is alone with that.
func TestOneBrokenPodNeverOpensAnother(t *testing.T) {
	r := rand.New(rand.NewPCG(19, 1))
	normal := defaults(t, breaker.Config{})
	for range 500 {
		pods := []pod{broken(r)}
		for range r.IntN(40) {
			pods = append(pods, working(r))
		}
		pods = append(pods, pod{}) // a quiet one
		d := sumOf(t, normal, pods)
		for _, n := range configs(t) {
			for _, p := range pods[1:] {
				require.Nil(t, decide(n, &p.view, &d), "%+v\n%+v", p, d)
				p.view.row = true // even if its latest outcome was a failure
				require.Nil(t, decide(n, &p.view, &d), "%+v\n%+v", p, d)
			}
		}
	}
}

// A cell can say what it likes: it is one pod's word.
func TestOneHostileCellNeverOpensAnother(t *testing.T) {
	r := rand.New(rand.NewPCG(19, 2))
	normal := defaults(t, breaker.Config{})
	for range 3000 {
		hostile := make([]byte, r.IntN(MaxCell+1))
		for i := range hostile {
			hostile[i] = byte(r.Uint32())
		}
		if len(hostile) > 1 && r.IntN(2) == 0 {
			hostile[0] = protocol
		}
		cells := []Cell{{Data: hostile, Age: time.Duration(r.Int64())}}
		for range r.IntN(5) {
			p := working(r)
			cells = append(cells, p.stored(normal))
		}
		d, _ := sum(cells)
		for _, n := range configs(t) {
			require.Nil(t, decide(n, &ownView{row: true, slots: since(4, 1)}, &d))
			require.Nil(t, decide(n, &ownView{}, &d))
		}
	}
}

// Whatever anybody says, a pod for which calls succeed goes on.
func TestWhoeverSucceedsDoesNotOpen(t *testing.T) {
	r := rand.New(rand.NewPCG(19, 3))
	for range 3000 {
		var d digest
		d.pods = r.Uint64N(MaxCells)
		d.speaking = r.Uint64N(d.pods + 1)
		d.failing = r.Uint64N(d.speaking + 1)
		for i := range d.slots {
			d.slots[i] = outcomes{r.Uint64N(maxSum), r.Uint64N(maxSum)}
		}
		view := ownView{slots: evenly(r.Uint64N(9), r.Uint64N(9)), row: r.IntN(2) == 0, succeeded: true}
		for _, n := range configs(t) {
			require.Nil(t, decide(n, &view, &d))
			var latest ownView
			latest.slots[r.IntN(slotCount)].successes = 1
			require.Nil(t, decide(n, &latest, &d))
		}
	}
}

// Where a network splits the fleet, those opposite the dependency go on.
func TestTheHalfThatWorksGoesOn(t *testing.T) {
	r := rand.New(rand.NewPCG(19, 4))
	n := defaults(t, breaker.Config{})
	opened := 0
	for range 300 {
		var pods []pod
		for range 1 + r.IntN(30) {
			p := working(r)
			p.view.slots[5].successes++ // none is quiet
			pods = append(pods, p, broken(r), broken(r))
		}
		d := sumOf(t, n, pods)
		for i, p := range pods {
			why := decide(n, &p.view, &d)
			if i%3 == 0 {
				require.Nil(t, why)
			} else if why != nil {
				opened++
			}
		}
	}
	require.Positive(t, opened)
}

// A minority may be large, and as loud as it likes.
func TestAMinorityOpensNobody(t *testing.T) {
	r := rand.New(rand.NewPCG(19, 5))
	n := defaults(t, breaker.Config{})
	for range 300 {
		var pods []pod
		for range 1 + r.IntN(10) {
			pods = append(pods, broken(r))
		}
		for range len(pods) + 1 {
			p := working(r)
			p.view.slots[19-int(p.age/slotLength)].successes++ // none is quiet, also when its cell is old
			p.age = 0
			pods = append(pods, p)
		}
		d := sumOf(t, n, pods)
		for _, p := range pods {
			p.view.succeeded = false
			require.Nil(t, decide(n, &p.view, &d))
		}
	}
}

func TestCellsAndDigestsComeThroughTheStore(t *testing.T) {
	r := rand.New(rand.NewPCG(19, 6))
	for range 500 {
		c := cell{state: resilience.State(r.IntN(4)), failing: r.IntN(2) == 0}
		for i := range r.IntN(slotCount + 1) {
			c.slots[i] = outcomes{r.Uint64N(maxOutcomes + 1), r.Uint64N(maxOutcomes + 1)}
		}
		read, err := decodeCell(c.encode())
		require.NoError(t, err)
		require.Equal(t, c, read)
		read, err = decodeCell(append(c.encode(), "what a later version adds"...)[:min(MaxCell, len(c.encode())+25)])
		require.NoError(t, err)
		require.Equal(t, c, read)
	}
	largest := cell{failing: true, slots: evenly(1<<63, 1<<63)}
	require.LessOrEqual(t, len(largest.encode()), MaxCell)
	read, err := decodeCell(largest.encode())
	require.NoError(t, err)
	require.Equal(t, evenly(maxOutcomes, maxOutcomes), read.slots, "more are told as so many")

	d := digest{pods: MaxCells, speaking: MaxCells, failing: MaxCells, open: MaxCells, slots: evenly(maxSum, maxSum)}
	require.LessOrEqual(t, len(d.encode()), MaxDigest)
	readDigest, err := decodeDigest(d.encode())
	require.NoError(t, err)
	require.Equal(t, d, readDigest)
}

func TestForeignCellsAndDigests(t *testing.T) {
	good := (&cell{slots: slots{0: {1, 2}}}).encode()
	require.Equal(t, []byte{protocol, 0, 1, 1, 2}, good)
	huge := []byte{255, 255, 255, 255, 255, 255, 255, 255, 255, 1}
	for name, data := range map[string][]byte{
		"nothing":                  nil,
		"a version alone":          {protocol},
		"another version":          append([]byte{protocol + 1}, good[1:]...),
		"version 0":                append([]byte{0}, good[1:]...),
		"text":                     []byte("NaN"),
		"JSON":                     []byte(`{"pod":"a:b\n","ratio":NaN}`),
		"cut short":                good[:len(good)-1],
		"cut before slots":         good[:2],
		"too many slots":           append([]byte{protocol, 0, slotCount + 1}, make([]byte, 2*slotCount+2)...),
		"slots without end":        append([]byte{protocol, 0}, huge...),
		"a count too great":        append([]byte{protocol, 0, 1}, huge...),
		"a number that never ends": append([]byte{protocol, 0, 1}, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255),
		"too long":                 append(good, make([]byte, MaxCell)...),
	} {
		_, err := decodeCell(data)
		require.ErrorIs(t, err, errForeign, name)
		d, refused := sum([]Cell{{Data: good}, {Data: data}})
		require.Equal(t, 1, refused, name)
		require.Equal(t, uint64(1), d.pods, name)
	}
	for name, data := range map[string][]byte{
		"nothing":                    nil,
		"another version":            {protocol + 1, 2, 2, 2, 0, 0},
		"cut short":                  {protocol, 2, 2, 2, 0},
		"more failing than speaking": {protocol, 3, 1, 2, 0, 0},
		"more speaking than pods":    {protocol, 1, 2, 1, 0, 0},
		"more open than pods":        {protocol, 1, 1, 1, 2, 0},
		"a million pods":             {protocol, 0xc0, 0x84, 0x3d, 1, 1, 0, 0},
		"too long":                   append([]byte{protocol, 2, 2, 2, 0, 0}, make([]byte, MaxDigest)...),
	} {
		_, err := decodeDigest(data)
		require.ErrorIs(t, err, errForeign, name)
	}
	_, err := decodeDigest([]byte{protocol, 2, 2, 2, 0, 0})
	require.NoError(t, err)
}

func TestSum(t *testing.T) {
	one := func(c cell, age time.Duration) Cell { return Cell{Data: c.encode(), Age: age} }
	d, refused := sum(nil)
	require.Equal(t, digest{}, d)
	require.Zero(t, refused)

	d, refused = sum([]Cell{
		one(cell{}, 0), // quiet
		one(cell{slots: slots{0: {1, 0}, 2: {5, 0}}}, time.Second),
		one(cell{state: resilience.StateOpen, failing: true, slots: slots{0: {0, 7}}}, time.Second+slotLength-time.Millisecond),
		one(cell{state: resilience.StateHalfOpen, failing: true, slots: slots{19: {0, 9}}}, slotLength), // forgotten by now
		one(cell{state: resilience.StateIsolated, failing: true, slots: slots{0: {3, 0}}}, 0),           // says so without a failure
		one(cell{slots: slots{0: {2, 1}}}, -time.Hour),                                                  // from the future
		{Data: []byte("NaN")},
	})
	require.Equal(t, 1, refused)
	require.Equal(t, digest{
		pods: 6, speaking: 4, failing: 1, open: 2,
		slots: slots{0: {5, 1}, 2: {1, 7}, 4: {5, 0}},
	}, d)

	older := d.older(time.Second)
	require.Equal(t, slots{2: {5, 1}, 4: {1, 7}, 6: {5, 0}}, older.slots)
	require.Equal(t, digest{}, digest{slots: evenly(1, 1)}.older(time.Hour))
	require.Equal(t, d, d.older(-time.Hour))

	many := make([]Cell, MaxCells+2)
	for i := range many {
		many[i] = one(cell{}, 0)
	}
	d, refused = sum(many)
	require.Equal(t, uint64(MaxCells), d.pods)
	require.Equal(t, 2, refused)
}

func TestHistory(t *testing.T) {
	var h history
	h.add(0, outcomes{1, 0})
	h.add(slotLength-1, outcomes{0, 1})
	require.Equal(t, slots{0: {1, 1}}, h.slots)
	h.add(slotLength, outcomes{2, 0})
	require.Equal(t, slots{0: {2, 0}, 1: {1, 1}}, h.slots)
	h.add(0, outcomes{1, 0}) // never before
	require.Equal(t, slots{0: {3, 0}, 1: {1, 1}}, h.slots)
	h.add(4*slotLength, outcomes{})
	require.Equal(t, slots{3: {3, 0}, 4: {1, 1}}, h.slots)
	h.add(time.Hour, outcomes{0, 1})
	require.Equal(t, slots{0: {0, 1}}, h.slots)
	require.Equal(t, 1, h.slots.used())
	require.Zero(t, new(slots).used())
	h.slots[slotCount-1].failures = 1
	require.Equal(t, slotCount, h.slots.used())
}

func FuzzForeignCell(f *testing.F) {
	f.Add((&cell{failing: true, slots: evenly(300, 2)}).encode())
	f.Add((&digest{pods: 3, speaking: 2, failing: 1, slots: evenly(300, 2)}).encode())
	f.Fuzz(func(t *testing.T, data []byte) {
		if c, err := decodeCell(data); err == nil {
			again, err := decodeCell(c.encode())
			require.NoError(t, err)
			require.Equal(t, c, again)
		}
		if d, err := decodeDigest(data); err == nil {
			again, err := decodeDigest(d.encode())
			require.NoError(t, err)
			require.Equal(t, d, again)
		}
	})
}
