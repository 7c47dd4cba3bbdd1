package browsertest

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/holdfastdash"
)

// What the page shows when it is opened.
func TestStandingInWords(t *testing.T) {
	const well = `"calls":100,"attempts":101,"good":100,"amp":1.01,"live":3`
	tests := []struct {
		name, sample, want, level string
	}{
		{"well", `{` + well + `}`, "All well", "well"},
		{"no calls", `{"calls":0,"attempts":0,"good":0,"live":0}`, "No calls", "idle"},
		{"open", `{` + well + `,"denied":{"breaker_open":40},"breakers":[{"name":"a","state":"open","retry_in_seconds":2.1,"failures":12,"requests":20}]}`,
			"Breaker open: next probe in 3 s; 40 calls/s refused", "trouble"},
		{"isolated", `{` + well + `,"breakers":[{"name":"a","state":"isolated","failures":0,"requests":0}]}`,
			"Breaker isolated: all calls kept out, until somebody resets it or the order for the fleet is over", "trouble"},
		{"half-open", `{` + well + `,"breakers":[{"name":"a","state":"half-open","failures":0,"requests":0}]}`,
			"Breaker probing: a few calls test whether it is back", "trouble"},
		{"refusing", `{` + well + `,"budget":{"tokens":0,"burst":10,"ratio":0.1,"floor":1,"shadow":false,"on":"success","refused":12,"shadow_refused":0}}`,
			"Budget empty: 12 retries/s refused", "trouble"},
		{"shadow", `{` + well + `,"budget":{"tokens":0,"burst":10,"ratio":0.1,"floor":1,"shadow":true,"on":"success","refused":0,"shadow_refused":12}}`,
			"Retries in shadow: the budget would refuse 12 retries/s", "watch"},
		{"amplified", `{"calls":100,"attempts":260,"good":100,"amp":2.6,"live":3}`, "Retries multiply the load: ×2.60 attempts per call", "trouble"},
		{"full", `{` + well + `,"limits":[{"stage":"bulkhead","of":"places","full":"Bulkhead full","used":5,"max":5,"waiting":0,"refused":7}]}`, "Bulkhead full: 7 calls/s refused", "trouble"},
		{"two full", `{` + well + `,"limits":[{"stage":"bulkhead","of":"places","full":"Bulkhead full","used":5,"max":5,"waiting":0,"refused":7},{"stage":"bulkhead","of":"places","full":"Bulkhead full","used":5,"max":5,"waiting":0,"refused":6,"adaptive":true}]}`,
			"Bulkhead full: 7 calls/s refused Also adaptive bulkhead full (6 calls/s refused).", "trouble"},
		{"failing", `{"calls":100,"attempts":101,"good":55,"amp":1.01,"live":3}`, "Calls fail: 45 % end with an error", "trouble"},
		{"failing a little", `{"calls":100,"attempts":101,"good":98,"amp":1.01,"live":3}`, "Some calls fail: 2 % end with an error", "watch"},
		{"unclassified", `{"calls":100,"attempts":100,"good":80,"amp":1,"live":3,"unclassified":{"rate":20,"kinds":[{"what":"*pay.Decline","rate":15,"count":90},{"what":"*pay.Odd","rate":5,"count":200},{"what":"old","rate":0,"count":7}]}}`,
			"Errors that nobody classified: 20/s, not retried: *pay.Decline, *pay.Odd Also calls fail (20 % end with an error).", "trouble"},
		{"a few unclassified", `{` + well + `,"unclassified":{"rate":1,"kinds":[{"what":"*pay.Decline","rate":1,"count":90}]}}`,
			"Errors that nobody classified: 1/s, not retried: *pay.Decline", "watch"},
		{"unclassified an hour ago", `{` + well + `,"unclassified":{"rate":0,"kinds":[{"what":"*pay.Decline","rate":0,"count":90}]}}`, "All well", "well"},
		{"keys", `{` + well + `,"breakers":[{"name":"hosts","state":"closed","failures":0,"requests":0}],"keys":{"all":3,"open":3,"names":["a","b","c"]}}`,
			"3 of 3 keys in trouble: the breaker is not closed of a, b, c", "trouble"},
		{"a few keys", `{` + well + `,"keys":{"all":120,"open":7,"names":["a","b","c","d","e"],"no_room":4}}`,
			"7 of 120 keys in trouble: the breaker is not closed of a, b, c, d, e, …; 4 calls/s found no room for their key", "watch"},
		{"keys that are well", `{` + well + `,"keys":{"all":120,"open":0}}`, "All well", "well"},
		{"the worst first", `{"calls":1300,"attempts":0,"good":0,"amp":0,"live":3,"breakers":[{"name":"a","state":"closed","failures":0,"requests":9},{"name":"b","state":"open","retry_in_seconds":70,"failures":12,"requests":20}]}`,
			"Breaker b open: next probe in 70 s Also calls fail (100 % end with an error).", "trouble"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := open(t, telling(t, hello("payments", tt.sample)))
			p.until(in("payments", ".standing strong"))
			require.Equal(t, tt.want, strings.TrimSpace(p.text("payments", ".standing")))
			require.Equal(t, tt.level, eval[string](p, `document.querySelector(".pipeline").dataset.level`))
		})
	}
}

// The kinds of unclassified errors are shown, whatever their text is.
func TestUnclassifiedErrorsAreNamed(t *testing.T) {
	p := open(t, telling(t, hello("payments", `{"calls":9,"attempts":9,"good":0,"live":0,"unclassified":{"rate":3,"more":2,`+
		`"kinds":[{"what":"<b>odd</b>","rate":3,"count":1340},{"what":"*pay.Decline","rate":0,"count":7}]}}`)))
	p.details("payments")
	kinds := `[...document.querySelectorAll(".details table")].find((t) => t.caption.textContent === "Errors that nobody classified")`
	p.until(kinds + `?.hidden === false`)
	require.Equal(t, []string{"<b>odd</b>|3/s|1.3k", "*pay.Decline|0/s|7"},
		eval[[]string](p, `[...`+kinds+`.tBodies[0].rows].map((r) => [...r.cells].map((c) => c.textContent).join("|"))`))
	require.Contains(t, p.text("payments", ".details .facts"), "2 further kinds not shown. They are not retried")

	long := `*errors.errorString \"` + strings.Repeat("no such thing-", 8) + `\"`
	p = open(t, telling(t, hello("payments", `{"calls":9,"attempts":9,"good":0,"live":0,"unclassified":{"rate":3,"kinds":[{"what":"`+long+`","rate":3,"count":3}]}}`)),
		chromedp.EmulateViewport(360, 740))
	p.details("payments")
	p.until(kinds + `?.hidden === false`)
	p.fits()
	p.picture("unclassified-phone")

	p = open(t, telling(t, hello("payments", `{"calls":9,"attempts":9,"good":9,"live":0}`)))
	p.details("payments")
	p.until(kinds + `?.hidden === true`)
	require.True(t, eval[bool](p, `[...document.querySelectorAll(".facts .muted")].at(-1).hidden`))
}

// The page shows that a frame was dropped, and shows the frames after it.
func TestDroppedFramesAreShown(t *testing.T) {
	p := open(t, telling(t, hello("payments", "null"),
		"event: tick\ndata: "+`{"dropped":3,"unix_ms":1700000001000,"viewers":2,"samples":{"0":{"calls":1340,"attempts":1340,"good":1340,"amp":1,"live":3}}}`))
	p.until(`document.getElementById("foot").textContent.includes("3 frames dropped · 2 viewers")`)
	p.until(`document.getElementById("link").textContent === "live, 3 frames dropped"`)
	p.until(in("payments", ".of-traffic .number") + `.textContent === "1.3k"`)
}

// A name is shown as text, even if it contains HTML.
func TestNamesAreNotMarkup(t *testing.T) {
	const name = `<img src=x onerror=alert(1)>"'&`
	p := open(t, serve(t, dashboard(t, named(t, name), allow())))
	p.until(`document.querySelector(".name")`)
	require.Equal(t, name, eval[string](p, `document.querySelector(".name").textContent`))
	p.details(name)
	require.False(t, eval[bool](p, `document.querySelector("img") !== null`))
}

// The program stops and starts again.
func TestConnectionLostAndBack(t *testing.T) {
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := l.Addr().String()
	d := dashboard(t, named(t, "payments"))
	s := &http.Server{Handler: d, ReadHeaderTimeout: time.Minute}
	go func() { _ = s.Serve(l) }() // until it is closed
	p := open(t, "http://"+addr+"/")
	p.until(`document.getElementById("link").dataset.state === "live"`)

	p.forgive("net::ERR_")
	require.NoError(t, s.Close())
	p.until(`/^reconnecting… last data .+ ago$/.test(document.getElementById("link").textContent)`)
	require.True(t, eval[bool](p, `document.body.hasAttribute("data-stale")`))
	p.until(`/^No connection since \d\d:\d\d:\d\d, data may be old. Then: 1 pipeline, none in trouble$/.test(document.getElementById("verdict").textContent)`)
	require.Equal(t, "unknown", eval[string](p, `document.getElementById("verdict").dataset.level`), "not green")
	require.Equal(t, "(no connection) Holdfast", eval[string](p, "document.title"))
	require.Regexp(t, `\d\d:\d\d:\d\d$`, p.text("payments", ".of-traffic .x"), "it is now no more")
	require.True(t, eval[bool](p, in("payments", ".number")+" !== null"), "what was known stays")

	l, err = lc.Listen(t.Context(), "tcp", addr)
	require.NoError(t, err)
	s = &http.Server{Handler: d, ReadHeaderTimeout: time.Minute}
	go func() { _ = s.Serve(l) }() // until it is closed
	defer s.Close()                //nolint:errcheck // nobody is left to care
	p.until(`document.getElementById("link").textContent === "live" && !document.body.hasAttribute("data-stale")`)
	p.until(`document.getElementById("verdict").dataset.level === "well" && document.title === "Holdfast"`)
}

// Two open pipelines on a phone, and a list of a thousand.
func TestPhone(t *testing.T) {
	p := open(t, serve(t, dashboard(t, named(t, "payments", "an-unusually-long-name-of-a-pipeline-for-everyone"), allow())), chromedp.EmulateViewport(360, 740))
	p.details("payments")
	p.details("an-unusually-long-name-of-a-pipeline-for-everyone")
	p.fits()
	p.fill("payments", "budget.ratio", "-5")
	p.click("payments", ".tuning [type=submit]")
	p.until(in("payments", "[aria-invalid=true]"))
	p.fits()
	p.click("payments", `[aria-label="Isolate breaker payments…"]`)
	p.fits()
	p.picture("phone-details")
}

func TestThousandPipelines(t *testing.T) {
	var names []string
	for i := range 1000 {
		names = append(names, fmt.Sprintf("service-%03d", i))
	}
	pipelines := named(t, names...)
	traffic(t, pipelines, func(name string) bool { return name == "service-613" })
	p := open(t, serve(t, dashboard(t, pipelines, allow(), holdfastdash.WithInterval(time.Second))), chromedp.EmulateViewport(1280, 800))
	p.until(`document.querySelectorAll(".pipeline").length === 1000`)
	eval[chromedp.Void](p, `window.took = []; new PerformanceObserver((l) => took.push(...l.getEntriesByName("tick").map((e) => e.duration))).observe({type: "measure"})`)

	p.until(`document.querySelector(".pipeline .name").textContent === "service-613"`)
	p.until(`document.querySelector(".pipeline .standing").textContent.startsWith("Breaker open")`)
	require.Less(t, eval[int](p, `document.querySelectorAll(".brief").length`), 100, "only what is in sight is made")
	require.Equal(t, "calls, last minute", eval[string](p, `document.getElementById("span").textContent`))
	p.window("thousand")

	p.until("took.length >= 5")
	took := eval[[]float64](p, "took.sort((a, b) => a - b)")
	t.Logf("a tick of 1000 pipelines takes %.1f ms, at the most %.1f ms, of %d", took[len(took)/2], took[len(took)-1], len(took))

	p.do(chromedp.SendKeys(chromedp.ID("search"), "service-77"))
	p.until(`document.querySelectorAll(".pipeline").length === 10`)
	require.Equal(t, "10 of 1000 shown", eval[string](p, `document.getElementById("shown").textContent`))
	p.details("service-777")
	p.until(in("service-777", ".of-traffic .number") + `.textContent !== "–"`)

	p.set("search", "")
	p.until(`document.querySelectorAll(".pipeline").length === 1000`)
	p.do(chromedp.Click(chromedp.ID("only")))
	p.until(`document.querySelectorAll(".pipeline").length === 1`)
	p.do(chromedp.Click(chromedp.ID("only")))
	p.set("sort", "name")
	p.until(`document.querySelector(".pipeline .name").textContent === "service-000"`)
	eval[chromedp.Void](p, "scrollTo(0, document.body.scrollHeight)")
	p.until(in("service-999", ".brief .number") + `?.textContent !== "–"`)

	p.do(chromedp.EmulateViewport(360, 740))
	p.fits()
}

// A screen reader can read everything on the page.
func TestEveryControlHasAName(t *testing.T) {
	pipelines := named(t, "payments", "auth")
	traffic(t, pipelines, none)
	p := open(t, serve(t, dashboard(t, pipelines, allow())))
	p.details("payments")
	p.click("payments", `[aria-label="Isolate breaker payments…"]`)
	p.until(in("payments", ".of-traffic .drawing") + `.getAttribute("aria-label").startsWith("Per second over the last 12 seconds: good now ")`)
	require.Equal(t, "calls, last 12 s", eval[string](p, `document.getElementById("span").textContent`))

	seen := p.roles()
	for _, role := range []string{"button", "searchbox", "combobox", "checkbox", "textbox", "heading", "image", "article", "table"} {
		require.NotZerof(t, seen[role], "no %s in %v", role, seen)
	}
}

// roles counts what a screen reader finds, by role. What it can use must have a name.
func (p *page) roles() map[string]int {
	t := p.t
	t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	tree, err := chromedp.Call(ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	require.NoError(t, err)
	seen := map[string]int{}
	for _, n := range tree.Nodes {
		role := axText(t, n.Role)
		switch role {
		case "button", "textbox", "searchbox", "combobox", "checkbox", "link", "heading", "image", "img", "region", "form", "article", "table", "group", "list":
		default:
			continue
		}
		if n.Ignored {
			continue
		}
		seen[role]++
		require.NotEmptyf(t, axText(t, n.Name), "a %s without a name: %+v", role, n)
	}
	return seen
}

func axText(t *testing.T, v *accessibility.Value) string {
	t.Helper()
	if v == nil || len(v.Value) == 0 {
		return ""
	}
	var s any
	require.NoError(t, json.Unmarshal(v.Value, &s))
	return fmt.Sprint(s)
}
