package holdfastdash

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"sync"
	"time"
)

// historyLength is how many samples of a pipeline are kept.
const historyLength = 60

// history is what a newly opened page gets: the last samples of every pipeline, as they were sent.
// Each round of samples has a number, so that a stream knows which ticks its hello already
// includes.
type history struct {
	title    string
	interval time.Duration

	mu     sync.Mutex
	round  uint64
	time   int64 // of the round, in milliseconds since 1970
	lines  []*line
	fleets []fleetSample
	files  json.RawMessage // how the configuration files stand; nil if there are none
	hello  []byte          // of this round; nil until a stream needs it
}

// line is a pipeline in the history.
type line struct {
	name, chain string
	samples     []json.RawMessage // oldest first; a gap where there is none
	latest      json.RawMessage   // see latest; nil if there is nothing to tell
}

// gap stands for a sample that could not be taken: the pipeline could not be read, or the sampler
// did not run.
var gap = json.RawMessage("{}")

// standing is the state of a pipeline in a round: its chain in words, a sample, nil if there is
// none, and the latest.
type standing struct {
	line           *line
	chain          string
	sample, latest json.RawMessage
}

// add adds a round: the standings of all pipelines and fleets, in their order. missed is how many
// rounds were left out before it. It returns a tick, without its beginning. If the pipelines, a
// chain or a fleet's services have changed, which a tick cannot say, it returns a frame that stands
// for a hello instead.
func (h *history) add(now time.Time, viewers, missed int, standings []standing, fleets []fleetSample) frame {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.round++
	other := h.follow(standings)
	ofFleets, others := h.followFleets(fleets)
	other = other || others
	h.time, h.hello = now.UnixMilli(), nil
	text := append(make([]byte, 0, 64), `"unix_ms":`...)
	text = strconv.AppendInt(text, h.time, 10)
	text = append(text, `,"viewers":`...)
	text = strconv.AppendInt(text, int64(viewers), 10)
	if missed > 0 {
		text = append(text, `,"missed":`...)
		text = strconv.AppendInt(text, int64(missed), 10)
	}
	var samples, latest changes
	for i, r := range standings {
		if r.line.chain != r.chain {
			r.line.chain, other = r.chain, true
		}
		r.line.miss(missed)
		if r.line.add(r.sample) {
			samples.add(i, r.line.samples[len(r.line.samples)-1])
		}
		if !bytes.Equal(r.line.latest, r.latest) {
			r.line.latest = r.latest
			latest.add(i, r.latest)
		}
	}
	if other {
		return frame{round: h.round}
	}
	text = append(append(append(text, `,"samples":{`...), samples...), '}')
	if len(latest) > 0 {
		text = append(append(append(text, `,"latest":{`...), latest...), '}')
	}
	if len(ofFleets) > 0 {
		text = append(append(append(text, `,"fleets":{`...), ofFleets...), '}')
	}
	return frame{event: "tick", counted: true, round: h.round, data: append(text, '}')}
}

// tellOfFiles takes how the files stand.
func (h *history) tellOfFiles(files json.RawMessage) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.files, h.hello = files, nil
}

// follow replaces the lines by those of the standings, and reports whether they differ. mu must be
// held.
func (h *history) follow(standings []standing) (other bool) {
	if slices.EqualFunc(h.lines, standings, func(l *line, r standing) bool { return l == r.line }) {
		return false
	}
	h.lines = make([]*line, len(standings)) // a new slice, so that removed lines can be collected
	for i, r := range standings {
		h.lines[i] = r.line
	}
	return true
}

// changes is the inside of a JSON object: what is different, by the number of its pipeline.
type changes []byte

// add adds the value of pipeline i, nil for none.
func (c *changes) add(i int, value json.RawMessage) {
	if len(*c) > 0 {
		*c = append(*c, ',')
	}
	*c = append(*c, '"')
	*c = strconv.AppendInt(*c, int64(i), 10)
	*c = append(*c, `":`...)
	if value == nil {
		value = gap
	}
	*c = append(*c, value...)
}

// add adds a sample, nil for a gap, and reports whether it differs from the last one. An equal
// sample shares the bytes of the last one.
func (l *line) add(s json.RawMessage) (differs bool) {
	if s == nil {
		s = gap
	}
	n := len(l.samples)
	differs = n == 0 || !bytes.Equal(s, l.samples[n-1])
	if !differs {
		s = l.samples[n-1]
	}
	if n == historyLength {
		l.samples = slices.Delete(l.samples, 0, 1)
	}
	l.samples = append(l.samples, s)
	return differs
}

// miss adds gaps for rounds that were left out.
func (l *line) miss(rounds int) {
	for range min(rounds, historyLength) {
		l.add(nil)
	}
}

// greeting returns the hello of this round, without its beginning. All streams share it. It is
// encoded by hand: encoding/json would parse every sample again, which with a thousand busy
// pipelines takes longer than everything else.
func (h *history) greeting() frame {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.hello == nil {
		text := append(make([]byte, 0, 4096), `"title":`...)
		text = appendString(text, h.title)
		text = append(text, `,"interval_seconds":`...)
		text = strconv.AppendFloat(text, h.interval.Seconds(), 'f', -1, 64)
		text = append(text, `,"unix_ms":`...)
		text = strconv.AppendInt(text, h.time, 10)
		text = append(text, `,"history":`...)
		text = strconv.AppendInt(text, historyLength, 10)
		text = append(text, `,"pipelines":[`...)
		for i := range h.lines {
			if i > 0 {
				text = append(text, ',')
			}
			text = h.lines[i].appendTo(text)
		}
		text = append(text, ']')
		for i := range h.fleets {
			if i == 0 {
				text = append(text, `,"fleets":[`...)
			} else {
				text = append(text, ',')
			}
			text = h.fleets[i].appendTo(text)
		}
		if len(h.fleets) > 0 {
			text = append(text, ']')
		}
		if h.files != nil {
			text = append(append(text, `,"files":`...), h.files...)
		}
		h.hello = append(text, '}')
	}
	return frame{event: "hello", counted: true, round: h.round, data: h.hello}
}

// appendTo appends l as JSON. A sample that equals the one before it is written as null, except the
// last one, which is the current state.
func (l *line) appendTo(text []byte) []byte {
	text = append(text, `{"name":`...)
	text = appendString(text, l.name)
	text = append(text, `,"chain":`...)
	text = appendString(text, l.chain)
	text = append(text, `,"samples":[`...)
	for i, s := range l.samples {
		if i > 0 {
			text = append(text, ',')
		}
		same := i > 0 && i < len(l.samples)-1 && bytes.Equal(s, l.samples[i-1])
		if same {
			text = append(text, "null"...)
		} else {
			text = append(text, s...)
		}
	}
	text = append(text, ']')
	if l.latest != nil {
		text = append(append(text, `,"latest":`...), l.latest...)
	}
	return append(text, '}')
}

// appendString appends s as JSON.
func appendString(text []byte, s string) []byte {
	quoted, _ := json.Marshal(s) // every string can be encoded
	return append(text, quoted...)
}
