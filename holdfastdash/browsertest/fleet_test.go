package browsertest

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/fleet"
	"github.com/media-gateway/holdfast/holdfastdash"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

// pods returns pods of a fleet that have a pipeline each, called payments, and their fleets.
func pods(t *testing.T, n int, opts ...fleet.Option) (pipelines []*holdfast.Pipeline, fleets []*fleet.Fleet) {
	t.Helper()
	store := fleet.InProcess()
	for range n {
		p := made(t, "payments")
		f, err := fleet.Join(t.Context(), store, "shop", append(opts, fleet.WithLogger(slog.New(slog.DiscardHandler)))...)
		require.NoError(t, err)
		t.Cleanup(f.Leave)
		f.Add(p)
		pipelines, fleets = append(pipelines, p), append(fleets, f)
	}
	return pipelines, fleets
}

func key() fleet.Option { return fleet.WithKey([]byte("the key of a fleet, of 32 bytes.")) }

// member returns a JavaScript expression for the element in the first service's row of a fleet.
func member(selector string) string {
	return fmt.Sprintf(`document.querySelector(".member")?.querySelector(%q)`, selector)
}

func (p *page) press(selector string) {
	p.t.Helper()
	p.until(member(selector))
	eval[chromedp.Void](p, member(selector)+".click()")
}

// One page isolates all pods, after it has asked for a reason and again; it shows the order, and
// withdraws it.
func TestFleetIsIsolatedAndWithdrawn(t *testing.T) {
	pipelines, fleets := pods(t, 3, key())
	p := open(t, serve(t, dashboard(t, pipelines[:1], allow(), holdfastdash.WithFleet(fleets[0]))))
	p.until(`document.querySelector(".fleet summary")?.textContent.includes("Fleet shop3 pods, 1 service")`)
	p.until(`document.querySelector(".fleet .why").textContent === "Orders are for all pods, given and logged under “ada”. Each ends by itself."`)

	p.press(`[aria-label="Order for all pods: payments…"]`)
	p.until(`document.activeElement.name === "why"`)
	p.press(`[aria-label="Isolate payments in all pods…"]`)
	p.until(member("input[name=why]") + `.getAttribute("aria-invalid") === "true"`)
	require.Contains(t, eval[string](p, member(".of-why .error")+".textContent"), "want a reason")
	p.do(chromedp.KeyEvent("card scheme down"))
	p.press(`[aria-label="Isolate payments in all pods…"]`)
	p.until(`document.activeElement.textContent === "No"`)
	require.Equal(t, "Keep every call of payments out, in all 3 pods?", eval[string](p, member(".question span")+".textContent"))
	require.Equal(t, breaker.StateClosed, pipelines[2].Breakers()[0].State())
	p.press(`[aria-label="Isolate payments in all pods now"]`)
	p.until(member(".orders") + `.textContent.startsWith("Isolated by ada: “card scheme down”, given at ") && ` + member(".orders") + `.textContent.endsWith("ends in 30 min")`)
	p.until(member(".standing") + `.textContent === "Isolated in all pods"`)
	require.Eventually(t, func() bool {
		for _, p := range pipelines {
			if p.Breakers()[0].State() != breaker.StateIsolated {
				return false
			}
		}
		return true
	}, patience, 10*time.Millisecond)
	p.until(`document.getElementById("log").textContent.includes("by ada for the fleet")`)
	p.picture("fleet-isolated")

	p.press(`[aria-label="Withdraw isolation of payments"]`)
	p.until(member(".orders") + `.childElementCount === 0`)
	require.Eventually(t, func() bool { return pipelines[2].Breakers()[0].State() == breaker.StateClosed }, patience, 10*time.Millisecond)
	p.until(`document.querySelector(".order").contains(document.activeElement)`)

	p.press(`[aria-label="Set ratio of the budget of payments in all pods"]`)
	p.until(member(".of-ratio .error") + `.textContent.includes("want a number, such as 0.1")`)
	p.do(chromedp.KeyEvent("5000"), chromedp.KeyEvent(kb.Tab))
	p.press(`[aria-label="Set ratio of the budget of payments in all pods"]`)
	p.until(member(".of-ratio .error") + `.textContent.includes("ratio is 5000; want more than 0, and at most 1000")`)
	p.do(chromedp.KeyEvent(kb.Backspace), chromedp.KeyEvent(kb.Backspace), chromedp.KeyEvent(kb.Backspace), chromedp.KeyEvent(kb.Backspace), chromedp.KeyEvent("0"))
	p.press(`[aria-label="Set ratio of the budget of payments in all pods"]`)
	p.until(member(".orders") + `.textContent.startsWith("Budget ratio 0 by ada: “card scheme down”")`)
	require.NotZero(t, p.roles()["textbox"])
}

// Who may not tune, sees no knobs of a fleet, and why; nor does anybody whose pod has no key.
func TestFleetWithoutKnobs(t *testing.T) {
	for _, c := range []struct {
		name, why string
		key       []fleet.Option
		opt       holdfastdash.Option
	}{
		{"not authorized", "Read-only. want a member of the on-call team", []fleet.Option{key()}, holdfastdash.WithAuthorizer(func(*http.Request) (string, error) {
			return "", errors.New("want a member of the on-call team")
		})},
		{"no key", "Read-only. This pod gives no orders: it has joined the fleet without a key (fleet.WithKey).", nil, allow()},
	} {
		t.Run(c.name, func(t *testing.T) {
			pipelines, fleets := pods(t, 1, c.key...)
			p := open(t, serve(t, dashboard(t, pipelines, c.opt, holdfastdash.WithFleet(fleets[0]))))
			p.until(`document.querySelector(".fleet .why")?.textContent === ` + fmt.Sprintf("%q", c.why))
			p.until(member(".standing"))
			require.Empty(t, eval[[]string](p, `[...document.querySelectorAll(".fleet button, .fleet input")].filter((e) => e.checkVisibility()).map((e) => e.outerHTML)`))
			eval[chromedp.Void](p, `void fetch("fleet", {method: "POST", headers: {"Content-Type": "application/json"}, body: `+
				`JSON.stringify({service: "payments", order: "isolate", why: "x"})}).then(async (r) => { window.answer = [r.status, await r.text()] })`)
			p.until("window.answer")
			require.Equal(t, 403, eval[int](p, "window.answer[0]"))
		})
	}
}

// told is a hello of a fleet of services.
func told(head string, members ...string) string {
	return `event: hello` + "\n" + `data: {"dropped":0,"title":"Holdfast","interval_seconds":60,"unix_ms":1700000000000,"history":60,` +
		`"pipelines":[],"fleets":[{"head":` + head + `,"members":[` + strings.Join(members, ",") + `]}]}`
}

const (
	head    = `{"fleet":"shop","pod":"pod-1","apart":false,"hands":true}`
	numbers = `"age_seconds":0,"pods":41,"speaking":40,"failing":0,"open":0,"successes":200,"failures":15`
)

// How a service of a fleet stands, in words, and the fleet.
func TestFleetInWords(t *testing.T) {
	for _, c := range []struct{ name, head, member, fleet, word, level string }{
		{"well", head, `{"name":"a","state":"closed",` + numbers + `}`, "41 pods, 1 service ", "All well", "well"},
		{"open", head, `{"name":"a","state":"closed",` + strings.Replace(numbers, `"open":0`, `"open":37`, 1) + `}`, "41 pods, 1 service, 1 with open breakers ", "Open in 37 of 41 pods", "trouble"},
		{"failing", head, `{"name":"a","state":"closed",` + strings.Replace(numbers, `"failing":0`, `"failing":1`, 1) + `}`, "41 pods, 1 service ", "1 of 40 pods failing", "watch"},
		{"banned", head, `{"name":"a","state":"open","banned":true,` + numbers + `}`, "41 pods, 1 service ", "This pod goes by itself: its probes failed, and those of others succeeded", "watch"},
		{"ordered", head, `{"name":"a","state":"closed","orders":[{"kind":"tune","by":"ada","why":"x","until_unix_ms":1700000060000,"ratio":0}],` + numbers + `}`, "41 pods, 1 service, 1 order in force ", "An order is in force", "watch"},
		{"no news yet", head, `{"name":"a","state":"closed","pods":0,"speaking":0,"failing":0,"open":0,"successes":0,"failures":0}`, "0 pods, 1 service ", "No news yet", "idle"},
		{"apart", `{"fleet":"shop","pod":"p","apart":true,"why":"no <b>store</b>","hands":true}`, `{"name":"a","state":"closed",` + numbers + `}`,
			"No news from its store. Every breaker goes by itself. no <b>store</b>", "All well", "well"},
		{"left", `{"fleet":"shop","pod":"p","apart":false,"left":true,"hands":true}`, `{"name":"a","state":"closed",` + numbers + `}`, "This pod has left it; this is how it was then. ", "All well", "well"},
		{"forged", `{"fleet":"shop","pod":"p","apart":false,"forged":3,"hands":true}`, `{"name":"a","state":"closed",` + numbers + `}`, "41 pods, 1 service, 3 forged orders refused ", "All well", "well"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := open(t, telling(t, told(c.head, c.member)))
			p.until(member(".standing"))
			require.Equal(t, c.fleet, eval[string](p, `document.querySelector(".fleet summary .standing").textContent`))
			require.Equal(t, c.word, eval[string](p, member(".standing")+".textContent"))
			require.Equal(t, c.level, eval[string](p, `document.querySelector(".member").dataset.level`))
		})
	}
}

// Names that are long or hostile: they are text, end in an ellipsis, and widen nothing; in light
// and dark, on a phone and a wide screen, the text can be read.
func TestFleetOnAPhone(t *testing.T) {
	long := strings.Repeat("an-unusually-long-name", 12)
	order := `"orders":[{"kind":"isolate","by":"` + long + `","why":"` + strings.Repeat("w", 256) + `","until_unix_ms":1700000060000}],`
	for _, scheme := range []chromedp.Action[chromedp.Void]{scheme("light"), scheme("dark")} {
		p := open(t, telling(t, told(head,
			`{"name":"`+long+`","state":"half-open","holder":"`+long+`",`+order+numbers+`}`,
			`{"name":"<img src=x onerror=alert(1)>","state":"closed","holder":"<b>\u0000\ufffd",`+strings.Replace(numbers, `"failing":0`, `"failing":1`, 1)+`}`,
			`{"name":"c","state":"closed",`+numbers+`}`)), chromedp.EmulateViewport(360, 740), scheme)
		p.until(member(".orders li"))
		p.fits()
		require.Zero(t, eval[int](p, `document.querySelectorAll(".member img, .member b").length`))
		require.True(t, eval[bool](p, `(() => { const e = `+member("h3")+`; return e.scrollWidth > e.clientWidth && getComputedStyle(e).textOverflow === "ellipsis" && e.title === e.textContent })()`))
		require.True(t, eval[bool](p, `(() => { const e = `+member(".figure:nth-child(7) dd")+`; return e.scrollWidth > e.clientWidth && getComputedStyle(e).textOverflow === "ellipsis" })()`), "who probes")
		p.readable()
		p.roles()
		p.picture("fleet-phone")
		p.do(chromedp.EmulateViewport(1280, 800))
		p.fits()
		p.picture("fleet-wide")
	}
}

// readable requires that the contrast of the fleets' texts is that of WCAG 2.2 AA: 4.5 to 1.
func (p *page) readable() {
	p.t.Helper()
	require.Empty(p.t, eval[[]string](p, `(() => {
		const rgb = (c) => c.match(/[\d.]+/g).map(Number);
		const light = (c) => { const [r, g, b] = rgb(c).map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
		const ground = (e) => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor; if (rgb(c)[3] !== 0) return c; } return "rgb(255,255,255)"; };
		const bad = [];
		for (const e of document.querySelectorAll("#fleets *")) {
			if (![...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim()) || !e.checkVisibility()) continue;
			const [a, b] = [light(getComputedStyle(e).color), light(ground(e))].sort((x, y) => y - x);
			if ((a + 0.05) / (b + 0.05) < 4.5) bad.push(e.outerHTML);
		}
		return bad;
	})()`), "hard to read")
}

// Many services: they can be searched, and a tick touches what is different.
func TestFleetOfManyServices(t *testing.T) {
	var members []string
	for i := range 500 {
		members = append(members, fmt.Sprintf(`{"name":"service-%03d","state":"closed",%s}`, i, numbers))
	}
	p := open(t, telling(t, told(head, members...), "event: tick\ndata: "+
		`{"dropped":0,"unix_ms":1700000001000,"viewers":1,"samples":{},"fleets":{"0":{"members":{"7":{"name":"service-007","state":"open",`+
		strings.Replace(numbers, `"open":0`, `"open":1`, 1)+`}}}}}`))
	p.until(`document.querySelector(".fleet summary .standing")?.textContent.startsWith("41 pods, 500 services, 1 with open breakers")`)
	require.False(t, eval[bool](p, `document.querySelector(".fleet").open`), "many services are not in the way of the pipelines")
	eval[chromedp.Void](p, `document.querySelector(".fleet summary").click()`)
	shown := `[...document.querySelectorAll(".member")].filter((e) => !e.hidden)`
	p.until(shown + `.length === 500`)
	p.set("search", "service-00")
	p.until(shown + `.length === 10`)
	p.do(chromedp.Click(chromedp.ID("only")))
	p.until(shown + `.length === 1`)
	require.Equal(t, "Open in 1 of 41 pods", eval[string](p, shown+`[0].querySelector(".standing").textContent`))
}
