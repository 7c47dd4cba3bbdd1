package holdfastdash

import (
	"encoding/json"
	"time"

	"github.com/media-gateway/holdfast"
)

// linger is how long latencies are still observed after the last browser left, so that one that
// comes back, or reconnects, finds no hole.
const linger = time.Minute

// sampler looks at the pipelines again and again. It has a goroutine to itself.
type sampler struct {
	*Dashboard
	rows     []*row
	chains   []string
	samples  []json.RawMessage
	last     time.Time
	watching bool
}

func newSampler(d *Dashboard, pipelines []*holdfast.Pipeline) *sampler {
	s := &sampler{Dashboard: d, chains: make([]string, len(pipelines)), samples: make([]json.RawMessage, len(pipelines)), last: time.Now()}
	d.history.time = s.last.UnixMilli()
	for i, p := range pipelines {
		r := &row{pipeline: p}
		r.was, _ = r.read(d.log)
		s.rows = append(s.rows, r)
		s.chains[i] = r.was.Chain
		d.history.lines = append(d.history.lines, line{name: p.Name(), chain: r.was.Chain})
	}
	return s
}

// run samples until the dashboard is closed.
func (s *sampler) run() {
	ticker := time.NewTicker(s.interval)
	defer ticker.Stop()
	defer s.watch(false)
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

// watch starts or ends observing latencies. It runs on the sampler's goroutine and under no lock:
// Watch may have to wait for an Update to end.
func (s *sampler) watch(on bool) {
	if s.watching == on {
		return
	}
	s.watching = on
	for _, r := range s.rows {
		if on {
			r.watch(s.changed(r.pipeline.Name()))
		} else {
			r.unwatch()
		}
	}
}

// round takes a sample of every pipeline and tells the streams.
func (s *sampler) round(now time.Time) {
	elapsed := now.Sub(s.last)
	s.last = now
	for i, r := range s.rows {
		s.samples[i] = nil
		if is, ok := r.read(s.log); ok {
			s.chains[i] = is.Chain
			s.samples[i] = r.next(is, elapsed)
		}
	}
	tick, rechained := s.history.add(now, s.audience.size(), s.samples, s.chains)
	if rechained {
		tick = frame{round: tick.round} // the hello of that time
	}
	s.audience.offer(tick)
}
