package browsertest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// clockOf returns a JavaScript expression for a time as the page writes it.
func clockOf(ms int64) string { return fmt.Sprintf(`new Date(%d).toLocaleTimeString("en-GB")`, ms) }

// knowing is a hello of one pipeline with three samples, taken at 1700000000000, and the latest.
func knowing(name, sample, latest string) string {
	return strings.TrimSuffix(hello(name, sample), "}]}") + `,"latest":` + latest + "}]}"
}

// Why a breaker is not closed, since when, and by whose order.
func TestWhyABreakerIsNotClosed(t *testing.T) {
	const (
		calls  = `"calls":100,"attempts":101,"good":100,"amp":1.01,"live":3`
		since  = 1700000000000 - 240_000
		closed = `{` + calls + `,"breakers":[{"name":"a","state":"%s","failures":%d,"requests":%d}]}`
	)
	for _, c := range []struct{ name, sample, latest, want string }{
		{"open", fmt.Sprintf(closed, "open", 0, 0), `"why":"17 of 20 outcomes in 10s failed (85%; FailureRatio is 50%)","since_unix_ms":%d`,
			"Breaker open: since %s (4 min); it opened after 17 of 20 outcomes in 10s failed (85%%; FailureRatio is 50%%); next call probes"},
		{"by an order for a fleet", fmt.Sprintf(closed, "isolated", 0, 0), `"why":"by ana@example.com for the fleet: \"card scheme down\", until 2026-01-02T15:04:05Z","since_unix_ms":%d`,
			"Breaker isolated: since %s (4 min), by ana@example.com for the fleet: \"card scheme down\", until 2026-01-02T15:04:05Z; all calls kept out, until that order is over, or somebody resets it"},
		{"by hand", fmt.Sprintf(closed, "isolated", 0, 0), `"by":"<b>mary</b>","since_unix_ms":%d`,
			"Breaker isolated: since %s (4 min), by <b>mary</b>, by hand; all calls kept out, until somebody resets it"},
		{"probing", fmt.Sprintf(closed, "half-open", 1, 2), `"why":"1 failure (ConsecutiveFailures is 1)","since_unix_ms":%d,"probes":5,"need_successes":4`,
			"Breaker probing: since %s (4 min); 2 of 5 probes came back, 1 failed, 4 have to succeed; it opened after 1 failure (ConsecutiveFailures is 1)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			latest := `{"breakers":[{"name":"a",` + fmt.Sprintf(strings.ReplaceAll(strings.ReplaceAll(c.latest, "%", "%%"), "%%d", "%d"), since) + `}]}`
			p := open(t, telling(t, knowing("payments", c.sample, latest)))
			p.until(in("payments", ".standing strong"))
			want := fmt.Sprintf(c.want, eval[string](p, clockOf(since)))
			require.Equal(t, want, strings.TrimSpace(p.text("payments", ".standing")))
			p.details("payments")
			_, why, _ := strings.Cut(want, ": ")
			require.Contains(t, p.text("payments", ".whys"), why, "the details say it too")
		})
	}
}

// Two breakers without names of their own have that of the pipeline. Each has its row, its outage
// and its last minute.
func TestTwoBreakersOfOneName(t *testing.T) {
	const breakers = `"breakers":[{"name":"payments","state":"closed","failures":1,"requests":9},{"name":"payments","state":"open","retry_in_seconds":3,"failures":0,"requests":0}]`
	p := open(t, telling(t, knowing("payments", `{"calls":100,"attempts":101,"good":100,"amp":1.01,"live":3,`+breakers+`}`,
		`{"breakers":[{"name":"payments","nth":1,"why":"10 failures in a row","since_unix_ms":1700000000000}]}`)))
	p.details("payments")
	p.until(in("payments", "td.state"))
	require.Equal(t, "Breaker payments (2) open: since "+eval[string](p, clockOf(1700000000000))+" (just now); it opened after 10 failures in a row; next probe in 3 s", strings.TrimSpace(p.text("payments", ".standing")))
	require.Equal(t, []string{"payments|closed|–|1 of 9", "payments (2)|open|3 s|–"},
		eval[[]string](p, `[...document.querySelector(".breakers tbody").rows].map((r) => [...r.cells].slice(0, 4).map((c) => c.textContent).join("|"))`))
	require.Equal(t, []string{"Breaker payments now closed", "Breaker payments (2) now open"},
		eval[[]string](p, `[...document.querySelectorAll(".breakers .drawing")].map((e) => e.getAttribute("aria-label").split(";")[0])`))
}

// The errors of late, and what came before the page was opened. What a dependency wrote is text.
func TestErrorsAreShown(t *testing.T) {
	const at = 1700000000000
	long := strings.Repeat("a-very-long-type.", 9)
	p := open(t, telling(t, knowing("payments", `{"calls":100,"attempts":40,"good":20,"live":3,"denied":{"breaker_open":70,"budget_exhausted":2},"refused":{"breaker_open":60},`+
		`"breakers":[{"name":"`+long+`","state":"closed","failures":0,"requests":9}]}`,
		fmt.Sprintf(`{"heard_unix_ms":%d,"recent":{"window_seconds":60,"calls":3808,"failed":40,"refused":120,"permanent":10,"reasons":{"breaker_open":120,"permanent":10,"retries_exhausted":30},"unclassified":["*pay.Odd"],"last_unix_ms":%d},`+
			`"errors":{"more_kinds":2,"more_errors":33,"kinds":[`+
			`{"what":"*net.OpError","message":"<img src=x onerror=alert(1)> connection refused","verdict":"transient","reason":"retries_exhausted","count":1340,"rate":20,"last_unix_ms":%d},`+
			`{"what":"%s","message":"%s","verdict":"permanent","count":3,"rate":0,"last_unix_ms":%d}]}}`, at-60_000, at-3000, at, long, strings.Repeat("w", 240), at-30_000))),
		chromedp.EmulateViewport(1280, 800))
	p.details("payments")
	at3 := eval[string](p, clockOf(at-3000))
	require.Equal(t, "In the last 60 s, 160 of 3.8k calls went wrong: 40 failed, 120 were refused. Why: breaker open 120, all attempts used 30, not worth a retry 10. "+
		"The last one at "+at3+". Nobody has classified *pay.Odd.", p.text("payments", ".recent"))
	require.Equal(t, []string{
		"*net.OpError<img src=x onerror=alert(1)> connection refused|worth a retry|all attempts used|1.3k|20/s|now",
		long + strings.Repeat("w", 240) + "|the caller's fault|retried|3|0/s|" + eval[string](p, clockOf(at-30_000)),
	}, eval[[]string](p, `[...document.querySelectorAll(".errors-seen tbody tr")].map((r) => [...r.cells].map((c) => c.textContent).join("|"))`))
	require.Contains(t, p.text("payments", ".wrong"), "33 further errors not shown")
	require.Contains(t, p.text("payments", ".standing"), "80 % end with an error, most often “<img src=x onerror=alert(1)> connection refused”")
	require.False(t, eval[bool](p, `document.querySelector("img") !== null`))

	// Refused calls stand apart from the latency, which no call has here.
	require.Equal(t, "60 breaker open", eval[string](p, in("payments", ".of-traffic .figure:nth-child(4) dd")+".textContent"))
	require.Equal(t, "–", strings.TrimSpace(eval[string](p, in("payments", ".of-latency dd")+".textContent")))
	require.Contains(t, p.text("payments", ".facts"), "breaker open70/s60/s")

	// A sample a minute: the charts and their tables span an hour.
	require.Equal(t, []string{"last 60 min", "last 60 min"}, eval[[]string](p, `[...document.querySelectorAll(".facts th:last-child")].filter((e) => e.textContent.startsWith("last ")).map((e) => e.textContent)`))
	require.Equal(t, "last 60 min", eval[string](p, `document.querySelector(".breakers td:last-child").dataset.label`))

	// A long name ends in "…", and is whole in its title.
	require.True(t, eval[bool](p, `[...document.querySelectorAll(".what, .breakers .long")].filter((e) => e.textContent.length > 100).every((e) => e.scrollWidth > e.clientWidth && getComputedStyle(e).textOverflow === "ellipsis" && e.title === e.textContent)`))
	p.fits()
	p.picture("errors")
	p.do(chromedp.EmulateViewport(390, 844))
	p.fits()
	p.picture("errors-phone")
}

// What is not known is hatched, and is not 0: before the first sample, where a sample was missed,
// and where no call has a duration. The charts say when.
func TestNoDataIsNotZero(t *testing.T) {
	const s = `{"calls":0,"attempts":0,"good":0,"live":0,"breakers":[{"name":"a","state":"closed","failures":0,"requests":0}]}`
	p := open(t, telling(t, `event: hello`+"\n"+`data: {"dropped":0,"title":"Holdfast","interval_seconds":60,"unix_ms":1700000000000,"history":10,`+
		`"pipelines":[{"name":"payments","chain":"retry 3×","samples":[`+s+`,null,{},null,{},`+s+`]}]}`,
		"event: tick\ndata: "+`{"dropped":0,"unix_ms":1700000120000,"viewers":1,"missed":1,"samples":{"0":`+s+`}}`))
	hatched := func(tile string) string {
		return eval[string](p, in("payments", tile+" path.nodata")+`.getAttribute("d")`)
	}
	p.until(in("payments", ".of-traffic .nodata") + `?.getAttribute("d").startsWith("M0 100L1 0M1 100")`)
	// Ten slots: two before the first sample, two samples, a gap and its like, one, the missed one.
	p.until(in("payments", ".of-traffic .nodata") + `?.getAttribute("d") === "M0 100L1 0M1 100L2 0M4 100L5 0M5 100L6 0M6 100L7 0M8 100L9 0"`)
	require.Equal(t, hatched(".of-traffic"), hatched(".of-breaker"))
	require.Equal(t, 10, strings.Count(hatched(".of-latency"), "M"), "no call, no duration")
	require.Contains(t, eval[string](p, in("payments", ".of-latency .drawing")+`.getAttribute("aria-label")`), "median: no data")
	require.Equal(t, eval[string](p, clockOf(1700000120000-600_000))+"now", p.text("payments", ".of-traffic .x"))
	p.details("payments")
	require.Equal(t, eval[string](p, clockOf(1700000120000-600_000))+eval[string](p, clockOf(1700000120000-300_000))+"now", p.text("payments", ".large .x"))
	require.Equal(t, "closed½half-openOopenIisolatedno data", p.text("payments", ".details .legend"))
}
