package holdfastdash

import (
	"net/http"
	"slices"
	"sync"
)

// Who made a change.
const (
	byHand = "hand"
	byFile = "file" // one that was loaded again
	byCode = "code" // an Update or an Apply by the program
)

// changeEvent is a change of one or more pipelines, or of a file.
type changeEvent struct {
	ID        uint64       `json:"id"` // counts from 1
	Time      int64        `json:"unix_ms"`
	Pipelines []string     `json:"pipelines,omitempty"`
	MoreNames int          `json:"more_pipelines,omitzero"` // that the record has not kept
	By        string       `json:"by,omitempty"`
	Who       string       `json:"who,omitempty"`  // by hand
	File      string       `json:"file,omitempty"` // its path
	What      string       `json:"what,omitempty"` // if no values tell it: "added"
	Changes   []changeLine `json:"changes,omitempty"`
	More      int          `json:"more,omitzero"` // changes that were left out
}

// changeLine is a value that was changed.
type changeLine struct {
	Pipeline string `json:"pipeline"`

	// What a file calls the value, or, if a file cannot say it, the words of the change.
	Key  string `json:"key,omitempty"`
	What string `json:"what,omitempty"`

	From   string  `json:"from"`
	To     string  `json:"to"`
	Origin *origin `json:"origin,omitempty"` // of the new value, if a file set it

	Undo bool `json:"undo,omitzero"` // it can be turned back: Key to From
}

// What a page is told, and what the record keeps.
const (
	keptChanges = 50 // events
	listedLines = 50 // of an event
	keptNames   = 20 // of pipelines of an event
)

// record is the last changes, for pages that are opened later. The zero value is empty. It is safe
// for concurrent use.
type record struct {
	mu   sync.Mutex
	last uint64 // the ID of the newest
	kept []changeEvent
}

// add gives c its ID, and keeps it.
func (r *record) add(c *changeEvent) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last++
	c.ID = r.last
	kept := *c
	if n := len(kept.Pipelines); n > keptNames {
		kept.Pipelines, kept.MoreNames = slices.Clone(kept.Pipelines[:keptNames]), n-keptNames
	}
	if len(r.kept) == keptChanges {
		r.kept = slices.Delete(r.kept, 0, 1)
	}
	r.kept = append(r.kept, kept)
}

// newest returns the changes, the newest first.
func (r *record) newest() []changeEvent {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := slices.Clone(r.kept)
	slices.Reverse(all)
	return all
}

// changesAnswer is the response to ./changes.
type changesAnswer struct {
	Changes []changeEvent `json:"changes"`
}

// serveChanges answers with the last changes, the newest first.
func (d *Dashboard) serveChanges(w http.ResponseWriter, _ *http.Request) {
	answer := changesAnswer{d.record.newest()}
	if answer.Changes == nil {
		answer.Changes = []changeEvent{}
	}
	writeJSON(w, http.StatusOK, answer)
}
