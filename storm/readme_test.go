package storm_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/retry"
	"github.com/media-gateway/holdfast/storm"
)

// No storm leaves a goroutine behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// What README.md shows, so that it compiles and holds.

func TestPaymentsSurviveAnOutage(t *testing.T) {
	report := storm.Run(t, storm.Scenario{
		Load:     storm.Poisson(200), // calls a second
		For:      time.Minute,
		Deadline: 2 * time.Second,
		Server:   storm.Server{Workers: 20, Service: storm.Exponential(80 * time.Millisecond)},
		Triggers: []storm.Trigger{{At: 20 * time.Second, For: 10 * time.Second, ErrorRatio: 1}},
	}, func() storm.Doer {
		return holdfast.Must(holdfast.New("payments", holdfast.Critical()...))
	})
	t.Log(report)
	report.RequireRecoversWithin(t, 4*time.Second)
	report.RequireAmplificationBelow(t, 1.2)
	report.RequireGoodputAtLeast(t, 0.7)
}

func TestCompare(t *testing.T) {
	scenario := storm.Scenario{
		Load: storm.Poisson(200), For: 30 * time.Second, Deadline: 2 * time.Second,
		Server:   storm.Server{Workers: 20, Service: storm.Exponential(80 * time.Millisecond)},
		Triggers: []storm.Trigger{{At: 5 * time.Second, For: 5 * time.Second, CapacityLoss: 0.5}},
	}
	run := func(name string, d storm.Doer) *storm.Report {
		scenario.Name = name
		return storm.Run(t, scenario, func() storm.Doer { return d })
	}
	threeTries := storm.DoerFunc(func(ctx context.Context, op resilience.Func) (err error) {
		for range 3 {
			attempt, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
			err = op(attempt)
			cancel()
			if err == nil {
				break
			}
		}
		return err
	})
	file, err := os.Create(filepath.Join(t.ArtifactDir(), "storm.svg"))
	require.NoError(t, err)
	require.NoError(t, storm.WriteSVG(file, run("no retries", storm.Bare), run("three tries", threeTries)))
	require.NoError(t, file.Close())
}

// yourRetry makes two attempts if the service says that it is overloaded.
func yourRetry(ctx context.Context, op func(context.Context) error) error {
	err := op(ctx)
	if status := new(statusError); errors.As(err, &status) && status.code == http.StatusServiceUnavailable {
		return op(ctx)
	}
	return err
}

type statusError struct{ code int }

func (e *statusError) Error() string { return http.StatusText(e.code) }

func yourCommand(scenario storm.Scenario) error {
	newDoer := func() storm.Doer {
		return storm.DoerFunc(func(ctx context.Context, op resilience.Func) error {
			return yourRetry(ctx, func(ctx context.Context) error {
				err := op(ctx)
				if errors.Is(err, storm.ErrQueueFull) {
					return &statusError{code: http.StatusServiceUnavailable}
				}
				return err
			})
		})
	}
	stall := storm.Trigger{At: 5 * time.Second, CapacityLoss: 1}
	critical, err := storm.CriticalDuration(scenario, stall, newDoer)
	if err != nil {
		return err
	}
	fmt.Println("it survives", critical)

	stall.For = 10 * time.Second
	scenario.Triggers = []storm.Trigger{stall}
	report, err := storm.Play(scenario, newDoer)
	if err != nil {
		return err
	}
	fmt.Println("after 10s of it:", report.Recovery().Outcome) // fmt.Print(report) shows all of it
	return nil
}

func Example_command() {
	err := yourCommand(storm.Scenario{
		Load: storm.Constant(40), For: 25 * time.Second, Deadline: time.Second,
		Server: storm.Server{Workers: 5, Service: storm.Fixed(100 * time.Millisecond)},
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// it survives 4.75s (4.75s to 4.75s in 5 seeds), back after 15s
	// after 10s of it: not recovered
}

func TestReadmeIsCompiled(t *testing.T) {
	squeeze := func(file string) string {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		return strings.Join(strings.Fields(string(text)), " ")
	}
	compiled, readme := squeeze("readme_test.go"), squeeze("README.md")
	blocks := strings.Split(readme, "```go ")[1:]
	require.NotEmpty(t, blocks)
	for _, block := range blocks {
		block, _, _ = strings.Cut(block, " ```")
		require.Contains(t, compiled, block)
	}
}

// docs/storms.md has a row for every knob, and README.md for every figure of a report.
func TestDocumentsHaveEveryField(t *testing.T) {
	for _, c := range []struct {
		file, section string
		types         []any
	}{
		{"../docs/storms.md", "\n## What a storm models\n", []any{storm.Scenario{}, storm.Server{}, storm.Trigger{}}},
		{"README.md", "\n## What it reports\n", []any{storm.Figures{}}},
	} {
		text, err := os.ReadFile(c.file)
		require.NoError(t, err)
		_, section, ok := strings.Cut(string(text), c.section)
		require.True(t, ok, c.section)
		section, _, _ = strings.Cut(section, "\n## ")
		var named strings.Builder // in titles of tables, and in the first cell of each row
		for line := range strings.Lines(section) {
			if strings.HasPrefix(line, "**") {
				named.WriteString(line)
			} else if cells := strings.Split(line, " | "); len(cells) > 1 {
				named.WriteString(cells[0])
			}
		}
		for _, v := range c.types {
			for _, field := range reflect.VisibleFields(reflect.TypeOf(v)) {
				require.Contains(t, named.String(), "`"+field.Name+"`", "%s: %T", c.file, v)
			}
		}
	}
}

// A retry.Policy is a Doer too.
var _ storm.Doer = (*retry.Policy)(nil)
