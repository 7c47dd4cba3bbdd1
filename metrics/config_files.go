package metrics

import (
	"math"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/media-gateway/holdfast"
)

// ConfigFile is the label that every metric of a configuration file has, instead of Pipeline.
var ConfigFile = Label{Attribute: "holdfast.config.path", Prometheus: "path", Help: "the path of the configuration file, as the program gave it"}

var byResult = Label{Attribute: "holdfast.config.result", Prometheus: "result", Values: []string{"applied", "refused"},
	Help: "whether the configuration file was put into force"}

// Of several watchers of one path the worst counts: refused by one is refused, and the oldest time
// is shown.
var ofConfigFiles = []*Description{
	{
		Name: "holdfast.config.last_reload_successful", Kind: Gauge, Unit: "{file}", Stage: "config",
		Help: "1 if the configuration file, as it was last read, is in force; 0 if it is refused, so that the one before stays in force.",
		file: func(all []holdfast.ConfigStatus, _ [2]float64, add adder) {
			add(least(all, func(s holdfast.ConfigStatus) float64 { return truth(s.Err == nil) }))
		},
	},
	{
		Name: "holdfast.config.last_reload_success_timestamp", Kind: Gauge, Unit: "s", Stage: "config",
		Help: "When a configuration file was last put into force, in seconds since 1970; 0 if none was.",
		file: func(all []holdfast.ConfigStatus, _ [2]float64, add adder) {
			add(least(all, func(s holdfast.ConfigStatus) float64 { return secondsSince1970(s.Applied) }))
		},
	},
	{
		Name: "holdfast.config.reloads", Kind: Counter, Unit: "{reload}", Stage: "config", Labels: []Label{byResult},
		Help: "How often the configuration file was read because it had changed, the first time included, by what came of it.",
		file: func(all []holdfast.ConfigStatus, ended [2]float64, add adder) {
			for _, s := range all {
				ended[0] += float64(s.Reloads)
				ended[1] += float64(s.Refusals)
			}
			add(ended[0], byResult.Values[0])
			add(ended[1], byResult.Values[1])
		},
	},
}

// readsFile says how a metric is read from the files of one path. ended are the reloads and
// refusals of those that nobody follows any more.
type readsFile func(all []holdfast.ConfigStatus, ended [2]float64, add adder)

// secondsSince1970 returns 0 for the zero time.
func secondsSince1970(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1e3
}

func least(all []holdfast.ConfigStatus, value func(holdfast.ConfigStatus) float64) float64 {
	v := math.Inf(1)
	for _, s := range all {
		v = min(v, value(s))
	}
	return v
}

// ConfigFiles reads metrics from configuration files, until nobody follows these any more. The zero
// value has no files. It is safe for concurrent use.
type ConfigFiles struct {
	mu    sync.Mutex
	all   []*followed
	ended map[string][2]float64 // by path: see readsFile
}

type followed struct{ file holdfast.ConfigFile }

// Add makes the files include f. It does nothing if f is nil, if it was added before, or if nobody
// follows it any more.
func (cs *ConfigFiles) Add(f holdfast.ConfigFile) {
	if v := reflect.ValueOf(f); !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil() || hasEnded(f) {
		return
	}
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if !slices.ContainsFunc(cs.all, func(other *followed) bool { return sameFile(other.file, f) }) {
		cs.all = append(cs.all, &followed{f})
	}
}

// hasEnded reports whether nobody follows f any more. Its counts may be in ConfigFiles.ended
// already, and must not be added again.
func hasEnded(f holdfast.ConfigFile) bool {
	statuses := map[*followed]holdfast.ConfigStatus{}
	one := &followed{f}
	one.ask(statuses)
	return statuses[one].Ended
}

func sameFile(a, b holdfast.ConfigFile) bool {
	return reflect.ValueOf(a).Comparable() && reflect.ValueOf(b).Comparable() && a == b
}

// Read returns the samples of the files that are followed, by path: the value of the label
// [ConfigFile]. It leaves out a file whose Status panics.
func (cs *ConfigFiles) Read() map[string][]Sample {
	statuses := cs.statuses()
	cs.mu.Lock()
	defer cs.mu.Unlock()
	byPath := map[string][]holdfast.ConfigStatus{}
	cs.all = slices.DeleteFunc(cs.all, func(f *followed) bool {
		s, ok := statuses[f]
		if !ok { // it was added meanwhile, or panics
			return false
		}
		path := Text(s.Path)
		if !s.Ended {
			byPath[path] = append(byPath[path], s)
			return false
		}
		if cs.ended == nil {
			cs.ended = map[string][2]float64{}
		}
		was := cs.ended[path]
		cs.ended[path] = [2]float64{was[0] + float64(s.Reloads), was[1] + float64(s.Refusals)}
		return true
	})
	samples := map[string][]Sample{}
	for path, all := range byPath {
		for _, d := range ofConfigFiles {
			d.file(all, cs.ended[path], func(v float64, values ...string) { samples[path] = append(samples[path], Sample{d, values, v}) })
		}
	}
	return samples
}

// statuses asks every file how it stands, under no lock.
func (cs *ConfigFiles) statuses() map[*followed]holdfast.ConfigStatus {
	cs.mu.Lock()
	all := slices.Clone(cs.all)
	cs.mu.Unlock()
	statuses := make(map[*followed]holdfast.ConfigStatus, len(all))
	for _, f := range all {
		f.ask(statuses)
	}
	return statuses
}

func (f *followed) ask(to map[*followed]holdfast.ConfigStatus) {
	defer func() { _ = recover() }() // a scrape must not fail for it
	to[f] = f.file.Status()
}
