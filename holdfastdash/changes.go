package holdfastdash

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/config"
	"github.com/media-gateway/holdfast/internal/told"
	"github.com/media-gateway/holdfast/internal/visible"
	"github.com/media-gateway/holdfast/resilience"
)

// listener is an Observer of one pipeline that hears of its changes, and of nothing else, so that
// no call pays for it. It listens whether or not a browser is connected: a page that is opened in
// the morning tells what was turned at night.
type listener struct {
	pipeline *holdfast.Pipeline
	of       *Dashboard
}

func (l *listener) Hears(k resilience.EventKind) bool { return k == resilience.EventUpdate }

func (l *listener) Observe(ctx context.Context, e resilience.Event) {
	if e.Kind != resilience.EventUpdate { // a fan-out of observers passes it on
		return
	}
	if e.Change == nil {
		l.of.replaced.add(ctx, l.pipeline, e.Update)
		return
	}
	name := l.pipeline.Name()
	if breaker, ok := isolates(&e); ok {
		l.of.hands.note(hand{name, breaker}, e.Change.By)
	}
	l.of.note(&changeEvent{
		Pipelines: []string{name}, By: byHand, Who: shown(e.Change.By, maxName), Changes: linesOf(l.pipeline, e.Key, *e.Change),
	})
}

var _ resilience.Selective = (*listener)(nil)

// linesOf returns a change of p, or of a key of p, in the words of a file where it can say it.
func linesOf(p *holdfast.Pipeline, key string, c resilience.Change) []changeLine {
	name := p.Name()
	if key != "" {
		name += "[" + key + "]"
	}
	keys := config.ChangedKeys(p, []resilience.Change{c})
	if len(keys) == 0 {
		return []changeLine{{Pipeline: name, What: c.What(), From: c.FromText(), To: c.ToText()}}
	}
	back := wording{}
	for _, k := range keys {
		back[k.Key] = k.From
	}
	_, err := config.Patch("service", back)
	undo := err == nil && key == ""
	lines := make([]changeLine, len(keys))
	for i, k := range keys {
		lines[i] = changeLine{Pipeline: name, Key: k.Key, From: k.From, To: k.To, Undo: undo}
	}
	return lines
}

// replacements collects the pipelines whose stages were replaced since the last round. One reload
// of a file may replace the stages of hundreds of pipelines: one frame for each would overflow the
// queues of the streams.
type replacements struct {
	mu     sync.Mutex
	groups map[told.File]*replacement // by the file that did it; the zero File for code
}

type replacement struct {
	pipelines map[string]*holdfast.Pipeline
	time      int64 // of the last, in milliseconds since 1970
	lines     []changeLine
	more      int
}

// add adds a pipeline whose stages were replaced. It makes the lines without mu: a value of a
// user's own, a Backoff say, may have a String method that changes a pipeline.
func (r *replacements) add(ctx context.Context, p *holdfast.Pipeline, u *resilience.Update) {
	file, _ := told.FileOf(ctx)
	var lines [][]changeLine // of each change
	more := 0
	if u != nil {
		room := r.room(file)
		for _, c := range u.Changes {
			if room <= 0 {
				more++
				continue
			}
			of := linesOf(p, "", c)
			lines, room = append(lines, of), room-len(of)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.groups == nil {
		r.groups = map[told.File]*replacement{}
	}
	g := r.groups[file]
	if g == nil {
		g = &replacement{pipelines: map[string]*holdfast.Pipeline{}}
		r.groups[file] = g
	}
	g.pipelines[p.Name()] = p
	g.time = time.Now().UnixMilli()
	g.more += more
	for _, of := range lines {
		if len(g.lines) >= listedLines { // others have come meanwhile
			g.more++
			continue
		}
		g.lines = append(g.lines, of...)
	}
}

// room returns how many more lines a file's group takes.
func (r *replacements) room(file told.File) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if g := r.groups[file]; g != nil {
		return listedLines - len(g.lines)
	}
	return listedLines
}

// take returns the groups, and clears them.
func (r *replacements) take() map[told.File]*replacement {
	r.mu.Lock()
	defer r.mu.Unlock()
	groups := r.groups
	r.groups = nil
	return groups
}

// tellReplaced tells the streams which pipelines' stages were replaced since its last call.
func (d *Dashboard) tellReplaced() {
	groups := d.replaced.take()
	for _, file := range slices.SortedFunc(maps.Keys(groups), func(a, b told.File) int { return a.At.Compare(b.At) }) {
		g := groups[file]
		c := &changeEvent{Time: g.time, Pipelines: slices.Sorted(maps.Keys(g.pipelines)), By: byCode, Changes: g.lines, More: g.more}
		if file != (told.File{}) {
			c.By, c.File = byFile, visible.Name(file.Path)
			d.sayOrigins(g)
		}
		if len(g.lines) == 0 {
			c.What = "stages replaced"
		}
		d.note(c)
	}
}

// sayOrigins says of each line where the file has the value, if it still says so.
func (d *Dashboard) sayOrigins(g *replacement) {
	said := map[string]map[string]config.Value{}
	for i := range g.lines {
		l := &g.lines[i]
		values, known := said[l.Pipeline]
		if p := g.pipelines[l.Pipeline]; !known && p != nil {
			if s, _, ok := d.inFile(p); ok {
				values = s.KnobValues()
			}
			said[l.Pipeline] = values
		}
		if v, ok := values[l.Key]; ok && v.Text == l.To {
			o := originOf(v.Origin)
			l.Origin = &o
		}
	}
}

// noteFollowed takes a note of pipelines that came and went. No stream is told: each gets a hello
// for it, and a page asks for the changes then.
func (d *Dashboard) noteFollowed(added, removed []string) {
	now := time.Now().UnixMilli()
	if len(added) > 0 {
		d.record.add(&changeEvent{Time: now, Pipelines: added, What: "added"})
	}
	if len(removed) > 0 {
		d.record.add(&changeEvent{Time: now, Pipelines: removed, What: "removed"})
	}
}
