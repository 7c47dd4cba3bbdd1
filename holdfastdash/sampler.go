package holdfastdash

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/media-gateway/holdfast"
)

// linger is how long pipelines are still watched after the last browser left, so that a browser
// that reconnects finds no gap.
const linger = time.Minute

// sampler samples the pipelines periodically. It has its own goroutine.
type sampler struct {
	*Dashboard
	rows      []*row
	standings []standing // of the current round
	last      time.Time
	watching  bool
	files     json.RawMessage // as the streams were told
	noted     []fileNote      // of each watcher, likewise
	followed  bool            // the source was read before
}

func newSampler(d *Dashboard) *sampler {
	s := &sampler{Dashboard: d, last: time.Now()}
	d.history.time = s.last.UnixMilli()
	s.follow()
	for _, r := range s.rows {
		d.history.lines = append(d.history.lines, r.line)
	}
	d.history.fleets, s.files = d.sampleFleets(), d.sampleFiles()
	d.history.files = s.files
	for _, w := range d.watchers {
		st := w.Status()
		s.noted = append(s.noted, fileNote{st.Refusals, st.Err != nil})
	}
	return s
}

// run samples until the dashboard is closed.
func (s *sampler) run() {
	ticker := time.NewTicker(s.interval)
	defer ticker.Stop()
	defer s.leave()
	for {
		select {
		case <-s.done:
			return
		case <-s.audience.arrived:
			s.watch(true)
		case now := <-ticker.C:
			s.watch(s.audience.within(now, linger))
			s.round(time.Now())
		}
	}
}

// leave ends all watching.
func (s *sampler) leave() {
	s.watch(false)
	for _, r := range s.rows {
		r.deaf()
	}
}

// watch starts or stops watching the pipelines. It runs in the sampler's goroutine and without a
// lock, since Watch may have to wait for an Update to end.
func (s *sampler) watch(on bool) {
	if s.watching == on {
		return
	}
	s.watching = on
	for _, r := range s.rows {
		if on {
			r.watch()
		} else {
			r.unwatch()
		}
	}
}

// follow updates the rows to the source's current pipelines. The row of a removed pipeline stays
// while the pipeline drains. A row that was removed does not come back if the program still makes
// calls through the pipeline: it would appear and disappear with each of them.
func (s *sampler) follow() {
	there := s.source.pipelines()
	if slices.EqualFunc(s.rows, there, func(r *row, p *holdfast.Pipeline) bool { return r.pipeline == p && !r.draining }) {
		return
	}
	had := make(map[*holdfast.Pipeline]*row, len(s.rows))
	for _, r := range s.rows {
		had[r.pipeline] = r
	}
	rows, names := make([]*row, 0, len(there)), make(map[string]bool, len(there))
	for _, p := range there {
		r, ok := had[p]
		if !ok {
			r = s.add(p)
		}
		r.draining = false
		rows, names[p.Name()] = append(rows, r), true
		delete(had, p)
	}
	if len(had) > 0 {
		for _, p := range s.source.draining() {
			if r, ok := had[p]; ok && !names[p.Name()] {
				r.draining = true
				rows = append(rows, r)
				delete(had, p)
			}
		}
		slices.SortStableFunc(rows, func(a, b *row) int { return strings.Compare(a.pipeline.Name(), b.pipeline.Name()) })
	}
	var added, removed []string
	for _, r := range had {
		r.unwatch()
		r.deaf()
		removed = append(removed, r.pipeline.Name())
	}
	for _, r := range rows {
		if r.since.Equal(s.last) && !slices.Contains(s.rows, r) {
			added = append(added, r.pipeline.Name())
		}
	}
	slices.Sort(removed)
	if s.followed {
		s.noteFollowed(added, removed)
	}
	s.rows, s.followed = rows, true
}

// add returns a new row for a pipeline. It is watched if the others are.
func (s *sampler) add(p *holdfast.Pipeline) *row {
	r := &row{pipeline: p, since: s.last}
	r.deaf = p.Watch(&listener{p, s.Dashboard})
	r.was, _ = r.read(s.log)
	r.chain = r.was.Chain
	r.outages = outages{}
	r.outages.follow(r.was.Breakers, s.last)
	r.line = &line{name: p.Name(), chain: r.chain}
	if s.watching {
		r.watch()
	}
	return r
}

// round takes a sample of every pipeline and tells the streams.
func (s *sampler) round(now time.Time) {
	elapsed := now.Sub(s.last)
	s.last = now
	s.follow()
	s.standings = s.standings[:0]
	for _, r := range s.rows {
		var sample, latest json.RawMessage
		if is, ok := r.read(s.log); ok {
			r.chain = is.Chain
			if r.since.Before(now) { // else follow has just read it for the first time
				sample = r.next(is, elapsed)
			}
			latest = r.latest(&is, now, elapsed, &s.hands)
		}
		s.standings = append(s.standings, standing{r.line, r.chain, sample, latest})
	}
	s.tellReplaced()
	s.tellFiles()
	s.audience.offer(s.history.add(now, s.audience.size(), missed(elapsed, s.interval), s.standings, s.sampleFleets()))
	clear(s.standings) // so that removed lines can be collected
}

// missed returns how many rounds were left out in the elapsed time: the process had no processor,
// or a round took long. Rounds that are a little late do not count, since the next is on time.
func missed(elapsed, interval time.Duration) int {
	return max(0, int((elapsed+interval/10)/interval)-1)
}
