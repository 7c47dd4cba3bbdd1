package metrics_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/metrics"
)

// paper is a configuration file of a test.
type paper struct {
	mu sync.Mutex
	holdfast.ConfigStatus

	panics bool
}

func (p *paper) Status() holdfast.ConfigStatus {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.panics {
		panic("no status")
	}
	return p.ConfigStatus
}

func readFiles(t *testing.T, cs *metrics.ConfigFiles) map[string]float64 {
	t.Helper()
	got := map[string]float64{}
	for path, samples := range cs.Read() {
		for _, s := range samples {
			require.Len(t, s.Values, len(s.Labels), s.Name)
			require.Equal(t, metrics.ConfigFile.Attribute, s.Subject().Attribute)
			key := strings.Join(append([]string{path, strings.TrimPrefix(s.Name, "holdfast.config.")}, s.Values...), " ")
			require.NotContains(t, got, key)
			got[key] = s.Value
		}
	}
	return got
}

const (
	good  = " last_reload_successful"
	since = " last_reload_success_timestamp"
)

func TestFilesAreReadUntilNobodyFollowsThem(t *testing.T) {
	cs := &metrics.ConfigFiles{}
	require.Empty(t, cs.Read())
	cs.Add(nil)
	cs.Add((*paper)(nil))
	require.Empty(t, cs.Read())
	f := &paper{ConfigStatus: holdfast.ConfigStatus{Path: "a.yaml", Applied: time.UnixMilli(1500), Reloads: 1}}
	cs.Add(f)
	cs.Add(f) // twice is once
	require.Equal(t, map[string]float64{"a.yaml" + good: 1, "a.yaml" + since: 1.5, "a.yaml reloads applied": 1, "a.yaml reloads refused": 0}, readFiles(t, cs),
		"also before anything was refused, and in seconds")
	f.Err, f.Refusals = errors.New("broken"), 2
	require.Equal(t, map[string]float64{"a.yaml" + good: 0, "a.yaml" + since: 1.5, "a.yaml reloads applied": 1, "a.yaml reloads refused": 2}, readFiles(t, cs))
	f.Ended = true
	require.Empty(t, cs.Read(), "that the last file was good, or not, says nothing of the one that is there now")
	f.Ended = false
	require.Empty(t, cs.Read())

	cs.Add(&paper{ConfigStatus: holdfast.ConfigStatus{Path: "a.yaml", Applied: time.Unix(9, 0), Reloads: 1}})
	require.Equal(t, map[string]float64{"a.yaml" + good: 1, "a.yaml" + since: 9, "a.yaml reloads applied": 2, "a.yaml reloads refused": 2}, readFiles(t, cs),
		"a counter does not fall")
}

// Pins: a file that has ended counts once, however often it is added again. One that had ended
// before is not counted at all.
func TestAFileThatHasEndedIsAddedAgain(t *testing.T) {
	cs := &metrics.ConfigFiles{}
	f := &paper{ConfigStatus: holdfast.ConfigStatus{Path: "a.yaml", Reloads: 5, Refusals: 3}}
	cs.Add(f)
	require.Len(t, readFiles(t, cs), 4)
	f.Ended = true
	for range 2 {
		require.Empty(t, cs.Read())
		cs.Add(f)
	}
	cs.Add(&paper{ConfigStatus: holdfast.ConfigStatus{Path: "a.yaml", Reloads: 100, Ended: true}})
	require.Empty(t, cs.Read())
	cs.Add(&paper{ConfigStatus: holdfast.ConfigStatus{Path: "a.yaml", Reloads: 1}})
	got := readFiles(t, cs)
	require.Equal(t, 6., got["a.yaml reloads applied"])
	require.Equal(t, 3., got["a.yaml reloads refused"])
}

// Pins: a file of one's own that was never applied shows 0, and not the seconds since the year 1.
func TestAFileThatWasNeverApplied(t *testing.T) {
	cs := &metrics.ConfigFiles{}
	cs.Add(&paper{ConfigStatus: holdfast.ConfigStatus{Path: "a.yaml", Err: errors.New("broken"), Refusals: 1}})
	require.Equal(t, map[string]float64{"a.yaml" + good: 0, "a.yaml" + since: 0, "a.yaml reloads applied": 0, "a.yaml reloads refused": 1}, readFiles(t, cs))
}

// Two watchers of one path: the worst counts, in whichever order they were added.
func TestFilesOfOnePathAreShownAsOne(t *testing.T) {
	bad := holdfast.ConfigStatus{Path: "a.yaml", Applied: time.Unix(2, 0), Reloads: 1, Refusals: 1, Err: errors.New("broken")}
	fine := holdfast.ConfigStatus{Path: "a.yaml", Applied: time.Unix(3, 0), Reloads: 2}
	other := &paper{ConfigStatus: holdfast.ConfigStatus{Path: "b\xff\n.yaml", Applied: time.Unix(4, 0)}}
	for _, both := range [][]*paper{{{ConfigStatus: bad}, {ConfigStatus: fine}, other}, {other, {ConfigStatus: fine}, {ConfigStatus: bad}}} {
		cs := &metrics.ConfigFiles{}
		for _, f := range both {
			cs.Add(f)
		}
		got := readFiles(t, cs)
		require.Equal(t, 0., got["a.yaml"+good])
		require.Equal(t, 2., got["a.yaml"+since])
		require.Equal(t, 3., got["a.yaml reloads applied"])
		require.Equal(t, 1., got["a.yaml reloads refused"])
		require.Equal(t, 1., got["b\uFFFD\n.yaml"+good], "valid UTF-8")
		require.Len(t, got, 8)
	}
}

// A Status that panics is left out, and asked again next time; the others are read. No lock is held
// meanwhile, nor when a file is added.
func TestAStatusThatPanics(t *testing.T) {
	cs := &metrics.ConfigFiles{}
	f := &paper{ConfigStatus: holdfast.ConfigStatus{Path: "a.yaml"}, panics: true}
	cs.Add(f)
	cs.Add(&paper{ConfigStatus: holdfast.ConfigStatus{Path: "b.yaml"}})
	require.Len(t, readFiles(t, cs), 4)
	f.panics = false
	require.Len(t, readFiles(t, cs), 8)
	cs.Add(adding{cs}) // which asks it, too, so that d.yaml is there
	require.Len(t, readFiles(t, cs), 16)
}

// adding is a file whose Status adds another one.
type adding struct{ to *metrics.ConfigFiles }

func (a adding) Status() holdfast.ConfigStatus {
	a.to.Add(&paper{ConfigStatus: holdfast.ConfigStatus{Path: "d.yaml"}})
	return holdfast.ConfigStatus{Path: "c.yaml"}
}

// Scrapes while files come, change and go: no count is lost, and none counts twice.
func TestFilesAreReadWhileTheyEnd(t *testing.T) {
	cs := &metrics.ConfigFiles{}
	last := &paper{ConfigStatus: holdfast.ConfigStatus{Path: "a.yaml"}}
	cs.Add(last)
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			was := 0.
			for range 200 {
				now := readFiles(t, cs)["a.yaml reloads applied"]
				if now < was-1 { // a reader may bring an older status of the one file that changes
					t.Errorf("it fell from %v to %v", was, now)
				}
				was = max(was, now)
			}
		})
	}
	for range 100 {
		f := &paper{ConfigStatus: holdfast.ConfigStatus{Path: "a.yaml", Reloads: 1}}
		cs.Add(f)
		f.mu.Lock()
		f.Ended = true
		f.mu.Unlock()
	}
	readers.Wait()
	require.Equal(t, 100., readFiles(t, cs)["a.yaml reloads applied"])
}
