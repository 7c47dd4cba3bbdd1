package browsertest

import (
	"log/slog"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/demo"
)

// outage is the demo, with an early outage and a recovery that lasts as long as the test.
func outage() demo.Config {
	c := demo.Round()
	c.Healthy, c.Outage, c.Recovery = 3*time.Second, 9*time.Second, 60*time.Second
	return c
}

// One outage of the demo. The page shows its beginning and its end, and the pipeline that is kept
// down by its own retries recovers when its budget is enforced.
func TestOutageIsSeenAndEndedByHand(t *testing.T) {
	start(t) // which takes its time: the outage is soon
	web, err := demo.StartWeb(t.Context(), outage(), "127.0.0.1:0", slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(web.Close) // after the page is closed
	p := open(t, web.URL(), chromedp.EmulateViewport(1280, 800), scheme("light"))

	p.until(`document.querySelectorAll(".pipeline").length === 3`)
	p.until(`document.getElementById("link").textContent === "live"`)
	require.Regexp(t, "^3 pipelines, ", eval[string](p, `document.getElementById("verdict").textContent`)) // on a slow machine, one may be in trouble by now
	require.Contains(t, p.text("payments", ".chain"), "slow 5×, refunds → retry 3×")
	require.Contains(t, p.text("search", ".of-breaker"), "This pipeline has no breaker.")

	p.until(in("payments", `.of-traffic path.calls`) + `.getAttribute("d").length > 20`)
	p.until("window.before = " + in("payments", `.of-traffic path.calls`) + `.getAttribute("d")`)

	// Which of them opens first is random.
	open := `[...document.querySelectorAll(".pipeline")].find((e) => e.querySelector(".standing").textContent.includes("Breaker open: since "))`
	p.until(open + `?.dataset.level === "trouble"`)
	p.until("window.before !== " + in("payments", `.of-traffic path.calls`) + `.getAttribute("d")`) // the chart moves
	p.until(open + `?.querySelector(".strip .open").getAttribute("d") !== ""`)
	require.Regexp(t, `^\(\d\) Holdfast$`, eval[string](p, "document.title"))
	p.until(in("search", ".also") + `?.textContent.includes("retries in shadow (the budget would refuse")`)

	p.picture("light")
	p.do(scheme("dark"))
	p.picture("dark")
	p.do(chromedp.EmulateViewport(360, 740))
	p.fits()
	p.picture("phone-dark")
	p.do(scheme("light"))
	p.picture("phone")
	p.do(chromedp.EmulateViewport(1280, 800))

	p.until(in("payments", ".standing") + `?.textContent.startsWith("All well")`)
	p.until(in("search", ".sign") + `?.textContent === "✕"`)
	p.details("search")
	p.choose("search", "budget.shadow", "false")
	p.click("search", ".tuning [type=submit]")
	p.until(in("search", ".result") + `?.textContent === "Changed: budget.shadow true → false."`)
	for _, pipeline := range web.Pipelines() {
		require.NotContains(t, pipeline.Snapshot().Chain, "shadow", pipeline.Name())
	}
	p.until(`document.getElementById("log").textContent.includes("search budget.shadow true → false by you")`)
	p.until(in("search", ".details path.changed") + `?.getAttribute("d") !== ""`)
	p.until(in("search", ".standing") + `?.textContent.startsWith("All well")`)
	p.picture("details")
	p.do(scheme("dark"))
	p.picture("details-dark")
}
