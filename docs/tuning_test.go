package docs

import (
	"flag"
	"fmt"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/internal/plan"
	"github.com/media-gateway/holdfast/lint"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

var update = flag.Bool("update", false, "write the computed parts of tuning.md anew")

// computed are the parts of tuning.md between <!-- name --> and <!-- end -->.
var computed = map[string]func(t *testing.T) string{
	"schedule": scheduleTable, "finding": findingText, "fits": fitsTable, "pauses": pausesTable, "outage": outageTable, "waits": waitsTable,
	"opens": opensTable, "runs": runsTable, "probes": probesTable, "fleet": fleetTable, "hops": hopsText, "codes": codesTable,
}

var part = regexp.MustCompile(`(?s)<!-- ([a-z]+) -->\n(.*?)<!-- end -->`)

// Every figure of tuning.md's tables is what the code computes now. Run with -update to write them.
func TestTuningIsComputed(t *testing.T) {
	text := read(t, "tuning.md")
	seen := map[string]bool{}
	want := part.ReplaceAllStringFunc(text, func(found string) string {
		name := part.FindStringSubmatch(found)[1]
		require.Contains(t, computed, name)
		seen[name] = true
		return "<!-- " + name + " -->\n\n" + computed[name](t) + "\n<!-- end -->"
	})
	require.Len(t, seen, len(computed))
	if *update {
		require.NoError(t, os.WriteFile("tuning.md", []byte(want), 0o600))
		return
	}
	require.Equal(t, want, text, "go test ./docs -run TestTuningIsComputed -update")
}

// What the text says beside the tables.
func TestTuningSaysWhatIsSo(t *testing.T) {
	example := func(retries int, attempt time.Duration) plan.Schedule {
		return planOf(t, deadline.In(2*time.Second), exampleLoop(retries), deadline.In(attempt)).Worst()
	}
	require.Equal(t, 4, example(5, 500*time.Millisecond).Runs)
	three := example(3, 400*time.Millisecond)
	require.Equal(t, 1950*time.Millisecond, three.Needed)
	require.Equal(t, 70*time.Millisecond, longestAttempt(t, 5))
	for name, stages := range presets() {
		p := planOf(t, stages...)
		require.Equal(t, []time.Duration{100 * time.Millisecond, p.AttemptDeadline * 5 / 4}, []time.Duration{p.Breakers[0].MinOpenFor, p.Breakers[0].OpenFor})
		require.Empty(t, lint.Check([]lint.Service{{Name: name, Stages: stages}}, lint.Options{}).Findings)
		for _, rps := range []float64{0.001, 0.1, 1, 10, 1000, 100_000} {
			for _, pods := range []int{0, 1, 1000} {
				r := lint.Check([]lint.Service{{Name: name, Stages: stages, RPS: rps}}, lint.Options{Pods: pods})
				require.Zero(t, r.Errors()+r.Warnings(), "a preset has no error and no warning: %s", r)
			}
		}
	}
}

func planOf(t *testing.T, stages ...resilience.Stage) plan.Plan {
	t.Helper()
	p, err := plan.Of(stages)
	require.NoError(t, err)
	return p
}

func presets() map[string][]resilience.Stage {
	return map[string][]resilience.Stage{
		"critical": holdfast.Critical(), "standard": holdfast.Standard(), "background": holdfast.Background(),
	}
}

var presetNames = []string{"critical", "standard", "background"}

func exampleLoop(retries int) retry.Config {
	return retry.Config{MaxRetries: retries, BaseDelay: 50 * time.Millisecond, Jitter: retry.FullJitter}
}

func exampleStages() []resilience.Stage {
	return []resilience.Stage{
		deadline.In(2 * time.Second), budget.Config{}, exampleLoop(5), deadline.In(500 * time.Millisecond),
	}
}

// table writes rows of cells, the first being the heading; all columns but the first are aligned to
// the right.
func table(rows ...[]string) string {
	var s strings.Builder
	for i, row := range rows {
		s.WriteString("| " + strings.Join(row, " | ") + " |\n")
		if i == 0 {
			s.WriteString("|---" + strings.Repeat("|---:", len(row)-1) + "|\n")
		}
	}
	return s.String()
}

// seconds and plain write a figure as the linter does.
func seconds(d time.Duration) string { return lint.Number{Value: d.Seconds(), Unit: "s"}.String() }
func plain(v float64) string         { return lint.Number{Value: v}.String() }
func percent(v float64) string       { return lint.Number{Value: 100 * v, Unit: "%"}.String() }

func scheduleTable(t *testing.T) string {
	t.Helper()
	rows := [][]string{{"attempt", "pause before it, at the longest", "begins", "ends"}}
	for _, a := range planOf(t, exampleStages()...).Worst().Attempts {
		row := []string{strconv.Itoa(a.Number), seconds(a.Pause), "never", ""}
		if a.Runs {
			row[2], row[3] = seconds(a.Start), seconds(a.End)
			if a.Cut {
				row[3] += ", cut short"
			}
		}
		rows = append(rows, row)
	}
	return table(rows...)
}

func findingText(*testing.T) string {
	r := lint.Check([]lint.Service{{Name: "payments", Stages: exampleStages()}}, lint.Options{})
	return "```text\n" + r.String() + "```\n"
}

// longestAttempt returns the longest attempt deadline, in tens of milliseconds, at which all
// attempts of a call of 2 s end in time.
func longestAttempt(t *testing.T, retries int) time.Duration {
	t.Helper()
	const step = 10 * time.Millisecond
	fits := step
	for d := step; d < 2*time.Second; d += step {
		s := planOf(t, deadline.In(2*time.Second), exampleLoop(retries), deadline.In(d)).Worst()
		if s.Needed <= 2*time.Second {
			fits = d
		}
	}
	return fits
}

func fitsTable(t *testing.T) string {
	t.Helper()
	rows := [][]string{{"retries"}, {"pauses together, at the longest"}, {"attempt_deadline"}}
	for n := 1; n <= 5; n++ {
		each := longestAttempt(t, n)
		s := planOf(t, exampleLoop(n), deadline.In(each)).Worst()
		rows[0] = append(rows[0], strconv.Itoa(n))
		rows[1] = append(rows[1], seconds(s.Needed-time.Duration(n+1)*each))
		rows[2] = append(rows[2], seconds(each))
	}
	return table(rows...)
}

func pausesTable(t *testing.T) string {
	t.Helper()
	rows := [][]string{{"jitter: shortest, mean, longest", "1st pause", "2nd", "3rd", "4th", "5th"}}
	for _, j := range []struct {
		name   string
		jitter retry.Jitter
	}{
		{"none", retry.NoJitter}, {"additive", retry.AdditiveJitter(0.3)}, {"proportional: 0.2", retry.ProportionalJitter(0.2)},
		{"equal", retry.EqualJitter}, {"full", retry.FullJitter}, {"decorrelated", retry.DecorrelatedJitter},
	} {
		row := []string{"`" + j.name + "`"}
		p := planOf(t, retry.Config{BaseDelay: 100 * time.Millisecond, MaxDelay: time.Second, Jitter: j.jitter})
		for n := range 5 {
			q := p.Pause(n)
			row = append(row, fmt.Sprintf("%s, %s, %s", seconds(q.Shortest), seconds(q.Mean.Round(time.Millisecond)), seconds(q.Longest)))
		}
		rows = append(rows, row)
	}
	return table(rows...)
}

func waitsTable(t *testing.T) string {
	t.Helper()
	rows := [][]string{{"fails after, on average", "", "calls that wait at 10/s", "100/s", "1000/s"}}
	for _, name := range presetNames {
		p := planOf(t, presets()[name]...)
		waits := p.Mean(0).End
		row := []string{"`" + name + "`", seconds(waits)}
		for _, rps := range []float64{10, 100, 1000} {
			row = append(row, plain(math.Round(min(rps*waits.Seconds(), float64(p.Retry.QueueLimit)))))
		}
		rows = append(rows, row)
	}
	return table(rows...)
}

func outageTable(t *testing.T) string {
	t.Helper()
	traffic := []float64{1, 10, 100, 1000}
	rows := [][]string{{"attempts per call", "without a budget", "at 1/s", "10/s", "100/s", "1000/s", "the burst lasts, at 100/s"}}
	for _, name := range presetNames {
		p := planOf(t, presets()[name]...)
		row := []string{"`" + name + "`", plain(p.Unpaid())}
		for _, rps := range traffic {
			row = append(row, plain(p.Sustained(rps)))
		}
		rows = append(rows, append(row, seconds(p.BurstLasts(100).Round(time.Millisecond))))
	}
	return table(rows...)
}

func opensTable(t *testing.T) string {
	t.Helper()
	rows := [][]string{{"opens after", "at 0.01/s", "0.1/s", "1/s", "10/s", "100/s"}}
	for _, name := range presetNames {
		p := planOf(t, presets()[name]...)
		row := []string{"`" + name + "`"}
		for _, rps := range []float64{0.01, 0.1, 1, 10, 100} {
			row = append(row, seconds(p.OpensAfter(p.Breakers[0], rps)))
		}
		rows = append(rows, row)
	}
	return table(rows...)
}

func runsTable(*testing.T) string {
	rows := [][]string{{"`consecutive_failures`, each", "5 % fail", "10 %", "20 %", "50 %", "80 %"}}
	for _, k := range []int{3, 5, 10, 20} {
		row := []string{strconv.Itoa(k)}
		for _, f := range []float64{0.05, 0.1, 0.2, 0.5, 0.8} {
			s := plan.RunLength(k, f) / 100
			cell := "never"
			if s < 10*365*24*3600 {
				cell = lint.Number{Value: s, Unit: "s"}.String()
			}
			row = append(row, cell)
		}
		rows = append(rows, row)
	}
	return strings.ReplaceAll(table(rows...), "never", "10 years and more")
}

func probesTable(*testing.T) string {
	head := []string{"`half_open_probes`"}
	probes := []int{1, 3, 6, 10, 20}
	for _, n := range probes {
		head = append(head, plain(float64(n)))
	}
	rows := [][]string{head}
	for _, c := range []struct {
		what           string
		ratio, failing float64
	}{{"10 % fail, no `failure_ratio`", -1, 0.1}, {"10 % fail, 0.5", 0.5, 0.1}, {"20 % fail, 0.5", 0.5, 0.2}, {"50 % fail, 0.95 (the presets)", 0.95, 0.5}} {
		row := []string{c.what}
		for _, n := range probes {
			b := plan.Breaker{Config: breaker.Config{FailureRatio: c.ratio, HalfOpenProbes: n}}
			row = append(row, percent(math.Round(100*b.Closes(c.failing))/100))
		}
		rows = append(rows, row)
	}
	return table(rows...)
}

func fleetTable(t *testing.T) string {
	t.Helper()
	rows := [][]string{{"instances: retries at once, then a second", "1", "10", "100", "1000"}}
	for _, name := range presetNames {
		p := planOf(t, presets()[name]...)
		row := []string{"`" + name + "`"}
		for _, n := range []float64{1, 10, 100, 1000} {
			row = append(row, plain(n*float64(p.Budget.Burst))+", "+plain(n*p.Floor()))
		}
		rows = append(rows, row)
	}
	return table(rows...)
}

func hopsText(t *testing.T) string {
	t.Helper()
	r := lint.Check([]lint.Service{
		{Name: "gateway", Stages: holdfast.Critical(), RPS: 100, Calls: []lint.Call{{Service: "checkout"}}},
		{Name: "checkout", Stages: holdfast.Standard(), RPS: 100, Calls: []lint.Call{{Service: "payments"}}},
		{Name: "payments", Stages: holdfast.Background(), RPS: 100},
	}, lint.Options{})
	for _, f := range r.Findings {
		if f.Code == "HF054" {
			return "```text\n" + f.Message + "\n```\n"
		}
	}
	require.Fail(t, "no finding about hops", r)
	return ""
}

func codesTable(*testing.T) string {
	rows := [][]string{{"code", "severity", "what"}}
	for _, d := range lint.Docs() {
		rows = append(rows, []string{d.Code, d.Severity.String(), d.Title})
	}
	return strings.Replace(table(rows...), "|---|---:|---:|", "|---|---|---|", 1)
}
