package config

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// Pins: a field that is added to a stage's Config gets a key, or a reason why it has none.
func TestEveryFieldHasAKey(t *testing.T) {
	byField := map[string]string{}
	for _, k := range allKeys {
		if k.field != "" {
			byField[k.stage+"."+k.field] = k.path
		}
	}
	all := map[string]bool{}
	for _, sec := range sections {
		for _, field := range fields(reflect.TypeOf(sec.slot.zero()), "") {
			name := sec.stageKind.Name() + "." + field
			all[name] = true
			_, has := byField[name]
			_, cannot := codeOnly[name]
			require.NotEqual(t, has, cannot, "%s: want a key, or a reason in codeOnly", name)
		}
	}
	for name := range codeOnly {
		require.True(t, all[name], "codeOnly has %s, which is no field any more", name)
	}
	for name, path := range byField {
		require.True(t, all[name], "%s sets %s, which is no field", path, name)
	}
}

// fields returns the exported fields of a struct, and those of structs that they point to in this
// module.
func fields(t reflect.Type, prefix string) (names []string) {
	for f := range t.Fields() {
		if !f.IsExported() {
			continue
		}
		names = append(names, prefix+f.Name)
		if p := f.Type; p.Kind() == reflect.Pointer && p.Elem().Kind() == reflect.Struct && prefix+f.Name != "Budget" {
			names = append(names, fields(p.Elem(), prefix+f.Name+".")...)
		}
	}
	return names
}

// Pins: the stage accepts every value that a file may have, and refuses a value just outside a
// bound: so no bound of a file is narrower than the stage's.
func TestBoundsAreTheStages(t *testing.T) {
	for _, k := range allKeys {
		if k.field == "" || k.kind == kindSection || k.stage == "deadline" {
			continue
		}
		for _, v := range k.extremes() {
			require.NoError(t, resolveWith(k, v), "%s: %v", k.path, v)
		}
		for _, v := range k.outside() {
			require.Error(t, resolveWith(k, v), "%s: %v", k.path, v)
		}
	}
}

// extremes are the least and the largest values that a file may have, and all its words.
func (k key) extremes() (values []any) {
	for _, w := range k.words {
		values = append(values, w.value)
	}
	if k.zero != nil {
		values = append(values, k.zero)
	}
	switch k.kind {
	case kindDuration:
		values = append(values, time.Duration(max(1, k.min)), time.Duration(math.MaxInt64))
	case kindCount:
		top := int(k.max)
		if k.max == 0 {
			top = math.MaxInt
		}
		values = append(values, max(1, int(k.min)), top)
	case kindNumber:
		values = append(values, max(1e-9, k.min), cmp.Or(k.max, math.MaxFloat64))
	}
	return values
}

func (k key) outside() (values []any) {
	switch k.kind {
	case kindDuration:
		values = append(values, time.Duration(-2))
		if k.min > 0 {
			values = append(values, time.Duration(k.min)-1)
		}
	case kindCount:
		values = append(values, -2)
		if k.max != 0 {
			values = append(values, int(k.max)+1)
		}
	case kindNumber:
		values = append(values, -0.5, math.NaN(), math.Inf(1))
		if k.min > 0 {
			values = append(values, math.Nextafter(k.min, 0))
		}
		if k.max != 0 {
			values = append(values, math.Nextafter(k.max, math.Inf(1)))
		}
	}
	return values
}

// roomy are Configs whose fields do not restrict one another, or not the field of a path.
var roomy = map[string]resilience.Stage{
	"budget":  budget.Config{Burst: 1_000_000_000, Initial: 1},
	"retry":   retry.Config{BaseDelay: 1, MaxDelay: -1, Adaptive: &retry.Adaptive{}},
	"breaker": breaker.Config{OpenFor: 1, MaxOpenFor: math.MaxInt64, MinOpenFor: 1, Buckets: 1, Window: math.MaxInt64, SlowCallDuration: 1},

	"breaker.min_open_for": breaker.Config{OpenFor: math.MaxInt64, MaxOpenFor: math.MaxInt64},
}

// resolveWith asks the key's stage to resolve a value, in a Config whose other fields do not
// restrict it.
func resolveWith(k key, v any) error {
	sec := sectionOf(k)
	c := sec.whole()
	room, ok := roomy[k.path]
	if !ok {
		room, ok = roomy[sec.path]
	}
	if ok {
		c.Elem().Set(reflect.ValueOf(sec.stageKind.Copy(room)))
	}
	k.set(c.Interface(), v)
	_, err := sec.resolve(asStage(c))
	return err
}

// Pins: the bounds of every number are those that its stage names when it refuses a value.
func TestEveryNumberHasARule(t *testing.T) {
	for _, sec := range sections {
		for _, k := range append(sec.keys, sec.key) {
			isNumber := k.kind == kindDuration || k.kind == kindCount || k.kind == kindNumber
			require.Equal(t, isNumber, sec.ruleOf(k) != nil, k.path)
			require.Zero(t, k.min, "%s: the stage says it", k.path)
			require.Zero(t, k.max, "%s: the stage says it", k.path)
		}
	}
	buckets, _ := keyOf("breaker.buckets")
	require.Equal(t, [2]float64{1, 10_000}, [2]float64{buckets.min, buckets.max})
	window, _ := keyOf("retry.adaptive.window")
	require.Equal(t, float64(100*time.Millisecond), window.min)
}

func TestKeysAreSaidWhole(t *testing.T) {
	all := keys()
	require.Len(t, all, len(allKeys), "every key once")
	for i, k := range all {
		require.NotEmpty(t, k.doc, k.path)
		require.True(t, strings.HasSuffix(k.doc, "."), "%s: a sentence", k.path)
		require.Contains(t, k.want(), "want ", k.path)
		require.Equal(t, k.zero != nil, k.zeroMeans != "", k.path)
		if k.kind != kindSection && !k.fact {
			require.NotEmpty(t, k.defaultText(), k.path)
		}
		if section := k.section(); section != "" {
			parent := slices.IndexFunc(all, func(o key) bool { return o.path == section })
			require.True(t, parent >= 0 && parent < i && all[parent].kind == kindSection, k.path)
		}
	}
}

// Pins: whatever a stage refuses, it refuses by a rule. The message has the words of a file: the
// names of its keys, and no -1.
func TestEveryFieldErrorIsSaidInFileWords(t *testing.T) {
	said := map[string]bool{}
	for i := range sections {
		sec := &sections[i]
		for _, e := range refusals(t, sec.slot.zero()) {
			field := e.Stage + "." + e.Field
			k, ok := sec.keyOf(e.Field)
			require.True(t, ok, "%s has no key", field)
			require.NotNil(t, e.Rule, "%s: %s", field, e.Want)
			require.Equal(t, e.Want, e.Rule.String(), field)
			want, others := merged{}.wants(sec, k, e)
			require.True(t, strings.HasPrefix(want, "want "), want)
			require.NotRegexp(t, `-1|[a-z][A-Z]|\b[A-Z][a-z]+`, strings.ReplaceAll(want, "Retry-After", ""), field)
			for _, o := range others {
				require.Contains(t, want, keyByPath[o].name())
			}
			said[field] = true
		}
	}
	require.Equal(t, refusable(t), slices.Sorted(maps.Keys(said)), "a stage refuses a field that this test does not provoke")
}

// refusals returns the errors of a stage for Configs with one wrong field, or with all fields
// wrong.
func refusals(t *testing.T, zero any) (all []*resilience.FieldError) {
	t.Helper()
	stage, whole := reflect.TypeOf(zero), reflect.New(reflect.TypeOf(zero)).Elem()
	try := func(c reflect.Value) {
		s, ok := c.Interface().(resilience.Stage)
		require.True(t, ok)
		_, err := s.Build()
		for err := range each(err) {
			var e *resilience.FieldError
			require.ErrorAs(t, err, &e)
			all = append(all, e)
		}
	}
	for f := range stage.Fields() {
		for _, bad := range badValues(f.Type) {
			c := reflect.New(stage).Elem()
			c.FieldByIndex(f.Index).Set(bad)
			try(c)
			whole.FieldByIndex(f.Index).Set(bad)
		}
	}
	try(whole)
	switch zero.(type) {
	case retry.Config:
		try(reflect.ValueOf(retry.Config{BaseDelay: 2, MaxDelay: 1}))
	case breaker.Config:
		try(reflect.ValueOf(breaker.Config{FailureRatio: -1, ConsecutiveFailures: -1}))
		try(reflect.ValueOf(breaker.Config{SlowCallRatio: 0.5}))
		try(reflect.ValueOf(breaker.Config{OpenFor: 2, MaxOpenFor: 1, MinOpenFor: 3, Window: 2, Buckets: 3}))
	case budget.Config:
		try(reflect.ValueOf(budget.Config{Burst: 1, Initial: 2, Ratio: 1e-10, SlowCost: 2}))
	case deadline.Config:
		try(reflect.ValueOf(deadline.Config{}))
	}
	return all
}

func badValues(t reflect.Type) (values []reflect.Value) {
	var bad []any
	switch t {
	case reflect.TypeFor[retry.Jitter]():
		bad = []any{retry.StandardJitter(200), retry.AdditiveJitter(2), retry.ProportionalJitter(math.NaN())}
	case reflect.TypeFor[retry.Backoff]():
		bad = []any{retry.StandardBackoff(200), retry.BackoffFunc(nil)}
	case reflect.TypeFor[*bulkhead.Adaptive]():
		bad = []any{
			&bulkhead.Adaptive{SlowFailures: -5, CutTo: -5, CutEvery: -5, CalmFor: -5, Times: 0.5},
			&bulkhead.Adaptive{SlowFailures: 1 << 40, CutTo: 1, CutEvery: -1, CalmFor: -2, Times: math.NaN()},
		}
	case reflect.TypeFor[*retry.Adaptive]():
		bad = []any{
			&retry.Adaptive{Window: -5, MinSamples: -5, MinGain: -5, Explore: 5, MaxStretch: 0.5},
			&retry.Adaptive{Window: 1, MinSamples: 1 << 30, MinGain: math.NaN(), Explore: -2, MaxStretch: 101},
		}
	case reflect.TypeFor[budget.DepositOn]():
		bad = []any{budget.DepositOn(9)}
	case reflect.TypeFor[time.Duration]():
		bad = []any{time.Duration(-5)}
	case reflect.TypeFor[int]():
		bad = []any{-5, math.MaxInt}
	case reflect.TypeFor[float64]():
		bad = []any{-5.0, math.NaN(), math.Inf(1), 1e300}
	}
	for _, v := range bad {
		values = append(values, reflect.ValueOf(v))
	}
	return values
}

// each yields the errors that err joins.
func each(err error) func(func(error) bool) {
	return func(yield func(error) bool) {
		joined, ok := err.(interface{ Unwrap() []error })
		switch {
		case ok:
			for _, e := range joined.Unwrap() {
				if !yield(e) {
					return
				}
			}
		case err != nil:
			yield(err)
		}
	}
}

// refusable returns the fields that the stages' source code checks.
func refusable(t *testing.T) []string {
	t.Helper()
	names := map[string]bool{}
	check := regexp.MustCompile(`\b(?:p\.Refuse\(|check\.Number(?:In)?\(p, )"([A-Za-z.]+)"`)
	for _, sec := range sections {
		stage, found := sec.stageKind.Name(), 0
		files, err := filepath.Glob("../resilience/" + stage + "/*.go")
		require.NoError(t, err)
		for _, file := range files {
			data, err := os.ReadFile(file)
			require.NoError(t, err)
			for _, m := range check.FindAllStringSubmatch(string(data), -1) {
				names[stage+"."+m[1]] = true
				found++
			}
		}
		require.Positive(t, found, stage)
	}
	return slices.Sorted(maps.Keys(names))
}

func TestFieldErrorsStayWithin(t *testing.T) {
	_, err := Parse(strings.NewReader("services: {a: {retry: {base_delay: 1s, max_delay: 5ms}}}"), WithEnvironment(nil))
	var e *resilience.FieldError
	require.ErrorAs(t, err, &e)
	require.Equal(t, "MaxDelay", e.Field)
	var p *Problem
	require.ErrorAs(t, err, &p)
	require.Equal(t, "services.a.retry.max_delay", p.Path)
	var all *Error
	require.ErrorAs(t, err, &all)
	require.Len(t, all.Problems, 1)
	require.Equal(t, fmt.Sprint(p), err.Error())
}
