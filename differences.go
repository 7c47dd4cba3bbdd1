package holdfast

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/media-gateway/holdfast/internal/stage"
	"github.com/media-gateway/holdfast/resilience"
)

// differences lists the settings in which two Configs of one type differ, both with every default
// filled in. It leaves out a budget's Initial, which only counts when the budget is made.
func differences(from, to resilience.Stage) []resilience.Change {
	return differing(nil, "", reflect.ValueOf(from), reflect.ValueOf(to))
}

func differing(changes []resilience.Change, path string, from, to reflect.Value) []resilience.Change {
	for i := range from.NumField() {
		f, was, is := from.Type().Field(i), from.Field(i), to.Field(i)
		switch {
		case !isSetting(f), f.Name == initial, sameValue(was, is):
		case stage.IsData(f.Type) && !was.IsNil() && !is.IsNil():
			changes = differing(changes, path+f.Name+".", was.Elem(), is.Elem())
		default:
			changes = append(changes, resilience.Change{Field: path + f.Name, From: was.Interface(), To: is.Interface()})
		}
	}
	return changes
}

// picture is how a row of stages stands at one moment.
type picture []pictured

// pictured is one stage of it.
type pictured struct {
	kind   *stage.Kind
	member *stage.Member
	name   string           // see resilience.Change.Name
	calls  bool             // it sees whole calls, and not attempts
	config resilience.Stage // in force; nil for a Guard
	words  string
}

// picture takes one of the assembly.
func (a *assembly) picture() picture {
	row := stage.Row(nil)
	for _, e := range a.row {
		row = append(row, e.Member)
	}
	pic := make(picture, len(a.row))
	for i, e := range a.row {
		pic[i] = pictured{kind: e.Kind, member: e.Member, name: nameIn(row, i, e.Kind.InForce(e.policy)), calls: row.PerCall(i), config: e.Kind.InForce(e.policy), words: e.Name}
		if s, ok := e.policy.(fmt.Stringer); ok && e.Kind.Name() != "" {
			pic[i].words = s.String()
		}
	}
	return pic
}

// nameIn returns which stage of its kind the one at i is: see resilience.Change.Name.
func nameIn(row stage.Row, i int, config resilience.Stage) string {
	if config == nil {
		return ""
	}
	if name := reflect.ValueOf(config).FieldByName("Name"); name.IsValid() {
		return name.String()
	}
	several := 0
	for _, m := range row {
		if m.Kind == row[i].Kind {
			several++
		}
	}
	switch {
	case several < 2:
		return ""
	case row.PerCall(i):
		return "call"
	}
	return "attempt"
}

// since lists what is different since an earlier picture. As an update does, it takes the n-th
// stage of a kind for the n-th of that kind before. Of deadlines, of which an update keeps nothing,
// it takes the call's for the call's, and an attempt's for an attempt's.
func (pic picture) since(was picture) (changes []resilience.Change) {
	left := slices.Clone(was)
	for _, is := range pic {
		anywhere := !is.member.Traits.Stateless || was.count(is.kind) == 1 && pic.count(is.kind) == 1
		at := slices.IndexFunc(left, func(w pictured) bool { return is.follows(w) && (anywhere || is.calls == w.calls) })
		if at < 0 {
			changes = append(changes, resilience.Change{Stage: is.stage(), Name: is.name, From: "", To: is.words})
			continue
		}
		before := left[at]
		left = slices.Delete(left, at, at+1)
		if is.config == nil {
			continue
		}
		for _, c := range differences(before.config, is.config) {
			c.Stage, c.Name = is.stage(), is.name
			changes = append(changes, c)
		}
	}
	for _, gone := range left {
		changes = append(changes, resilience.Change{Stage: gone.stage(), Name: gone.name, From: gone.words, To: ""})
	}
	if from, to := was.order(), pic.order(); from != to && len(was) == len(pic) && len(left) == 0 {
		changes = append(changes, resilience.Change{Stage: "pipeline", Field: "Order", From: from, To: to})
	}
	return changes
}

// follows reports whether the stage may be what became of another.
func (s pictured) follows(was pictured) bool {
	if s.kind != was.kind || s.member.Own != was.member.Own {
		return false
	}
	return s.member.Own || sameValue(reflect.ValueOf(s.member.Given), reflect.ValueOf(was.member.Given))
}

// count returns how many stages of a kind there are.
func (pic picture) count(kind *stage.Kind) (n int) {
	for _, s := range pic {
		if s.kind == kind {
			n++
		}
	}
	return n
}

func (s pictured) stage() string { return s.member.Name }

// order names the stages.
func (pic picture) order() string {
	names := make([]string, len(pic))
	for i, s := range pic {
		names[i] = s.member.Name
	}
	return strings.Join(names, " → ")
}
