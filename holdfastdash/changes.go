package holdfastdash

import (
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/media-gateway/holdfast/resilience"
)

// replacements are the pipelines whose stages were replaced since the last round. One file that is
// loaded again may replace those of hundreds in a moment: told one by one, they would overrun the
// queues of the streams.
type replacements struct {
	mu    sync.Mutex
	names map[string]struct{}
	time  int64 // of the last, in milliseconds since 1970
}

func (r *replacements) add(pipeline string, now int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.names == nil {
		r.names = map[string]struct{}{}
	}
	r.names[pipeline] = struct{}{}
	r.time = now
}

// take returns the names, sorted, and forgets them.
func (r *replacements) take() (names []string, last int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	names = slices.Sorted(maps.Keys(r.names))
	r.names = nil
	return names, r.time
}

// changed returns what tells the streams of changes of a pipeline: at once of those by hand, in the
// next round of stages that were replaced. It is called on the goroutine of whoever makes the
// change, and does not hold that up.
func (d *Dashboard) changed(pipeline string) func(resilience.Event) {
	return func(e resilience.Event) {
		now := time.Now().UnixMilli()
		if e.Change == nil {
			d.replaced.add(pipeline, now)
			return
		}
		c := inPageWords(*e.Change)
		d.tell(changeEvent{Time: now, Pipelines: []string{pipeline}, Who: e.Change.By, What: c.What, From: c.From, To: c.To})
	}
}

// tellReplaced tells the streams whose stages were replaced since it was called last.
func (d *Dashboard) tellReplaced() {
	if names, last := d.replaced.take(); len(names) > 0 {
		d.tell(changeEvent{Time: last, Pipelines: names, What: "stages replaced"})
	}
}

func (d *Dashboard) tell(c changeEvent) {
	if text, err := json.Marshal(c); err == nil { // strings are always fit for JSON
		d.audience.offer(frame{event: "change", data: text})
	}
}
