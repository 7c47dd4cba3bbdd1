package model_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/internal/model"
	"github.com/media-gateway/holdfast/internal/stage"
	"github.com/media-gateway/holdfast/internal/suite"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
)

// bulkheadLife is a bulkhead, its model, and the calls that wait or are inside.
type bulkheadLife struct {
	setup bulkheadSetup
	twin  *model.Bulkhead
	calls []*guest // in order of arrival
	crowd int      // counts the crowds

	doors []door // the newest ones first
	fresh int    // how many of the doors have the numbers in force
	stats func() bulkhead.Stats
	renew func(c bulkhead.Config) error

	tally map[string]int // what the operations came to
}

// door is a way in, with the numbers that it has.
type door struct {
	config bulkhead.Config
	do     func(ctx context.Context, op resilience.Func) error
}

// guest is a call that waits, or is inside, where it waits to be told how to end.
type guest struct {
	twin   *model.BulkheadCall
	came   time.Time
	config bulkhead.Config // of its door
	crowd  int             // with which it came, in an order that nobody knows; 0: alone
	ctx    context.Context
	cancel context.CancelFunc
	end    chan model.Answer
	done   chan struct{}

	inside, over atomic.Bool
	err          error // to be read when it is over
}

func newBulkheadLife(s bulkheadSetup) (*bulkheadLife, error) {
	l := &bulkheadLife{setup: s, twin: model.NewBulkhead(s.Config, s.Form == "pipeline", s.Limit), tally: map[string]int{}}
	switch s.Form {
	case "pipeline":
		return l, l.inPipeline()
	case "pipelines":
		return l, l.inPipelines()
	}
	b, err := bulkhead.New(s.Config)
	if err != nil {
		return nil, err
	}
	return l, l.use(b)
}

// inner is the row of stages from the bulkhead on.
func (l *bulkheadLife) inner(b resilience.Stage) []resilience.Stage {
	row := []resilience.Stage{holdfast.SilenceUnclassified(), b}
	if l.setup.Limit > 0 {
		row = append(row, deadline.In(l.setup.Limit))
	}
	return row
}

// inPipeline makes the bulkhead a stage of one pipeline.
func (l *bulkheadLife) inPipeline() error {
	p, err := holdfast.New("model", l.inner(l.setup.Config)...)
	if err != nil {
		return err
	}
	l.doors, l.fresh = []door{{l.setup.Config, p.Do}}, 1
	l.stats = func() bulkhead.Stats { return p.Snapshot().Bulkheads[0] }
	l.renew = func(c bulkhead.Config) error {
		l.doors[0].config = c
		return p.Update(l.inner(c)...)
	}
	return nil
}

// inPipelines makes two pipelines share the bulkhead, as it is.
func (l *bulkheadLife) inPipelines() error {
	b, err := bulkhead.New(l.setup.Config)
	if err != nil {
		return err
	}
	for range 2 {
		p, err := holdfast.New("model", l.inner(b)...)
		if err != nil {
			return err
		}
		l.doors = append(l.doors, door{l.setup.Config, p.Do})
		l.stats = func() bulkhead.Stats { return p.Snapshot().Bulkheads[0] }
	}
	l.fresh = 2
	return nil
}

// use goes on with b, which was made, or is what became of the one before. The doors that there
// were stay: calls that began before a change come by them.
func (l *bulkheadLife) use(b *bulkhead.Bulkhead) error {
	var fresh []door
	add := func(do func(ctx context.Context, op resilience.Func) error) {
		fresh = append(fresh, door{b.Config(), do})
	}
	switch l.setup.Form {
	case "hand":
		add(func(ctx context.Context, op resilience.Func) (err error) {
			if err := b.Acquire(ctx); err != nil {
				return err
			}
			err = resilience.ErrAborted // unless it returns
			defer func() { b.Release(ctx, err) }()
			err = op(ctx)
			return err
		})
	case "wrapped":
		add(func(ctx context.Context, op resilience.Func) error { return b.Wrap(op)(ctx) })
	case "rows":
		linked := b
		for range 2 {
			row := []resilience.Policy{b}
			if l.setup.Limit > 0 {
				d, err := deadline.New(deadline.In(l.setup.Limit))
				if err != nil {
					return err
				}
				row = append(row, d)
			}
			linked = stage.PlaceIn(row, 0).Link().(*bulkhead.Bulkhead) //nolint:forcetypeassert // it is its own kind
			row[0] = linked
			add(func(ctx context.Context, op resilience.Func) error { return resilience.Chain(row...).Wrap(op)(ctx) })
		}
		b = linked
	}
	l.doors, l.fresh = append(fresh, l.doors...), len(fresh)
	l.stats = b.Stats
	l.renew = func(c bulkhead.Config) error {
		r, err := stage.Of(b).Renew(b, c)
		if err != nil {
			return err
		}
		if !r.Kept {
			return differ("kept", r.Kept, true)
		}
		if r.Commit != nil {
			r.Commit()
		}
		return l.use(r.Policy.(*bulkhead.Bulkhead)) //nolint:forcetypeassert // it is its own kind
	}
	return nil
}

func (l *bulkheadLife) do(op bulkheadOp) error {
	inside, waiting := l.standing(model.Inside), l.standing(model.Waits)
	d, late := l.doors[op.Door%l.fresh], l.doors[op.Door%len(l.doors)]
	arrives := slices.Contains([]string{"arrive", "arrive late", "crowd", "cross"}, op.Do)
	if arrives && (l.twin.Clashes(time.Now().Add(d.config.MaxWait)) || l.twin.Clashes(time.Now().Add(late.config.MaxWait))) {
		return nil // either might be first
	}
	switch op.Do {
	case "arrive":
		l.arrive(d, op.Under)
	case "arrive late":
		l.arrive(late, op.Under)
	case "crowd":
		l.crowd++
		for range op.Times {
			l.arrive(d, 0).crowd = l.crowd
		}
	case "leave", "many leave":
		return l.leave(op, inside, op.Do == "many leave")
	case "cross":
		if d.config.MaxWait == 0 || d.config.QueueLimit > 0 { // it would matter who is first
			return nil
		}
		l.crowd++
		for i := range min(op.Times, len(inside)) {
			l.arrive(d, 0).crowd = l.crowd
			if l.setup.Limited {
				synctest.Wait() // what a cut leaves depends on who is first
			}
			if err := l.leaves(inside[(op.Which+i)%len(inside)], op.Answer); err != nil {
				return err
			}
		}
	case "give up":
		if len(waiting) > 0 {
			l.giveUp(waiting[op.Other%len(waiting)])
		}
	case "give up, leave":
		// A call whose ctx has ended never runs, also if a place comes free before it notices.
		if len(waiting) > 0 && len(inside) > 0 {
			l.giveUp(waiting[op.Other%len(waiting)])
			return l.leave(op, inside, false)
		}
	case "leave, give up":
		if len(waiting) > 0 && len(inside) > 0 {
			return l.leaveBeforeGivingUp(inside[op.Which%len(inside)], waiting[op.Other%len(waiting)], op.Answer)
		}
	case "leave in time":
		if len(waiting) > 0 && len(inside) > 0 {
			return l.leaveInTime(inside[op.Which%len(inside)], op.Answer)
		}
	case "leave, grow":
		if c := model.BulkheadDefaults(op.Config); c.MaxConcurrent < l.twin.Config.MaxConcurrent && c.MaxConcurrent > 0 || l.twin.Config.MaxConcurrent < 0 {
			op.Config.MaxConcurrent = l.twin.Config.MaxConcurrent
		}
		if op.Config.MaxConcurrent < 0 && op.Config.Adaptive == nil {
			op.Config.Adaptive = l.twin.Config.Adaptive
		}
		if err := l.leave(op, inside, true); err != nil {
			return err
		}
		return l.with(op.Config)
	case "with":
		return l.with(op.Config)
	case "wait":
		time.Sleep(max(0, l.waiting(op)))
	}
	return nil
}

// arrive begins a call in a goroutine of its own.
func (l *bulkheadLife) arrive(d door, timeout time.Duration) *guest {
	var hangs time.Time
	begin := context.WithCancel
	if timeout > 0 {
		hangs = time.Now().Add(timeout)
		begin = func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithDeadline(ctx, hangs)
		}
	}
	ctx, cancel := begin(context.Background())
	if timeout < 0 {
		cancel()
		hangs = time.Now()
	}
	g := &guest{
		twin: l.twin.Arrive(time.Now(), d.config, hangs), came: time.Now(), config: d.config, ctx: ctx, cancel: cancel,
		end: make(chan model.Answer), done: make(chan struct{}),
	}
	l.calls = append(l.calls, g)
	go func() {
		defer close(g.done)
		defer func() {
			defer g.over.Store(true)
			if p := recover(); p != nil && p != any(errPlain) {
				g.err = fmt.Errorf("panic: %v", p)
			}
		}()
		g.err = d.do(ctx, func(ctx context.Context) error {
			g.inside.Store(true)
			return answer(ctx, <-g.end)
		})
	}()
	return g
}

// leave ends one call inside, or many at once.
func (l *bulkheadLife) leave(op bulkheadOp, inside []*guest, many bool) error {
	n := min(1, len(inside))
	if many {
		n = min(op.Times, len(inside))
	}
	for i := range n {
		if err := l.leaves(inside[(op.Which+i)%len(inside)], op.Answer); err != nil {
			return err
		}
	}
	return nil
}

func (l *bulkheadLife) leaves(g *guest, a model.Answer) error {
	g.end <- a
	l.tally["left"]++
	if err := l.learn(g, a); err != nil {
		return err
	}
	l.twin.Leave(g.twin, time.Now())
	return nil
}

// learn tells the model what limit there is after the end of a call, if there may be one.
func (l *bulkheadLife) learn(g *guest, a model.Answer) error {
	if !l.setup.Limited {
		return nil
	}
	synctest.Wait()
	s := l.stats()
	sign := model.MaybeSlow
	switch {
	case g.config.Adaptive == nil || a == model.Panics || a == model.Exits || a == model.Rejects:
		sign = model.Silent
	case (a == model.Transient || a == model.Unknown) && (l.setup.Limit == 0 || time.Since(g.came) <= l.setup.Limit/2):
		sign = model.Silent // a quick failure
	case a == model.OK:
		sign = model.Succeeds
	case a == model.CtxErr || g.ctx.Err() != nil:
		sign = model.Unsure
	case a == model.Permanent:
		sign = model.Definite
	case a == model.Overload:
		sign = model.Slow
	}
	if s.Limit > 0 {
		l.tally["limited"]++
	}
	return l.twin.Learn(sign, s.Limit, s.Cuts, time.Now())
}

func (l *bulkheadLife) giveUp(g *guest) {
	g.cancel()
	l.twin.GiveUp(g.twin, time.Now())
	l.tally["gave up"]++
}

// leaveBeforeGivingUp ends a call, and then the ctx of one that may just get the place: either may
// be first.
func (l *bulkheadLife) leaveBeforeGivingUp(leaves, waits *guest, a model.Answer) error {
	leaves.end <- a
	waits.cancel()
	synctest.Wait()
	if err := l.learn(leaves, a); err != nil {
		return err
	}
	if !waits.inside.Load() {
		l.twin.GiveUp(waits.twin, time.Now())
	}
	l.twin.Leave(leaves.twin, time.Now())
	l.twin.GiveUp(waits.twin, time.Now())
	return nil
}

// leaveInTime ends a call at the nanosecond at which the wait of somebody is over: either may be
// first.
func (l *bulkheadLife) leaveInTime(leaves *guest, a model.Answer) error {
	if l.setup.Limited {
		a = model.Panics // the limit stays: or a refusal might name that of before, or of after
	}
	next := l.twin.NextRefusal()
	if next.IsZero() {
		return nil
	}
	time.Sleep(time.Until(next) - 1)
	if err := l.compare(); err != nil {
		return err
	}
	time.Sleep(1)
	if leaves.twin.Stand != model.Inside {
		return nil
	}
	leaves.end <- a
	synctest.Wait()
	if err := l.learn(leaves, a); err != nil {
		return err
	}
	for _, g := range l.standing(model.Waits) {
		if g.inside.Load() && l.twin.Due(g.twin, time.Now()) {
			l.tally["at the last moment"]++
			if !l.twin.LeaveInTime(leaves.twin, g.twin, time.Now()) {
				return errors.New("a call got a place at the last moment, and it was not its turn")
			}
			return nil
		}
	}
	l.tally["at the last moment"]++
	l.twin.Leave(leaves.twin, time.Now())
	return nil
}

// with goes on with other numbers. Pipelines that share a bulkhead have no say in them.
func (l *bulkheadLife) with(c bulkhead.Config) error {
	if l.setup.Form == "pipelines" {
		return nil
	}
	l.tally["changes"]++
	l.twin.Renumber(c, time.Now())
	return l.renew(c)
}

// waiting is how long to wait.
func (l *bulkheadLife) waiting(op bulkheadOp) time.Duration {
	switch op.Until {
	case "due": // until something happens by itself
		if next := l.twin.Next(); !next.IsZero() {
			return time.Until(next) + op.Wait
		}
	case "limit": // until those have ended, by their deadline, that came now
		return l.setup.Limit + op.Wait
	}
	return op.Wait
}

// standing returns the calls that fare so, by the model.
func (l *bulkheadLife) standing(s model.Stand) (all []*guest) {
	for _, g := range l.calls {
		if g.twin.Stand == s {
			all = append(all, g)
		}
	}
	return all
}

// stand is how a call fares, by the stage.
func (g *guest) stand() model.Stand {
	switch {
	case g.inside.Load() && g.over.Load():
		return model.Left
	case g.inside.Load():
		return model.Inside
	case !g.over.Load():
		return model.Waits
	case errors.Is(g.err, bulkhead.ErrFull):
		return model.Refused
	case g.err != nil && errors.Is(g.err, g.ctx.Err()):
		return model.GaveUp
	}
	return model.Stand(fmt.Sprintf("returned %v", g.err))
}

// compare compares how all calls fare, and the counts.
func (l *bulkheadLife) compare() error {
	synctest.Wait()
	now := time.Now()
	l.twin.Pass(now)
	for i, g := range l.calls {
		if g.stand() != g.twin.Stand && g.crowd > 0 {
			l.trade(g)
		}
		if is, want := g.stand(), g.twin.Stand; is != want {
			return differ(fmt.Sprintf("call %d of those under way", i), is, want)
		}
		if g.twin.Stand == model.Refused {
			if err := l.compareRefusal(g); err != nil {
				return err
			}
		}
		l.tally[string(g.twin.Stand)]++
	}
	l.calls = slices.DeleteFunc(l.calls, func(g *guest) bool {
		if g.over.Load() {
			g.cancel()
		}
		return g.over.Load()
	})
	is, want := l.stats(), l.twin.Stats(now)
	if (is.Why != "") != (is.Limit > 0) {
		return differ("why it was cut", is.Why, is.Limit)
	}
	is.Why = ""
	if !same(is, want) {
		return differ("stats", is, want)
	}
	return nil
}

// same compares what a bulkhead does and has done. Why, and what only Health reads, are not
// compared.
func same(a, b bulkhead.Stats) bool {
	counts := func(s bulkhead.Stats) []any {
		return []any{s.MaxConcurrent, s.InUse, s.Waiting, s.QueueLimit, s.Rejected, s.Adaptive, s.Limit, s.Cuts, s.LateCuts}
	}
	return slices.Equal(counts(a), counts(b))
}

// trade finds another call of the same crowd that fares, by the model, as g does by the stage.
// Nobody knows who of a crowd came first, so the model takes the one for the other.
func (l *bulkheadLife) trade(g *guest) {
	for _, other := range l.calls {
		if other.crowd == g.crowd && other.twin.Stand == g.stand() && other.stand() != other.twin.Stand {
			g.twin, other.twin = other.twin, g.twin
			return
		}
	}
}

func (l *bulkheadLife) compareRefusal(g *guest) error {
	var full *bulkhead.FullError
	if !errors.As(g.err, &full) {
		return differ("refusal", g.err, bulkhead.ErrFull)
	}
	type facts struct {
		max, queued, limit int
		wait               time.Duration
		why                bool
		verdict            resilience.Verdict
		reason             resilience.Reason
	}
	is := facts{full.MaxConcurrent, full.Queued, full.Limit, full.MaxWait, full.Why != nil, full.Verdict(), full.StopReason()}
	want := facts{g.twin.MaxConcurrent, g.twin.Queued, g.twin.Limit, g.twin.MaxWait, g.twin.Limit > 0, resilience.Rejected, resilience.ReasonBulkheadFull}
	if is != want {
		return differ("refusal", is, want)
	}
	return nil
}

// close ends all calls.
func (l *bulkheadLife) close() {
	for _, g := range l.calls {
		g.cancel()
	}
	for _, g := range l.calls {
		synctest.Wait()
		if g.inside.Load() && !g.over.Load() {
			g.end <- model.OK
		}
		<-g.done
	}
	synctest.Wait()
}

func (x bulkheadStats) live(e episode[bulkheadSetup, bulkheadOp], done *int) error {
	l, err := newBulkheadLife(e.setup)
	if err != nil {
		return err
	}
	defer func() {
		l.close()
		for what, n := range l.tally {
			x[what] += n
		}
	}()
	for i, op := range e.ops {
		*done++
		err := l.do(op)
		if err == nil {
			err = l.compare()
		}
		if err != nil {
			return fmt.Errorf("operation %d, %v: %w", i, op, err)
		}
	}
	l.close()
	if s := l.stats(); s.InUse != 0 || s.Waiting != 0 {
		return differ("what is left in the end", s, "nobody")
	}
	return nil
}

// bulkheadStats is what the operations came to.
type bulkheadStats map[string]int

func TestBulkheadIsWhatItsDocumentationSays(t *testing.T) {
	x := bulkheadStats{}
	operations := 60_000
	if suite.Nightly() {
		operations = 600_000
	}
	experiment[bulkheadSetup, bulkheadOp]{operations: operations, generate: generateBulkhead, live: x.live}.run(t)
	t.Logf("they came to %v", x)
	for _, what := range []string{"left", "gave up", "refused", "at the last moment", "changes", "limited"} {
		require.Greater(t, x[what], suite.Tries(100), "the operations come to everything: %v", x)
	}
}
