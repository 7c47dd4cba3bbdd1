package browsertest

import (
	"errors"
	"net/http"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastdash"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

func TestBudgetIsChanged(t *testing.T) {
	pipelines := named(t, "payments", "auth")
	p := open(t, serve(t, dashboard(t, pipelines, allow())))
	p.details("payments")
	p.until(in("payments", ".why") + `.textContent.includes("logged under “ada”")`)
	p.until(in("payments", `input[name="budget.ratio"]`) + `?.value === "0.1"`)

	p.fill("payments", "budget.ratio", "0.2")
	p.fill("payments", "budget.burst", "25")
	require.Equal(t, "budget.ratio 0.1 → 0.2budget.burst 10 → 25", p.text("payments", ".plan ul"), "what will change is said before it is sent")
	p.click("payments", ".tuning [type=submit]")
	p.until(in("payments", ".result") + `.textContent === "Changed: budget.ratio 0.1 → 0.2, budget.burst 10 → 25."`)
	s := pipelines[0].Snapshot()
	require.Contains(t, s.Chain, "budget 20%+1/s")
	require.Equal(t, 25, s.Budget.Burst)
	require.Contains(t, pipelines[1].Snapshot().Chain, "budget 10%+1/s", "the other one stays")
	p.until(in("payments", ".chain") + `.textContent.includes("budget 20%")`)
	p.until(`document.querySelectorAll("#log li").length === 2`)
	require.Contains(t, eval[string](p, `document.getElementById("log").textContent`), "payments budget.ratio 0.1 → 0.2 by ada")

	p.until(in("payments", ".plan") + ".hidden")
}

// In the form, 0 means none, not the default.
func TestFloorOfZeroIsNone(t *testing.T) {
	pipelines := named(t, "payments")
	p := open(t, serve(t, dashboard(t, pipelines, allow())))
	p.details("payments")
	p.fill("payments", "budget.floor", "0")
	p.do(chromedp.KeyEvent(kb.Enter))
	p.until(in("payments", ".result") + `.textContent.startsWith("Changed: budget.floor 1 → ")`)
	require.Contains(t, pipelines[0].Snapshot().Chain, "budget 10% ")
	p.until(in("payments", ".chain") + `.textContent.includes("budget 10% ")`)
	require.Equal(t, "0", eval[string](p, in("payments", "input[name=\"budget.floor\"]")+".value"))
}

func TestBadValueShowsItsMessage(t *testing.T) {
	pipelines := named(t, "payments")
	p := open(t, serve(t, dashboard(t, pipelines, allow())))
	p.details("payments")
	before := pipelines[0].Snapshot().Chain
	ratio := in("payments", `input[name="budget.ratio"]`)
	alert := "document.getElementById(" + ratio + `.getAttribute("aria-describedby").split(" ")[2])`

	p.fill("payments", "budget.ratio", "-5")
	p.click("payments", ".tuning [type=submit]")
	p.until(ratio + `.getAttribute("aria-invalid") === "true"`)
	require.Contains(t, eval[string](p, alert+".textContent"), "payments: budget.ratio is -5; want a number from 0 to 1000")
	require.Equal(t, "alert", eval[string](p, alert+`.getAttribute("role")`))
	require.True(t, eval[bool](p, "document.activeElement === "+ratio), "the focus is where the mistake is")

	p.fill("payments", "budget.ratio", "a lot")
	p.click("payments", ".tuning [type=submit]")
	p.until(alert + `.textContent.includes('budget.ratio is the text "a lot"; want a number')`)
	require.Equal(t, before, pipelines[0].Snapshot().Chain)

	// New samples do not overwrite a field that the user has just cleared.
	p.fill("payments", "budget.ratio", kb.Backspace)
	p.until(in("payments", ".plan ul") + `.textContent === "budget.ratio 0.1 → (empty)"`)
	p.ticks(2)
	require.Empty(t, eval[string](p, ratio+".value"))

	p.click("payments", ".plan .actions [type=button]")
	p.until(ratio + `.value === "0.1" && !` + ratio + `.hasAttribute("aria-invalid")`)
	require.Empty(t, eval[string](p, alert+".textContent"))
}

func TestBreakerIsIsolatedAndReset(t *testing.T) {
	pipelines := named(t, "payments")
	p := open(t, serve(t, dashboard(t, pipelines, allow())))
	p.details("payments")
	p.click("payments", `[aria-label="Isolate breaker payments…"]`)
	require.Equal(t, breaker.StateClosed, pipelines[0].Snapshot().Breakers[0].State, "it asks first")
	p.until(`document.activeElement.textContent === "No"`)
	p.click("payments", `[aria-label="Isolate breaker payments now"]`)
	p.until(in("payments", ".standing") + `.textContent.includes("by ada, by hand; all calls kept out, until somebody resets it")`)
	require.Equal(t, breaker.StateIsolated, pipelines[0].Snapshot().Breakers[0].State)
	p.until(in("payments", ".details .strip .isolated") + `.getAttribute("d") !== ""`)

	p.click("payments", `[aria-label="Reset breaker payments"]`)
	p.until(in("payments", "td.state") + `.textContent === "closed"`)
	require.Equal(t, breaker.StateClosed, pipelines[0].Snapshot().Breakers[0].State)
	p.until(`document.getElementById("log").textContent.includes("breaker payments isolated → closed by ada")`)
}

// A list in which the user is editing keeps its order, and says so.
func TestOrderIsHeld(t *testing.T) {
	p := open(t, serve(t, dashboard(t, named(t, "payments", "auth"))))
	p.until(`document.querySelectorAll(".pipeline").length === 2`)
	eval[chromedp.Void](p, in("payments", ".name")+".focus()")
	p.until(`document.getElementById("shown").textContent === "order held while the focus is in the list"`)
	eval[chromedp.Void](p, "document.activeElement.blur()")
	p.until(`document.getElementById("shown").textContent === ""`)
}

// A reader who may not tune sees what is set, and why it cannot be changed here: no field, and no
// button that does nothing.
func TestReadOnly(t *testing.T) {
	tests := []struct {
		name string
		opts []holdfastdash.Option
		why  string
	}{
		{"no authorizer", nil, "Read-only. "},
		{"not authorized", []holdfastdash.Option{
			holdfastdash.WithAuthorizer(func(*http.Request) (string, error) { return "", errors.New("want a member of the on-call team") }),
		}, "want a member of the on-call team"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			pipelines := named(t, "payments")
			p := open(t, serve(t, dashboard(t, pipelines, tt.opts...)))
			p.details("payments")
			p.until(in("payments", ".why") + `.textContent.length > 20`)
			p.until(`document.getElementById("foot").textContent.endsWith("read-only")`)
			p.until(in("payments", ".why") + `.textContent.startsWith("Read-only. ")`)
			require.Contains(t, p.text("payments", ".why"), tt.why)
			require.Greater(t, len(p.text("payments", ".why")), len("Read-only. "))
			require.Empty(t, eval[[]string](p, `[...document.querySelectorAll(".details input, .details button, .details select")].filter((e) => e.checkVisibility()).map((e) => e.outerHTML)`))
			p.until(in("payments", ".knob .value"))
			require.Contains(t, p.text("payments", ".knobs"), "max_retries2set by code")
			require.False(t, eval[bool](p, `[...document.querySelectorAll(".breakers th, .breakers td")].some((e) => e.checkVisibility() && e.textContent.includes("by hand"))`))
			refused(t, p, pipelines[0])
		})
	}
}

// An injected script, or a user at the console, cannot change anything without the token.
func TestChangeWithoutTokenIsRefused(t *testing.T) {
	pipelines := named(t, "payments")
	p := open(t, serve(t, dashboard(t, pipelines, allow())))
	p.details("payments")
	refused(t, p, pipelines[0])
}

// refused sends a change from the page without a token.
func refused(t *testing.T, p *page, pipeline *holdfast.Pipeline) {
	t.Helper()
	before := pipeline.Snapshot().Chain
	eval[chromedp.Void](p, `void fetch("tune", {method: "POST", headers: {"Content-Type": "application/json"}, `+
		`body: JSON.stringify({pipeline: "payments", values: {"budget.ratio": "0.5"}, was: {"budget.ratio": "0.1"}})}).then(async (r) => { window.answer = [r.status, await r.text()] })`)
	p.until("window.answer")
	require.Equal(t, 403, eval[int](p, "window.answer[0]"))
	require.Contains(t, eval[string](p, "window.answer[1]"), `"errors"`)
	require.Equal(t, before, pipeline.Snapshot().Chain)
}

// Search, open, change and send with only the keyboard.
func TestKeyboardOnly(t *testing.T) {
	pipelines := named(t, "auth", "payments", "search")
	p := open(t, serve(t, dashboard(t, pipelines, allow())))
	p.until(`document.querySelectorAll(".pipeline").length === 3`)
	p.tab(`document.activeElement.id === "search"`)
	p.do(chromedp.KeyEvent("paym"))
	p.until(`document.querySelectorAll(".pipeline").length === 1`)
	require.Equal(t, "1 of 3 shown", eval[string](p, `document.getElementById("shown").textContent`))

	p.tab(`document.activeElement.textContent === "payments"`)
	require.NotEqual(t, "none", eval[string](p, "getComputedStyle(document.activeElement).outlineStyle"), "the focus is seen")
	p.do(chromedp.KeyEvent(kb.Enter))
	p.until(`document.activeElement.getAttribute("aria-expanded") === "true"`)
	p.until(in("payments", ".why") + `?.textContent.includes("ada")`)
	p.tab(`document.activeElement.name === "budget.ratio"`)
	p.do(chromedp.KeyEvent("0.15"), chromedp.KeyEvent(kb.Enter)) // tabbing to a field selects what is in it
	p.until(in("payments", ".result") + `.textContent === "Changed: budget.ratio 0.1 → 0.15."`)
	require.Contains(t, pipelines[1].Snapshot().Chain, "budget 15%")
	require.True(t, eval[bool](p, `document.activeElement.name === "budget.ratio"`), "the focus stays")

	const slash = `!document.activeElement.dispatchEvent(new KeyboardEvent("keydown", {key: "/", bubbles: true, cancelable: true}))`
	require.False(t, eval[bool](p, slash), "in a field, a slash is a slash")
	eval[chromedp.Void](p, "document.activeElement.blur()")
	require.True(t, eval[bool](p, slash))
	require.Equal(t, "search", eval[string](p, "document.activeElement.id"))
}

// tab presses Tab until a JavaScript expression is true.
func (p *page) tab(expression string) {
	p.t.Helper()
	for range 30 {
		p.do(chromedp.KeyEvent(kb.Tab))
		if eval[bool](p, expression) {
			return
		}
	}
	require.Fail(p.t, "cannot be reached by the Tab key", expression)
}

// choose changes a choice of a pipeline's form.
func (p *page) choose(pipeline, key, value string) {
	p.t.Helper()
	selector := `select[name="` + key + `"]`
	p.until(in(pipeline, selector))
	eval[chromedp.Void](p, "(() => { const e = "+in(pipeline, selector)+`; e.value = "`+value+`"; e.dispatchEvent(new Event("input", {bubbles: true})) })()`)
}
