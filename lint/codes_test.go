package lint_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/lint"
)

// check lints files in the order of their names.
func check(files map[string]file, pods int) lint.Report {
	var services []lint.Service
	o := lint.Options{Pods: pods}
	for _, name := range slices.Sorted(mapsKeys(files)) {
		services = append(services, files[name].service(name))
		if files[name].store {
			o.Store = name
		}
	}
	return lint.Check(services, o)
}

func mapsKeys(files map[string]file) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for name := range files {
			if !yield(name) {
				return
			}
		}
	}
}

func find(r lint.Report, code string) (lint.Finding, bool) {
	i := slices.IndexFunc(r.Findings, func(f lint.Finding) bool { return f.Code == code })
	if i < 0 {
		return lint.Finding{}, false
	}
	return r.Findings[i], true
}

// Every code is found in its cases, with the right sentence and numbers. It is not found where it
// should not be, and goes away when its fix is applied.
func TestEveryCode(t *testing.T) {
	require.Len(t, cases, len(lint.Docs()))
	for _, doc := range lint.Docs() {
		t.Run(doc.Code, func(t *testing.T) {
			c, ok := cases[doc.Code]
			require.True(t, ok, "no case for %s", doc.Code)
			r := check(c.finds, c.pods)
			f, ok := find(r, doc.Code)
			require.True(t, ok, r)
			require.Equal(t, c.reads, f.Message)
			require.Equal(t, doc.Severity, f.Severity)
			for _, n := range f.Numbers {
				require.Contains(t, f.Message+f.Arithmetic, n.String(), n.Name)
				require.Regexp(t, `^[a-z0-9_]+$`, n.Name)
			}
			_, ok = find(check(c.spares, c.pods), doc.Code)
			require.False(t, ok, "found where nothing is wrong: %s", check(c.spares, c.pods))
			if c.noFix {
				return
			}
			fixed := map[string]file{}
			for name, was := range c.finds {
				fixed[name] = was
			}
			fixed[f.Service] = fixed[f.Service].apply(t, f.Fix)
			after := check(fixed, c.pods)
			_, ok = find(after, doc.Code)
			require.False(t, ok, "%s is still found after %s: %s", doc.Code, f.Fix, after)
			_, err := holdfast.New("fixed", fixed[f.Service].service("fixed").Stages...)
			require.NoError(t, err, "the fix cannot be built: %s", f.Fix)
		})
	}
}

// The service that the tests start from has no finding.
func TestNothingIsSaidOfASoundService(t *testing.T) {
	r := check(sound(func(*file) {}), 0)
	require.Empty(t, r.Findings)
	require.Equal(t, "0 errors, 0 warnings, 0 infos\n", r.String())
}

func TestEveryCodeIsExplained(t *testing.T) {
	codes := lint.Docs()
	require.True(t, slices.IsSortedFunc(codes, func(a, b lint.Doc) int { return strings.Compare(a.Code, b.Code) }))
	numbered := regexp.MustCompile(`^HF\d{3}$`)
	for i, d := range codes {
		require.Regexp(t, numbered, d.Code)
		require.NotEmpty(t, d.Title)
		require.Greater(t, len(strings.TrimSpace(d.Text)), 60, d.Code)
		require.LessOrEqual(t, strings.Count(d.Text, "\n"), 20, d.Code)
		if i > 0 {
			require.NotEqual(t, codes[i-1].Code, d.Code)
		}
		got, ok := lint.Explain(d.Code)
		require.True(t, ok)
		require.Equal(t, d, got)
	}
	_, ok := lint.Explain("HF000")
	require.False(t, ok)
}

func TestFindingsAsJSON(t *testing.T) {
	r := check(sound(func(f *file) { f.retry.MaxRetries = 5 }), 0)
	text, err := json.Marshal(r)
	require.NoError(t, err)
	require.JSONEq(t, `{
		"findings": [{
			"code": "HF001", "severity": "error", "service": "payments", "key": "retry.max_retries",
			"message": "5 retries need up to 4.55 s; the deadline is 2 s: the 4th and 5th can never run if attempts take their whole 500 ms",
			"arithmetic": "6 attempts × attempt_deadline 500 ms = 3 s, pauses up to 1.55 s, together 4.55 s",
			"numbers": [{"name": "retries", "value": 5}, {"name": "needed", "value": 4.55, "unit": "s"}, {"name": "deadline", "value": 2, "unit": "s"},
				{"name": "attempt_deadline", "value": 0.5, "unit": "s"}, {"name": "attempts", "value": 6},
				{"name": "attempts_take", "value": 3, "unit": "s"}, {"name": "pauses_take", "value": 1.55, "unit": "s"}],
			"fix": [{"key": "retry.max_retries", "value": "3"}]
		}],
		"errors": 1, "warnings": 0, "infos": 0, "silenced": 0
	}`, string(text))
	text, err = json.Marshal(lint.Report{})
	require.NoError(t, err)
	require.JSONEq(t, `{"findings": [], "errors": 0, "warnings": 0, "infos": 0, "silenced": 0}`, string(text))
	var back lint.Finding
	require.NoError(t, json.Unmarshal([]byte(marshal(t, r.Findings[0])), &back))
	require.Equal(t, r.Findings[0], back)
}

func marshal(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	require.NoError(t, err)
	return string(text)
}
