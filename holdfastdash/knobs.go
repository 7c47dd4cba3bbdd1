package holdfastdash

import (
	"fmt"
	"net/http"
	"path/filepath"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/config"
	"github.com/media-gateway/holdfast/internal/visible"
)

// knobs is what a page knows of the numbers of one pipeline. It is sent when somebody asks for it,
// since a page has hundreds of pipelines, and a reader looks at few.
type knobs struct {
	Pipeline string  `json:"pipeline"`
	CanTune  bool    `json:"can_tune"`
	File     string  `json:"file,omitempty"` // that has the service, as the program named it
	InFile   bool    `json:"in_file"`        // a file has the service
	Numbers  []knob  `json:"knobs"`
	Patch    string  `json:"patch,omitempty"`   // a file with the numbers that differ: from the file, or from the defaults
	Differ   int     `json:"differ,omitempty"`  // how many
	Problem  string  `json:"problem,omitempty"` // why there is no patch although some differ
	turned   wording // for Patch
}

// wording are values by key.
type wording map[string]string

// knob is one number. Readers who may not tune get what it is, and nothing that they could turn it
// with.
type knob struct {
	Key     string       `json:"key"`
	Value   string       `json:"value"`
	Default string       `json:"default,omitempty"`
	Doc     string       `json:"doc"`
	File    *fileValue   `json:"file,omitempty"`
	Differs bool         `json:"differs,omitzero"` // from the file
	Turn    *config.Knob `json:"turn,omitempty"`   // absent for readers
}

// fileValue is what the file says.
type fileValue struct {
	Value  string `json:"value"`
	Origin origin `json:"origin"`
}

// origin is where a value of a file comes from.
type origin struct {
	File   string `json:"file,omitempty"` // without its folder
	Line   int    `json:"line,omitempty"`
	Source string `json:"source"` // see config.Origin
}

// maxOrigin is how much of a name in an origin is shown, in bytes.
const maxOrigin = 200

func originOf(o config.Origin) origin {
	is := origin{Line: o.Line, Source: shown(o.Source, maxOrigin)}
	if o.File != "" {
		is.File = shown(filepath.Base(o.File), maxOrigin)
	}
	return is
}

// serveKnobs answers with the numbers of the pipeline that the query names.
func (d *Dashboard) serveKnobs(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Query().Get("pipeline")
	if name == "" {
		writeJSON(w, http.StatusBadRequest, refused{[]problem{{Message: "pipeline is missing; want the name of one"}}})
		return
	}
	p := d.source.find(name)
	if p == nil {
		writeJSON(w, http.StatusNotFound, refused{[]problem{{Message: fmt.Sprintf("pipeline %q is not on this page (any more)", name)}}})
		return
	}
	_, err := d.allowed(r)
	k, err := d.knobsOf(p, err == nil)
	if err != nil {
		writeJSON(w, http.StatusUnprocessableEntity, refused{[]problem{{Message: err.Error()}}})
		return
	}
	writeJSON(w, http.StatusOK, k)
}

// knobsOf returns the numbers of a pipeline.
func (d *Dashboard) knobsOf(p *holdfast.Pipeline, canTune bool) (*knobs, error) {
	all, err := config.Knobs(p)
	if err != nil {
		return nil, err
	}
	k := &knobs{Pipeline: p.Name(), CanTune: canTune, Numbers: make([]knob, len(all)), turned: wording{}}
	var said map[string]config.Value
	if s, path, ok := d.inFile(p); ok {
		k.InFile, k.File, said = true, visible.Name(path), s.KnobValues()
	}
	for i := range all {
		k.Numbers[i] = k.number(&all[i], said)
	}
	k.Differ = len(k.turned)
	if k.Differ > 0 {
		patch, err := config.Patch(p.Name(), k.turned)
		k.Patch = string(patch)
		if err != nil {
			k.Problem = err.Error()
		}
	}
	return k, nil
}

// number returns a Knob for the page. said is what the file says, nil if there is none.
func (k *knobs) number(of *config.Knob, said map[string]config.Value) knob {
	n := knob{Key: of.Key, Value: of.Value, Default: of.Default, Doc: of.Doc}
	if k.CanTune {
		n.Turn = of
	}
	from := of.Default
	if said != nil {
		v, ok := said[of.Key]
		if !ok { // code added the stage: see holdfast.Registry.Amend
			return n
		}
		n.File = &fileValue{v.Text, originOf(v.Origin)}
		n.Differs = v.Text != of.Value
		from = v.Text
	}
	if of.Value != from && (of.Fixed == "" || n.Differs) && sayable(of) {
		k.turned[of.Key] = of.Value
	}
	return n
}

// sayable reports whether a file can say the value of a Knob, which it cannot if code has put in
// something else than a number or a word.
func sayable(of *config.Knob) bool {
	_, err := config.Patch("service", wording{of.Key: of.Value})
	return err == nil
}

// inFile returns the service of a file that p was made from, and the path of the file, "" if it is
// not known.
func (d *Dashboard) inFile(p *holdfast.Pipeline) (s config.Service, path string, ok bool) {
	of := func(r *holdfast.Registry) bool {
		if is, there := r.Get(p.Name()); !there || is != p {
			return false
		}
		if c, good := r.Applied().(*config.Config); good && c != nil {
			s, ok = c.Service(p.Name())
		}
		return ok
	}
	for _, w := range d.watchers {
		if of(w.Registry()) {
			return s, w.Status().Path, true
		}
	}
	if from, is := d.source.(registered); is {
		of(from.registry)
	}
	return s, "", ok
}
