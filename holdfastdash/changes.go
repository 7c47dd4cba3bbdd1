package holdfastdash

import (
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/media-gateway/holdfast/resilience"
)

// replacements collects the pipelines whose stages were replaced since the last round. One reload
// of a file may replace the stages of hundreds of pipelines: one frame for each would overflow the
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

// take returns the names, sorted, and clears them.
func (r *replacements) take() (names []string, last int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	names = slices.Sorted(maps.Keys(r.names))
	r.names = nil
	return names, r.time
}

// changed returns a func that reports the changes of a pipeline to the streams: changes by hand at
// once, replaced stages in the next round. The func runs in the goroutine that makes the change,
// and does not block it.
func (d *Dashboard) changed(pipeline string) func(resilience.Event) {
	return func(e resilience.Event) {
		now := time.Now().UnixMilli()
		if e.Change == nil {
			d.replaced.add(pipeline, now)
			return
		}
		if breaker, ok := isolates(&e); ok {
			d.hands.note(hand{pipeline, breaker}, e.Change.By)
		}
		c := inPageWords(*e.Change)
		d.tell(changeEvent{Time: now, Pipelines: []string{pipeline}, Who: e.Change.By, What: c.What, From: c.From, To: c.To})
	}
}

// tellReplaced tells the streams which pipelines' stages were replaced since its last call.
func (d *Dashboard) tellReplaced() {
	if names, last := d.replaced.take(); len(names) > 0 {
		d.tell(changeEvent{Time: last, Pipelines: names, What: "stages replaced"})
	}
}

func (d *Dashboard) tell(c changeEvent) {
	if text, err := json.Marshal(c); err == nil { // cannot fail: it has only strings and numbers
		d.audience.offer(frame{event: "change", data: text})
	}
}
