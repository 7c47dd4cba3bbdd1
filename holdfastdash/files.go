package holdfastdash

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/media-gateway/holdfast/config"
	"github.com/media-gateway/holdfast/internal/visible"
)

// fileSample is how a configuration file stands. Times are in milliseconds since 1970.
type fileSample struct {
	Path    string `json:"path"`
	Read    int64  `json:"read_unix_ms"`
	Applied int64  `json:"applied_unix_ms"`

	// Of a file that is refused: since when, and why.
	Refused  int64    `json:"refused_unix_ms,omitzero"`
	Problems []string `json:"problems,omitempty"`
	More     int      `json:"more,omitzero"` // problems that were left out

	Ended bool `json:"ended,omitzero"` // nobody follows the file any more
}

// How much of what is wrong with a file is shown.
const (
	maxFileProblems = 5
	maxFileProblem  = 500 // bytes
)

// sampleFiles returns how the files stand, as JSON; nil if the page has none.
func (d *Dashboard) sampleFiles() json.RawMessage {
	if len(d.watchers) == 0 {
		return nil
	}
	all := make([]fileSample, len(d.watchers))
	for i, w := range d.watchers {
		s := w.Status()
		all[i] = fileSample{Path: visible.Name(s.Path), Read: s.Read.UnixMilli(), Applied: s.Applied.UnixMilli(), Ended: s.Ended}
		if s.Err != nil {
			all[i].Refused = s.Refused.UnixMilli()
			all[i].Problems, all[i].More = problemsOf(s.Err)
		}
	}
	return marshal(all)
}

// problemsOf returns the first problems of a file, each on one line.
func problemsOf(err error) (first []string, more int) {
	of, ok := errors.AsType[*config.Error](err)
	if !ok {
		return []string{shown(err.Error(), maxFileProblem)}, 0
	}
	for _, p := range of.Problems[:min(len(of.Problems), maxFileProblems)] {
		place := filepath.Base(p.File)
		if p.Line > 0 {
			place += fmt.Sprintf(":%d", p.Line)
		}
		first = append(first, shown(place+": "+p.Message, maxFileProblem))
	}
	return first, len(of.Problems) - len(first) + of.Omitted
}

// fileNote is what a sampler knows of a file.
type fileNote struct {
	refusals uint64
	refused  bool
}

// tellFiles tells the streams how the files stand, if that is new, and takes a note of what was
// refused, and of what is in force again. It runs in the sampler's goroutine.
func (s *sampler) tellFiles() {
	is := s.sampleFiles()
	if bytes.Equal(is, s.files) {
		return
	}
	s.files = is
	s.history.tellOfFiles(is)
	s.audience.offer(frame{event: "files", data: is})
	for i, w := range s.watchers {
		st, was := w.Status(), s.noted[i]
		s.noted[i] = fileNote{st.Refusals, st.Err != nil}
		var what string
		switch {
		case st.Err != nil && st.Refusals > was.refusals:
			first, _ := problemsOf(st.Err)
			what = "file refused: " + first[0]
		case st.Err == nil && was.refused:
			what = "file in force again"
		default:
			continue
		}
		s.note(&changeEvent{Time: st.Read.UnixMilli(), By: byFile, File: visible.Name(st.Path), What: what})
	}
}

// note adds what happened to the record, and tells the streams.
func (d *Dashboard) note(c *changeEvent) {
	if c.Time == 0 {
		c.Time = time.Now().UnixMilli()
	}
	d.record.add(c)
	d.audience.offer(frame{event: "change", data: marshal(c)})
}

// watchesAll reports whether all watchers follow files for a registry.
func (s registered) watchesAll(watchers []*config.Watcher) bool {
	return !slices.ContainsFunc(watchers, func(w *config.Watcher) bool { return w.Registry() != s.registry })
}
