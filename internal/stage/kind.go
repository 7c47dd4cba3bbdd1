package stage

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/media-gateway/holdfast/resilience"
)

// Kind is a Spec without type parameters. The Configs and policies that are passed to its methods
// must be of the kind: see Of and OfConfig.
type Kind struct {
	methods
	name   string
	config reflect.Type
	data   []int // indices of the fields of config that are pointers to settings
}

// guard is the kind of a policy that is not a built-in stage.
var guard = &Kind{methods: anyGuard{}}

// table holds the kinds by the types of their Configs and of their policies. It is filled by the
// init of each stage's package.
var table = map[reflect.Type]*Kind{}

// Register adds a kind to the table.
func Register[C Config[C], P resilience.Policy](s Spec[C, P]) {
	k := &Kind{methods: spec[C, P]{s}, name: s.Name, config: reflect.TypeFor[C]()}
	k.findData(s.Data)
	table[k.config], table[reflect.TypeFor[P]()] = k, k
}

// Kinds returns every kind that is linked into the program, by name.
func Kinds() []*Kind {
	byName := map[string]*Kind{}
	for _, k := range table {
		byName[k.name] = k
	}
	kinds := make([]*Kind, 0, len(byName))
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		kinds = append(kinds, byName[name])
	}
	return kinds
}

// Of returns the kind of a policy. A policy that is not a built-in stage, such as a user's Guard,
// has a kind without a name.
func Of(p resilience.Policy) *Kind {
	if k, ok := table[reflect.TypeOf(p)]; ok {
		return k
	}
	return guard
}

// OfConfig returns the kind whose Config s is. ok is false if s is not a Config.
func OfConfig(s resilience.Stage) (k *Kind, ok bool) {
	if k, ok := table[reflect.TypeOf(s)]; ok && reflect.TypeOf(s) == k.config {
		return k, true
	}
	return guard, false
}

// NameOf returns a stage's name in errors and events: its package if it is built in, else its type.
func NameOf(v any) string {
	if k, ok := table[reflect.TypeOf(v)]; ok {
		return k.name
	}
	return strings.TrimPrefix(fmt.Sprintf("%T", v), "*")
}

// Name returns the name of the kind's package; "" for a Guard.
func (k *Kind) Name() string { return k.name }

// Config returns the zero Config.
func (k *Kind) Config() resilience.Stage {
	zero, _ := reflect.Zero(k.config).Interface().(resilience.Stage)
	return zero
}
