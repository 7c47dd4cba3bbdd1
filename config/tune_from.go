package config

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/internal/stage"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

// ErrTurned is the reason of a KeyError if somebody else has turned the key meanwhile: see
// [TuneFrom].
var ErrTurned = errors.New("config: another value is in force than the one to start from")

// KeyError is what is wrong with the value of one key. The error of [Tune] joins one for each.
type KeyError struct {
	Key     string // "retry.max_retries"
	Message string // what is wrong, and what would be right
	err     error  // ErrTurned, or that of the stage that refuses the value; nil if none was asked
}

// Error returns the Message, with the name of the package before it.
func (e *KeyError) Error() string { return "config: " + e.Message }

// Unwrap returns [ErrTurned], or a *resilience.FieldError if a stage refused the value, or nil.
func (e *KeyError) Unwrap() error { return e.err }

func wrongValue(key, format string, args ...any) error {
	return &KeyError{Key: key, Message: fmt.Sprintf(format, args...)}
}

// TuneFrom is [Tune] if each key of was still has that value, as Knobs or a Changed has it. If one
// has another, or is there no more, TuneFrom changes nothing, and the error matches [ErrTurned] for
// each such key. So nobody overwrites what somebody else turned since one looked. A key in an
// adaptive section that was off counts for nothing, so that a Changed can always be turned back:
// its From is in values, and its To in was. A key that Knobs never has is an error of another kind.
func TuneFrom(ctx context.Context, p *holdfast.Pipeline, by string, was, values map[string]string) ([]Changed, error) {
	if stage.RowOf(p) == nil {
		return nil, errNoPipeline
	}
	turns, err := readTurns(values)
	if err := errors.Join(err, knownKeys(was, values)); err != nil {
		return nil, err
	}
	var wrong error
	var at map[string]int
	changes, err := p.Tune(ctx, holdfast.Tuning{By: by, Stages: func(stages []resilience.Stage) {
		at = places(stages)
		if wrong = checkStanding(was, stages, at); wrong != nil {
			return
		}
		turned := slices.Clone(stages)
		if wrong = turns.apply(turned, at); wrong == nil {
			copy(stages, turned)
		}
	}})
	if err := cmp.Or(wrong, turns.inWords(p, err)); err != nil {
		return nil, err
	}
	return changedKeys(changes, at), nil
}

// ChangedKeys returns changes of p's stages, as observers hear of them, in the words of a file.
// Those that no key can say are left out: a stage that was added, a breaker that was isolated, and,
// of several stages of a kind, all but the one that the keys are of (see Knobs).
func ChangedKeys(p *holdfast.Pipeline, changes []resilience.Change) []Changed {
	if stage.RowOf(p) == nil {
		return nil
	}
	stages := p.Stages()
	at := places(stages)
	fields := slices.DeleteFunc(slices.Clone(changes), func(c resilience.Change) bool {
		return c.Field == "" || !isOfKeys(c, stages, p.Name(), at)
	})
	return changedKeys(fields, at)
}

// isOfKeys reports whether a change is one of the stages that the keys are of, and surely of no
// other stage of that kind.
func isOfKeys(c resilience.Change, stages []resilience.Stage, pipeline string, at map[string]int) bool {
	row, _ := stage.Read(stages) // what is in use has nothing wrong
	var ofKind, meant []int
	for i, m := range row {
		if m.Kind == nil || m.Kind.Name() != c.Stage {
			continue
		}
		ofKind = append(ofKind, i)
		name := "attempt"
		if b, ok := stages[i].(breaker.Config); ok {
			name = cmp.Or(b.Name, pipeline)
		} else if row.PerCall(i) {
			name = "call"
		}
		if name == c.Name {
			meant = append(meant, i)
		}
	}
	if len(ofKind) < 2 {
		return true
	}
	if len(meant) != 1 {
		return false
	}
	for _, i := range at {
		if i == meant[0] {
			return true
		}
	}
	return false
}

// knownKeys refuses keys that Knobs does not have, unless readTurns has refused them already.
func knownKeys(was, values map[string]string) error {
	var errs []error
	for _, path := range slices.Sorted(maps.Keys(was)) {
		if _, said := values[path]; said {
			continue
		}
		if k, ok := keyOf(path); !ok {
			errs = append(errs, wrongValue(path, "unknown key %s", quoted(path)))
		} else if why := k.unturnable(); why != "" {
			errs = append(errs, wrongValue(path, "%s cannot be turned: %s", path, why))
		}
	}
	return errors.Join(errs...)
}

// checkStanding says which keys have another value than they had.
func checkStanding(was map[string]string, stages []resilience.Stage, at map[string]int) error {
	var errs []error
	turned := func(k key, how string) {
		errs = append(errs, &KeyError{k.path, k.path + " " + how + "; look at it again before you change it", ErrTurned})
	}
	for _, k := range keys() {
		value, asked := was[k.path]
		if !asked || isBelowOff(k, was) {
			continue
		}
		i, ok := at[sectionPath(k)]
		if !ok {
			turned(k, "was "+quoted(value)+", and the pipeline has no "+sectionPath(k)+" any more")
			continue
		}
		switch is, _, ok := k.standing(stages[i]); {
		case !ok:
			turned(k, "was "+quoted(value)+", and "+k.section()+" is off now")
		case is != value:
			turned(k, "is "+is+" now, and no longer "+quoted(value))
		}
	}
	return errors.Join(errs...)
}

// isBelowOff reports whether a section around the key was off.
func isBelowOff(k key, was map[string]string) bool {
	for path := k.section(); path != ""; path, _ = cutLast(path) {
		if was[path] == "off" {
			return true
		}
	}
	return false
}
