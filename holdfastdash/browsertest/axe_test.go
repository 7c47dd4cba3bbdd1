package browsertest

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/config"
	"github.com/media-gateway/holdfast/holdfastdash"
)

// axe returns axe-core, which checks a page by the rules of WCAG. It is no part of this repository:
// .ci/run installs it from npm. HOLDFAST_AXE is where its axe.min.js is; without it, it is looked
// for where .ci/run puts it.
func axe(t *testing.T) string {
	t.Helper()
	home, _ := os.UserHomeDir() //nolint:errcheck // then it is not found
	cache := cmp.Or(os.Getenv("HOLDFAST_CI_CACHE"), filepath.Join(cmp.Or(os.Getenv("XDG_CACHE_HOME"), filepath.Join(home, ".cache")), "holdfast-ci"))
	installed, err := filepath.Glob(filepath.Join(cache, "axe-core-*", "node_modules", "axe-core", "axe.min.js"))
	require.NoError(t, err)
	slices.Sort(installed)
	slices.Reverse(installed) // the newest first
	for _, file := range append([]string{os.Getenv("HOLDFAST_AXE")}, installed...) {
		if source, err := os.ReadFile(file); err == nil {
			return string(source)
		}
	}
	advice := "no axe-core found; install it by: npm install --prefix " + filepath.Join(cache, "axe-core-4.14.1") + " axe-core@4.14.1"
	if os.Getenv("HOLDFAST_REQUIRE_SERVICES") != "" {
		t.Fatal(advice)
	}
	t.Skip(advice)
	return ""
}

// Every state of the page passes the rules of WCAG 2.2, A and AA, that a program can check.
func TestAxeFindsNothing(t *testing.T) {
	source := axe(t)
	const (
		since   = `"since_unix_ms":1699999760000`
		trouble = `{"calls":100,"attempts":40,"good":20,"amp":1.2,"live":3,"p50_seconds":0.01,"p99_seconds":0.2,"denied":{"breaker_open":70},"refused":{"breaker_open":60},` +
			`"budget":{"tokens":3,"burst":10,"ratio":0.1,"floor":1,"shadow":false,"on":"success","refused":12,"shadow_refused":0},` +
			`"limits":[{"stage":"bulkhead","of":"places","full":"Bulkhead full","used":5,"max":5,"waiting":0,"refused":7}],` +
			`"breakers":[{"name":"a","state":"open","retry_in_seconds":2,"failures":9,"requests":9},{"name":"b","state":"isolated","failures":0,"requests":0},{"name":"c","state":"half-open","failures":1,"requests":2}]}`
		why = `{"heard_unix_ms":1699999940000,"recent":{"window_seconds":60,"calls":500,"failed":40,"refused":120,"reasons":{"breaker_open":120},"last_unix_ms":1699999999000},` +
			`"errors":{"kinds":[{"what":"*net.OpError","message":"connection refused","verdict":"transient","count":40,"rate":20,"last_unix_ms":1700000000000}]},` +
			`"breakers":[{"name":"a","why":"9 failures in a row (ConsecutiveFailures is 5)",` + since + `},{"name":"b","by":"ana",` + since + `},{"name":"c",` + since + `,"probes":3}]}`
	)
	busy := func(t *testing.T, opts ...holdfastdash.Option) string {
		t.Helper()
		pipelines := named(t, "payments", "auth", "search")
		traffic(t, pipelines, func(name string) bool { return name == "auth" })
		return serve(t, dashboard(t, pipelines, opts...))
	}
	var gone *httptest.Server
	inTrouble := func(p *page) {
		p.details("payments")
		p.until(in("payments", ".errors-seen tbody tr"))
	}
	looks := []struct {
		name   string
		width  int64
		scheme string
	}{{"light", 1280, "light"}, {"dark", 1280, "dark"}, {"phone", 390, "light"}}
	for _, c := range []struct {
		name  string
		looks int
		url   func(t *testing.T) string
		ready func(p *page)
	}{
		{"tuning", 3, func(t *testing.T) string {
			t.Helper()
			return busy(t, allow())
		}, func(p *page) {
			p.details("payments")
			p.fill("payments", "budget.ratio", "0.9")
			p.click("payments", ".tuning [type=submit]")
			p.until(in("payments", ".plan .question:not([hidden])"))
			p.click("payments", `[aria-label="Isolate breaker payments…"]`)
			p.until(in("auth", ".also") + `.textContent !== ""`)
		}},
		{"knobs", 3, func(t *testing.T) string {
			t.Helper()
			p, path, registry, reloads := follow(t, allow())
			_, err := config.Tune(t.Context(), registry.MustGet("payments"), "bob", map[string]string{"retry.max_retries": "3"})
			require.NoError(t, err)
			rewrite(t, path, "services: 5\n", reloads)
			return p.origin
		}, func(p *page) {
			p.details("payments")
			p.fill("payments", "deadline", "3s")
			p.fill("payments", "budget.ratio", "0.15")
			p.click("payments", ".yaml summary")
			p.until(`document.getElementById("files").textContent.includes("is refused")`)
			p.until(`document.querySelector("#log .undo")`)
		}},
		{"read-only", 2, func(t *testing.T) string {
			t.Helper()
			return busy(t, holdfastdash.WithAuthorizer(func(*http.Request) (string, error) { return "", errors.New("want a member of the on-call team") }))
		}, func(p *page) { p.details("payments") }},
		{"trouble", 3, func(t *testing.T) string {
			t.Helper()
			return telling(t, knowing("payments", trouble, why))
		}, inTrouble},
		{"200 pipelines", 1, func(t *testing.T) string {
			t.Helper()
			var names []string
			for i := range 200 {
				names = append(names, fmt.Sprintf("service-%03d", i))
			}
			pipelines := named(t, names...)
			traffic(t, pipelines, func(name string) bool { return name == "service-113" })
			return serve(t, dashboard(t, pipelines))
		}, func(p *page) {
			p.until(in("service-113", ".standing strong") + `?.textContent.startsWith("Breaker open")`)
		}},
		{"fleet", 3, func(t *testing.T) string {
			t.Helper()
			return telling(t, told(`{"fleet":"shop","pod":"pod-1","apart":false,"hands":true,"idle":"write breaker: {fleet: on}","budgets":[{"name":"payments","level":7,"leased":3,"given":1,"lost":1,"refused":2,"floor_share":0.25,"why":"no answer"}]}`,
				`{"name":"payments","state":"isolated","orders":[{"kind":"isolate","by":"ana@example.com","why":"card scheme down","at_unix_ms":1699999820000,"until_unix_ms":1700000060000}],`+numbers+`}`,
				`{"name":"search","state":"half-open",`+strings.Replace(numbers, `"failing":0`, `"failing":1`, 1)+`}`))
		}, func(p *page) {
			p.until(member(".orders li"))
			p.press(`[aria-label="Order for all pods: payments…"]`)
			p.until(member(".order"))
			require.Contains(p.t, eval[string](p, member(".orders")+".textContent"), "Isolated by ana@example.com: “card scheme down”, given at ")
			require.Equal(p.t, "payments|7|3|1, 1 without an answer|2 retries|25 %", eval[string](p, `[...document.querySelector(".pools tbody tr").cells].map((c) => c.textContent).join("|")`))
			require.Contains(p.t, eval[string](p, `document.querySelector(".fleet").textContent`), "write breaker: {fleet: on}")
		}},
		{"disconnected", 2, func(t *testing.T) string {
			t.Helper()
			gone = httptest.NewServer(saying(t, knowing("payments", trouble, why)))
			t.Cleanup(gone.Close)
			return gone.URL + "/"
		}, func(p *page) {
			inTrouble(p)
			p.forgive("net::ERR_")
			require.NoError(p.t, gone.Listener.Close())
			gone.CloseClientConnections()
			p.until(`document.getElementById("verdict").textContent.startsWith("No connection since ")`)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := open(t, c.url(t), chromedp.EmulateViewport(1280, 800), scheme("light"))
			c.ready(p)
			name := strings.ReplaceAll(c.name, " ", "-")
			eval[chromedp.Void](p, "void (() => {"+source+"\n})()")
			for _, look := range looks[:c.looks] {
				p.do(chromedp.EmulateViewport(look.width, 844), scheme(look.scheme))
				p.fits()
				require.Empty(t, p.violations(), look.name)
				if os.Getenv("HOLDFAST_SCREENSHOTS") != "" {
					p.picture(name + "-" + look.name)
				}
			}
		})
	}
}

// violations runs axe on the page as it is, and returns what it finds.
func (p *page) violations() []string {
	p.t.Helper()
	eval[chromedp.Void](p, `void (window.found = null, window.took = performance.now(), axe.run(document, {
		runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"], rules: {"target-size": {enabled: true}}, resultTypes: ["violations"],
		selectors: false, iframes: false, preload: false,
	}).then((r) => { window.took = performance.now() - window.took; window.found = r.violations.flatMap((v) => v.nodes.map((n) => v.id + ": " + n.html.slice(0, 200) + " " + n.failureSummary)) }, (err) => { window.found = [String(err)] }))`)
	p.until("window.found")
	p.t.Logf("%d nodes in %.0f ms", eval[int](p, `document.querySelectorAll("*").length`), eval[float64](p, "window.took"))
	return eval[[]string](p, "window.found")
}
