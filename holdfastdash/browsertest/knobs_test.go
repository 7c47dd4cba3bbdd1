package browsertest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/config"
	"github.com/media-gateway/holdfast/holdfastdash"
)

const file = `services:
  payments:
    deadline: 2s
    budget: {ratio: 0.1}
    retry: {max_retries: 2, adaptive: {}}
    breaker: {open_for: 4s}
    bulkhead: {max_concurrent: 20}
    ratelimit: {rate: 100}
    attempt_deadline: 500ms
`

// follow serves the page of a file. It returns the file's path, and a channel of its reloads.
func follow(t *testing.T, opts ...holdfastdash.Option) (p *page, path string, registry *holdfast.Registry, reloads chan config.Reload) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "services.yaml")
	require.NoError(t, os.WriteFile(path, []byte(file), 0o600))
	reloads = make(chan config.Reload, 1)
	w, err := config.Watch(t.Context(), path, holdfast.NewRegistry(), config.WithDebounce(time.Millisecond), config.WithOnReload(func(r config.Reload) { reloads <- r }))
	require.NoError(t, err)
	t.Cleanup(w.Close)
	d, err := holdfastdash.ForRegistry(w.Registry(), append([]holdfastdash.Option{holdfastdash.WithWatcher(w), holdfastdash.WithInterval(200 * time.Millisecond)}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(d.Close)
	return open(t, serve(t, d)), path, w.Registry(), reloads
}

func rewrite(t *testing.T, path, content string, reloads chan config.Reload) {
	t.Helper()
	require.NoError(t, os.WriteFile(path+".new", []byte(content), 0o600))
	require.NoError(t, os.Rename(path+".new", path))
	<-reloads
}

// knob returns what the page says of a number.
func knob(key, part string) string {
	return `[...document.querySelectorAll(".knob")].find((e) => e.querySelector("[name='` + key + `']"))?.querySelector("` + part + `")`
}

// A number shows the line that it comes from. It is turned, differs from the file, is written as
// YAML, and is turned back.
func TestANumberIsTurnedAndTurnedBack(t *testing.T) {
	p, path, registry, reloads := follow(t, allow())
	p.details("payments")
	p.until(knob("retry.max_retries", ".from") + `?.textContent === "services.yaml:5"`)
	require.Equal(t, "built-in template standard", eval[string](p, knob("budget.floor", ".from")+".textContent"))
	p.fill("payments", "retry.max_retries", "4")
	p.choose("payments", "breaker.ignore_unclassified", "true")
	p.click("payments", ".tuning [type=submit]")
	p.until(in("payments", ".result") + `.textContent === "Changed: retry.max_retries 2 → 4, breaker.ignore_unclassified false → true."`)
	p.until(knob("retry.max_retries", ".from") + `.textContent === "not as in the file: 2 (services.yaml:5)"`)
	require.Contains(t, registry.MustGet("payments").Snapshot().Chain, "retry 4×")
	require.Equal(t, "services:\n  payments:\n    retry:\n      max_retries: 4\n    breaker:\n      ignore_unclassified: true\n", p.text("payments", ".yaml pre"))

	p.until(`document.querySelectorAll("#log > li").length === 2`)
	const undo = `[...document.querySelectorAll("#log button")].find((e) => e.ariaLabel.startsWith("Undo: payments retry.max_retries back to 2"))`
	eval[chromedp.Void](p, undo+".click()")
	p.until(`document.querySelectorAll("#log > li").length === 3`)
	p.until(knob("retry.max_retries", "input") + `.value === "2"`)
	require.Contains(t, registry.MustGet("payments").Snapshot().Chain, "retry 2×")

	// A reload is told with its line, and what it changed can be turned back as well.
	rewrite(t, path, strings.Replace(file, "open_for: 4s", "open_for: 7s", 1), reloads)
	p.until(`document.querySelector("#log > li")?.textContent.includes("payments breaker.open_for 4s → 7s services.yaml:6")`)
	require.Contains(t, eval[string](p, `document.querySelector("#log > li .who").textContent`), "by services.yaml")
	p.until(knob("breaker.open_for", "input") + `.value === "7s"`)

	// Another page that is opened later knows what happened.
	later := open(t, p.origin)
	later.until(`document.querySelectorAll("#log > li").length === 4`)
}

// What somebody types stays while others turn the same number, and their change is not lost.
func TestTwoPeopleTurnTheSameNumber(t *testing.T) {
	p, _, registry, _ := follow(t, allow())
	p.details("payments")
	p.fill("payments", "retry.max_retries", "4")
	_, err := config.Tune(t.Context(), registry.MustGet("payments"), "bob", map[string]string{"retry.max_retries": "3"})
	require.NoError(t, err)
	p.until(knob("retry.max_retries", ".known") + `.textContent === "changed to 3 meanwhile; it was 2 when you began"`)
	require.Equal(t, "4", eval[string](p, knob("retry.max_retries", "input")+".value"))
	p.forgive("409")
	p.click("payments", ".tuning [type=submit]")
	p.until(knob("retry.max_retries", ".error") + `.textContent.includes('retry.max_retries is 3 now, and no longer "2"')`)
	require.Contains(t, registry.MustGet("payments").Snapshot().Chain, "retry 3×")
	p.until(in("payments", ".plan ul") + `.textContent === "retry.max_retries 3 → 4"`)
	p.click("payments", ".tuning [type=submit]")
	p.until(in("payments", ".result") + `.textContent === "Changed: retry.max_retries 3 → 4."`)
}

// What keeps many calls out is asked about once more, in one line.
func TestADangerousChangeAsksAgain(t *testing.T) {
	p, _, registry, _ := follow(t, allow())
	p.details("payments")
	p.fill("payments", "deadline", "900ms")
	p.click("payments", ".tuning [type=submit]")
	p.until(in("payments", ".plan .question") + `.textContent.startsWith("deadline 2s → 900ms: less than half: calls that succeed now may fail")`)
	require.Contains(t, registry.MustGet("payments").Snapshot().Chain, "deadline 2s")
	p.until(`document.activeElement.textContent === "No"`)

	// Who types on is asked about that as well, and stays in the field.
	question := in("payments", ".plan .question span") + ".textContent"
	p.fill("payments", "retry.max_retries", "9")
	p.until(question + `.endsWith("; retry.max_retries 2 → 9: more than double: more load on a dependency that may be down")`)
	p.fill("payments", "retry.max_retries", "2")
	require.NotContains(t, eval[string](p, question), "retry")
	p.fill("payments", "deadline", "1900ms")
	p.until(in("payments", ".plan .question") + `.hidden && document.activeElement.name === "deadline"`)
	p.fill("payments", "deadline", ".9s")
	p.click("payments", ".tuning [type=submit]")
	p.until(question + `.startsWith("deadline 2s → .9s: less than half")`)
	p.click("payments", ".plan .danger")
	p.until(in("payments", ".result") + `.textContent === "Changed: deadline 2s → 900ms."`)

	p.fill("payments", "deadline", "700ms") // not by half
	p.click("payments", ".tuning [type=submit]")
	p.until(in("payments", ".result") + `.textContent === "Changed: deadline 900ms → 700ms."`)
}

// A file that is refused is the first thing on the page, until it is mended.
func TestARefusedFileIsOnThePage(t *testing.T) {
	p, path, _, reloads := follow(t)
	p.until(`document.getElementById("foot").textContent.endsWith("read-only")`)
	require.True(t, eval[bool](p, `document.getElementById("files").hidden`))
	rewrite(t, path, "services:\n  payments: {deadline: 5}\n", reloads)
	p.until(`document.getElementById("files").textContent.includes("services.yaml is refused since ")`)
	require.Contains(t, eval[string](p, `document.getElementById("files").textContent`), "services.yaml:2: services.payments.deadline is 5; want a duration")
	p.until(`document.getElementById("log").textContent.includes("file refused: ")`)
	p.picture("refused-file")
	rewrite(t, path, file, reloads)
	p.until(`document.getElementById("files").hidden`)
	p.until(`document.getElementById("log").textContent.includes("file in force again")`)
}

// A reader who may not tune sees each number with its line, and no field, nor a button to turn
// back.
func TestReadersSeeNumbers(t *testing.T) {
	p, _, registry, _ := follow(t, holdfastdash.WithAuthorizer(func(*http.Request) (string, error) { return "", errors.New("want somebody on call") }))
	_, err := config.Tune(t.Context(), registry.MustGet("payments"), "bob", map[string]string{"retry.max_retries": "3"})
	require.NoError(t, err)
	p.details("payments")
	p.until(in("payments", ".knobs") + `.textContent.includes("max_retries3not as in the file: 2 (services.yaml:5)")`)
	p.until(`document.querySelectorAll("#log > li").length === 1`)
	require.Empty(t, eval[[]string](p, `[...document.querySelectorAll(".details input, .details select, .tuning button, #log button")].filter((e) => e.checkVisibility() && e.textContent !== "Copy").map((e) => e.outerHTML)`))
}

// A breaker can be isolated while the answer to another change is under way.
func TestABreakerIsIsolatedBesideASlowChange(t *testing.T) {
	pipelines := named(t, "payments")
	d := dashboard(t, pipelines, allow())
	p := open(t, serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if strings.Contains(string(body), "values") {
			<-r.Context().Done()
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		d.ServeHTTP(w, r)
	})))
	p.details("payments")
	p.fill("payments", "budget.ratio", "0.15")
	p.click("payments", ".tuning [type=submit]")
	p.until(in("payments", ".result") + `.textContent === "Sending…"`)
	p.click("payments", `[aria-label="Isolate breaker payments…"]`)
	p.click("payments", `[aria-label="Isolate breaker payments now"]`)
	p.until(in("payments", "td.state") + `.textContent === "isolated"`)
	p.forgive("ERR_")
}

// A change that is told while the page asks for those of before stays in the log, also if another
// one has the same time; and on a page that stays open, its time gets a date.
func TestAChangeIsToldWhileThePageAsksForOthers(t *testing.T) {
	const change = "event: change\ndata: " + `{"id":%d,"unix_ms":1700000000000,"pipelines":["payments"],"by":"code","what":"%s"}`
	asked, answer, later := make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
	mux := http.NewServeMux()
	mux.Handle("/", dashboard(t, named(t, "payments")))
	mux.HandleFunc("GET /changes", func(w http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		select {
		case <-answer:
			_, _ = io.WriteString(w, `{"changes":[{"id":1,"unix_ms":1700000000000,"pipelines":["payments"],"by":"code","what":"first"}]}`)
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("GET /events", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		send := func(s string) {
			_, _ = io.WriteString(w, s+"\n\n")
			_ = http.NewResponseController(w).Flush()
		}
		send(hello("payments", "null"))
		<-asked
		send(fmt.Sprintf(change, 2, "second"))
		select {
		case <-later:
			send(`event: tick` + "\n" + `data: {"unix_ms":1700090000000,"samples":{}}`)
			<-r.Context().Done()
		case <-r.Context().Done():
		}
	})
	p := open(t, serve(t, mux))
	p.until(`document.querySelectorAll("#log > li").length === 1`)
	close(answer)
	p.until(`[...document.querySelectorAll("#log > li span:first-of-type")].map((e) => e.textContent).join() === "second,first"`)
	close(later)
	day := eval[string](p, `new Date(1700000000000).toLocaleDateString("en-GB", {day: "numeric", month: "short"})`)
	p.until(`[...document.querySelectorAll("#log time")].every((e) => e.textContent.startsWith("` + day + `, "))`)
}
