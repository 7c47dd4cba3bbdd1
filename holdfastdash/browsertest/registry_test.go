package browsertest

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastdash"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// services returns services with these names.
func services(names ...string) holdfast.Services {
	set := holdfast.Services{}
	for _, name := range names {
		set[name] = []resilience.Stage{budget.Config{Ratio: 0.1, Floor: 1}, retry.Config{MaxRetries: 2}, breaker.Config{}}
	}
	return set
}

// Services are added and removed while the page is open. The page follows, keeps what the user is
// editing, and can tune the new ones.
func TestServicesComeAndGo(t *testing.T) {
	r := holdfast.NewRegistry()
	d, err := holdfastdash.ForRegistry(r, allow(),
		holdfastdash.WithLogger(slog.New(slog.DiscardHandler)), holdfastdash.WithInterval(200*time.Millisecond))
	require.NoError(t, err)
	t.Cleanup(d.Close)
	p := open(t, serve(t, d))
	p.until(`document.getElementById("empty").textContent === "There are no pipelines now. Those that come will be here."`)
	require.Equal(t, "0 pipelines", eval[string](p, `document.getElementById("verdict").textContent`))

	require.NoError(t, r.Apply(services("payments")))
	p.until(`document.getElementById("empty").hidden && document.querySelectorAll(".pipeline").length === 1`)
	p.details("payments")
	p.until(in("payments", `input[name="budget.ratio"]`) + `.value === "0.1"`) // with its first sample
	p.fill("payments", "budget.ratio", "0.")
	eval[any](p, `window.typing = document.activeElement; null`)

	require.NoError(t, r.Apply(services("audit", "payments", "search")))
	p.until(`document.querySelectorAll(".pipeline").length === 3`)
	p.until(`document.getElementById("log").textContent.includes("audit, search added")`)
	require.True(t, eval[bool](p, `document.activeElement === window.typing && window.typing.value === "0."`), "whoever types is left alone")
	require.Equal(t, "payments", eval[string](p, `document.querySelector(".pipeline .name").textContent`), "what is new stands behind")

	p.details("search")
	p.until(in("search", `input[name="budget.ratio"]`) + `.value === "0.1"`)
	p.fill("search", "budget.ratio", "0.2")
	p.click("search", ".tuning [type=submit]")
	p.until(in("search", ".result") + `.textContent === "Changed: budget.ratio 0.1 → 0.2."`)
	search := r.MustGet("search")
	require.InDelta(t, 0.2, search.Budget().Config().Ratio, 0)
	require.Contains(t, p.text("search", ".why"), "They last until the program, or the file that it follows, sets other numbers.")

	// A removed service is marked while a call is in flight, and then disappears.
	done := make(chan struct{})
	ended := make(chan error)
	go func() { ended <- search.Do(context.Background(), func(context.Context) error { <-done; return nil }) }()
	p.until(in("search", ".standing") + `.textContent.includes("1 call in flight")`)
	require.NoError(t, r.Apply(services("audit", "payments")))
	p.until(in("search", ".standing") + `.textContent.trim() === "Removed: 1 call in flight"`)
	p.picture("removed")
	close(done)
	require.NoError(t, <-ended)
	p.until(`document.querySelectorAll(".pipeline").length === 2`)
	p.until(`document.getElementById("log").textContent.includes("search removed")`)

	// Nobody asks for the numbers of what is gone, though its details were open.
	askedPayments, askedSearch := p.asks("knobs?pipeline=payments"), p.asks("knobs?pipeline=search")
	require.NoError(t, r.Apply(services("audit", "payments", "users")))
	p.until(`document.querySelectorAll(".pipeline").length === 3`)
	require.Eventually(t, func() bool { return p.asks("knobs?pipeline=payments") >= askedPayments+2 }, patience, 10*time.Millisecond) // by the hello, and by the session
	require.Equal(t, askedSearch, p.asks("knobs?pipeline=search"))
	require.NoError(t, r.Apply(services("audit", "payments")))
	p.until(`document.querySelectorAll(".pipeline").length === 2`)
	require.Equal(t, "true", eval[string](p, in("payments", ".name")+`.getAttribute("aria-expanded")`), "the others stay as they were")

	// A page that is opened later shows the current services.
	p2 := open(t, p.origin)
	p2.until(`document.querySelectorAll(".pipeline").length === 2`)
	require.NoError(t, r.Apply(services()))
	p.until(`document.querySelectorAll(".pipeline").length === 0 && !document.getElementById("empty").hidden`)
	p2.until(`document.getElementById("log").textContent.includes("audit, payments removed")`)
}
