package holdfastdash

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/config"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/retry"
)

const shop = `templates:
  mild:
    retry: {max_retries: 2}
services:
  payments:
    template: mild
    deadline: 2s
    budget: {ratio: 0.1}
    breaker: {open_for: 4s}
  search:
    retry: {max_retries: 4}
`

// watched writes a file, and returns its path and what follows it. Each reload is told on the
// channel.
func watched(t testing.TB, content string) (path string, w *config.Watcher, reloads chan config.Reload) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "services.yaml")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	reloads = make(chan config.Reload, 1)
	w, err := config.Watch(t.Context(), path, holdfast.NewRegistry(), config.WithDebounce(time.Millisecond), config.WithOnReload(func(r config.Reload) { reloads <- r }))
	require.NoError(t, err)
	t.Cleanup(w.Close)
	return path, w, reloads
}

// rewrite writes the file anew, and waits for the reload.
func rewrite(t testing.TB, path, content string, reloads chan config.Reload) config.Reload {
	t.Helper()
	require.NoError(t, os.WriteFile(path+".new", []byte(content), 0o600))
	require.NoError(t, os.Rename(path+".new", path))
	return <-reloads
}

// at returns the number with that key.
func (k *knobs) at(t testing.TB, key string) knob {
	t.Helper()
	for _, n := range k.Numbers {
		if n.Key == key {
			return n
		}
	}
	require.Fail(t, "no such number", key)
	return knob{}
}

func look(t testing.TB, d *Dashboard, pipeline string) *knobs {
	t.Helper()
	var k knobs
	require.Equal(t, http.StatusOK, read(t, d, "knobs?pipeline="+url.QueryEscape(pipeline), &k))
	return &k
}

func TestKnobsKnowTheLineOfTheFile(t *testing.T) {
	_, w, _ := watched(t, shop)
	d := following(t, w.Registry(), WithAuthorizer(byHeader), WithWatcher(w))
	k := look(t, d, "payments")
	require.True(t, k.CanTune)
	require.True(t, k.InFile)
	require.Equal(t, "services.yaml", filepath.Base(k.File))
	require.Zero(t, k.Differ)
	require.Empty(t, k.Patch)

	n := k.at(t, "retry.max_retries")
	require.Equal(t, "2", n.Value)
	require.Equal(t, "3", n.Default)
	require.NotEmpty(t, n.Doc)
	require.Equal(t, "count", n.Turn.Kind)
	require.Equal(t, &fileValue{"2", origin{"services.yaml", 3, "template mild"}}, n.File)
	require.Equal(t, &fileValue{"2s", origin{"services.yaml", 7, "service"}}, k.at(t, "deadline").File)
	require.Equal(t, origin{Source: "default"}, k.at(t, "budget.floor").File.Origin)
	for _, n := range k.Numbers {
		require.False(t, n.Differs, "%s is %s, and the file says %s", n.Key, n.Value, n.File.Value)
	}

	_, err := config.Tune(t.Context(), w.Registry().MustGet("payments"), "ana", map[string]string{"retry.max_retries": "1", "breaker.open_for": "9s", "retry.adaptive": "on"})
	require.NoError(t, err)
	k = look(t, d, "payments")
	require.True(t, k.at(t, "retry.max_retries").Differs)
	require.Equal(t, "2", k.at(t, "retry.max_retries").File.Value)
	require.Equal(t, "services:\n  payments:\n    retry:\n      max_retries: 1\n      adaptive: {}\n    breaker:\n      open_for: 9s\n", k.Patch)
	_, err = config.Parse(strings.NewReader(k.Patch))
	require.NoError(t, err)
}

// A pipeline that code made has no lines: what differs from the defaults is copied.
func TestKnobsOfAPipelineWithoutAFile(t *testing.T) {
	k := newDesk(t)
	of := look(t, k.d, "payments")
	require.False(t, of.InFile)
	require.Nil(t, of.at(t, "retry.max_retries").File)
	require.Zero(t, of.Differ)
	_, err := config.Tune(t.Context(), k.p, "ana", map[string]string{"retry.max_retries": "1"})
	require.NoError(t, err)
	of = look(t, k.d, "payments")
	require.False(t, of.at(t, "retry.max_retries").Differs, "there is no file to differ from")
	require.Equal(t, "services:\n  payments:\n    retry:\n      max_retries: 1\n", of.Patch)

	var why refused
	require.Equal(t, http.StatusBadRequest, read(t, k.d, "knobs", &why))
	require.Equal(t, http.StatusNotFound, read(t, k.d, "knobs?pipeline=nobody", &why))
	require.Equal(t, `pipeline "nobody" is not on this page (any more)`, why.Errors[0].Message)
	r := httptest.NewRequest(http.MethodPost, "/knobs?pipeline=payments", http.NoBody)
	require.Equal(t, http.StatusMethodNotAllowed, k.send(r).Code)
}

// Readers who may not tune see each value, and nothing to turn it with.
func TestReadersGetNoKnobs(t *testing.T) {
	k := newDesk(t)
	for _, who := range []string{"mallory", "", "panic"} {
		r := httptest.NewRequest(http.MethodGet, "/knobs?pipeline=payments", http.NoBody)
		r.Header.Set("User", who)
		answer := k.send(r)
		require.Equal(t, http.StatusOK, answer.Code)
		var of knobs
		require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &of))
		require.False(t, of.CanTune)
		require.Equal(t, "3", of.at(t, "retry.max_retries").Value)
		require.NotContains(t, answer.Body.String(), `"turn"`)
	}
}

// What was turned, by whom and by which reload, is there for a page that is opened later, and can
// be turned back.
func TestTheRecordOfChanges(t *testing.T) {
	path, w, reloads := watched(t, shop)
	d := following(t, w.Registry(), WithAuthorizer(byHeader), WithWatcher(w), WithInterval(100*time.Millisecond))
	k := sit(t, d)
	answer := k.send(k.order(`{"pipeline":"payments","values":{"retry.max_retries":"5"},"was":{"retry.max_retries":"2"}}`))
	require.Equal(t, http.StatusOK, answer.Code, answer.Body)
	reload := rewrite(t, path, strings.Replace(shop, "open_for: 4s", "open_for: 7s", 1), reloads)
	require.NoError(t, reload.Err)
	d.tellReplaced() // as the next round does

	var all changesAnswer
	read(t, d, "changes", &all)
	require.Len(t, all.Changes, 2)
	file, hand := all.Changes[0], all.Changes[1]
	require.Equal(t, []changeLine{{Pipeline: "payments", Key: "retry.max_retries", From: "2", To: "5", Undo: true}}, hand.Changes)
	require.Equal(t, "mary", hand.Who)
	require.Equal(t, byHand, hand.By)
	require.Equal(t, byFile, file.By)
	require.Equal(t, path, file.File)
	require.Contains(t, file.Changes, changeLine{Pipeline: "payments", Key: "breaker.open_for", From: "4s", To: "7s", Undo: true, Origin: &origin{"services.yaml", 9, "service"}})
	require.Contains(t, file.Changes, changeLine{Pipeline: "payments", Key: "retry.max_retries", From: "5", To: "2", Undo: true, Origin: &origin{"services.yaml", 3, "template mild"}},
		"what was turned by hand is over")

	undo := func(l changeLine) int {
		return k.send(k.order(fmt.Sprintf(`{"pipeline":%q,"values":{%q:%q},"was":{%q:%q}}`, l.Pipeline, l.Key, l.From, l.Key, l.To))).Code
	}
	require.Equal(t, http.StatusConflict, undo(hand.Changes[0]), "the file has set it since")
	require.Equal(t, http.StatusOK, undo(file.Changes[0]))
	require.Equal(t, http.StatusConflict, undo(file.Changes[0]), "twice")
}

func TestTheRecordIsBounded(t *testing.T) {
	k := newDesk(t)
	for i := range keptChanges + 5 {
		_, err := config.Tune(t.Context(), k.p, strings.Repeat("\u202eeve", 200), map[string]string{"budget.burst": fmt.Sprint(11 + i)})
		require.NoError(t, err)
	}
	var all changesAnswer
	read(t, k.d, "changes", &all)
	require.Len(t, all.Changes, keptChanges)
	require.EqualValues(t, keptChanges+5, all.Changes[0].ID, "the newest first")
	require.LessOrEqual(t, len(all.Changes[0].Who), maxName+len("…"))
	require.NotContains(t, all.Changes[0].Who, "\u202e")
}

// Two people turn one number at once, many times: each change starts from the value that its maker
// saw, so none is lost.
func TestTwoPeopleTurnOneKnob(t *testing.T) {
	k := newDesk(t)
	var both sync.WaitGroup
	var mu sync.Mutex
	made := 0
	for range 2 {
		both.Go(func() {
			for range 100 {
				is := k.p.Budget().Config().Burst
				code := k.send(k.order(fmt.Sprintf(`{"pipeline":"payments","values":{"budget.burst":"%d"},"was":{"budget.burst":"%d"}}`, is+1, is))).Code
				mu.Lock()
				if code == http.StatusOK {
					made++
				} else if code != http.StatusConflict {
					t.Errorf("status %d", code)
				}
				mu.Unlock()
			}
		})
	}
	both.Wait()
	require.Equal(t, 10+made, k.p.Budget().Config().Burst)
	require.GreaterOrEqual(t, made, 100)
}

// A stage that a reload removed cannot be turned any more, and the answer says so.
func TestAStageIsGone(t *testing.T) {
	path, w, reloads := watched(t, shop)
	k := sit(t, following(t, w.Registry(), WithAuthorizer(byHeader), WithWatcher(w)))
	require.NoError(t, rewrite(t, path, strings.Replace(shop, "    breaker: {open_for: 4s}\n", "    breaker: off\n", 1), reloads).Err)
	answer := k.send(k.order(`{"pipeline":"payments","values":{"breaker.open_for":"9s"},"was":{"breaker.open_for":"4s"}}`))
	require.Equal(t, http.StatusConflict, answer.Code)
	require.Contains(t, answer.Body.String(), `the pipeline has no breaker any more`)
	require.NoError(t, rewrite(t, path, "services:\n  search:\n    retry: {max_retries: 4}\n", reloads).Err)
	require.Equal(t, http.StatusNotFound, k.send(k.order(`{"pipeline":"payments","values":{"retry.max_retries":"9"},"was":{"retry.max_retries":"2"}}`)).Code)
	var why refused
	require.Equal(t, http.StatusNotFound, read(t, k.d, "knobs?pipeline=payments", &why))
}

// How the file stands is in the hello, and told when it changes: refused, in force again, and not
// followed any more.
func TestHowTheFileStands(t *testing.T) {
	path, w, reloads := watched(t, shop)
	d := following(t, w.Registry(), WithWatcher(w), WithInterval(100*time.Millisecond))
	stands := func() (all []fileSample) {
		t.Helper()
		require.NoError(t, json.Unmarshal(d.sampleFiles(), &all))
		require.Len(t, all, 1)
		return all
	}
	require.Zero(t, stands()[0].Refused)
	require.Contains(t, string(d.history.greeting().data), `"files":[{"path":`)

	broken := rewrite(t, path, shop+"  \u202eevil: {deadline: 5}\n  b: {x: 1}\n", reloads)
	require.Error(t, broken.Err)
	is := stands()[0]
	require.NotZero(t, is.Refused)
	require.Len(t, is.Problems, 2)
	require.Contains(t, is.Problems[0], "services.yaml:12: services: the name ")
	require.NotContains(t, strings.Join(is.Problems, ""), "\u202e")

	require.NoError(t, rewrite(t, path, shop, reloads).Err)
	require.Zero(t, stands()[0].Refused)
	w.Close()
	require.True(t, stands()[0].Ended)
	require.True(t, look(t, d, "payments").InFile, "what the file said is still known")
}

// The record has each file that was refused, once, and when it was in force again. Otherwise what
// stands last in the log is that it is refused, if the file that came back changed nothing.
func TestARefusedFileIsNoted(t *testing.T) {
	path, w, reloads := watched(t, shop)
	d := following(t, w.Registry(), WithWatcher(w), WithInterval(time.Minute)) // so that the test makes the rounds
	s := &sampler{Dashboard: d, files: d.sampleFiles(), noted: []fileNote{{}}}
	s.tellFiles()
	var all changesAnswer
	read(t, d, "changes", &all)
	require.Empty(t, all.Changes)
	require.Error(t, rewrite(t, path, "services: 5\n", reloads).Err)
	s.tellFiles()
	s.tellFiles()
	require.NoError(t, rewrite(t, path, shop, reloads).Err)
	s.tellFiles()
	s.tellFiles()
	read(t, d, "changes", &all)
	require.Len(t, all.Changes, 2)
	require.Equal(t, path, all.Changes[1].File)
	require.Contains(t, all.Changes[1].What, "file refused: ")
	require.Contains(t, all.Changes[1].What, "services is 5")
	require.Equal(t, path, all.Changes[0].File)
	require.Equal(t, "file in force again", all.Changes[0].What)

	// A page that was opened while the file was refused hears of its end as well.
	require.Error(t, rewrite(t, path, "services: 6\n", reloads).Err)
	later := following(t, w.Registry(), WithWatcher(w), WithInterval(time.Minute))
	s = newSampler(later)
	require.NoError(t, rewrite(t, path, shop, reloads).Err)
	s.tellFiles()
	read(t, later, "changes", &all)
	require.Len(t, all.Changes, 1)
	require.Equal(t, "file in force again", all.Changes[0].What)
}

func TestWithWatcherRefuses(t *testing.T) {
	_, w, _ := watched(t, shop)
	_, other, _ := watched(t, shop)
	_, err := ForRegistry(w.Registry(), WithWatcher(nil), WithWatcher(w), WithWatcher(w))
	require.ErrorContains(t, err, "holdfastdash: WithWatcher is nil; want one that config.Watch returned")
	require.ErrorContains(t, err, "want each Watcher once")
	_, err = ForRegistry(w.Registry(), WithWatcher(other))
	require.EqualError(t, err, "holdfastdash: WithWatcher is of another registry; want the one that config.Watch returned for this registry")
	var all []*holdfast.Pipeline
	for _, p := range w.Registry().All() {
		all = append(all, p)
	}
	d, err := Handler(all, WithWatcher(other), WithWatcher(w))
	require.NoError(t, err)
	defer d.Close()
	require.Equal(t, "services.yaml", filepath.Base(look(t, d, "payments").File), "of the file whose registry has this very pipeline")
}

// The numbers of a Keyed's Total are those of all its keys.
func TestKnobsOfAKeyed(t *testing.T) {
	hosts, err := holdfast.NewKeyed[string]("hosts", holdfast.KeyedConfig{}, budget.Config{}, retry.Config{}, breaker.Config{Name: "host"})
	require.NoError(t, err)
	one := hosts.Get("a")
	k := sit(t, newDashboard(t, []*holdfast.Pipeline{hosts.Total()}, WithAuthorizer(byHeader)))
	require.Equal(t, "3", look(t, k.d, "hosts").at(t, "retry.max_retries").Value)
	require.Equal(t, http.StatusOK, k.send(k.order(`{"pipeline":"hosts","values":{"retry.max_retries":"1","breaker.open_for":"9s"},"was":{"retry.max_retries":"3","breaker.open_for":"5s"}}`)).Code)
	require.Equal(t, 1, hosts.Get("a").Stages()[1].(retry.Config).MaxRetries)
	_, err = config.Tune(t.Context(), one, "ana", map[string]string{"retry.max_retries": "2"})
	require.NoError(t, err)
	var all changesAnswer
	read(t, k.d, "changes", &all)
	require.Equal(t, changeLine{Pipeline: "hosts[a]", Key: "retry.max_retries", From: "1", To: "2"}, all.Changes[0].Changes[0], "of one key, which the page cannot turn")
}

// Hostile names come out as data, and nothing is turned for them.
func TestHostileOrders(t *testing.T) {
	name := "\u202epay<script>\"\n"
	k := sit(t, newDashboard(t, []*holdfast.Pipeline{newPipeline(t, name, []resilience.Stage{retry.Config{}}...)}, WithAuthorizer(byHeader)))
	require.Equal(t, name, look(t, k.d, name).Pipeline)
	quoted, err := json.Marshal(name)
	require.NoError(t, err)
	for _, value := range []string{"", " ", "1e99", "-1", "NaN", "0x10", "5 ", "!!int 5", "&a 5", "*a", "[5]", "{a: 5}", "5\n6", "\u202e5", "\x00", strings.Repeat("9", 60_000), "<img src=x onerror=alert(1)>"} {
		text, err := json.Marshal(value)
		require.NoError(t, err)
		answer := k.send(k.order(`{"pipeline":` + string(quoted) + `,"values":{"retry.max_retries":` + string(text) + `},"was":{"retry.max_retries":"3"}}`))
		require.Equal(t, http.StatusUnprocessableEntity, answer.Code, "%.40q: %.200s", value, answer.Body)
		require.Less(t, answer.Body.Len(), 1000, "%.40q", value)
	}
	answer := k.send(k.order(`{"pipeline":` + string(quoted) + `,"values":{` + many(200) + `},"was":{` + many(200) + `}}`))
	require.Equal(t, http.StatusUnprocessableEntity, answer.Code)
	require.Less(t, answer.Body.Len(), 64<<10)
}
