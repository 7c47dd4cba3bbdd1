package browsertest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// patience is how long a test waits for the page to show something, on a machine that may be busy.
// It is longer than a round of the demo, so that an outage which was missed comes again.
const patience = 3 * time.Minute

// browser is the Chromium that all tests share. Each test has its own browser context.
var browser struct {
	sync.Once
	ctx  context.Context
	stop []context.CancelFunc
	err  error
}

func TestMain(m *testing.M) {
	code := m.Run()
	for i := len(browser.stop); i > 0; i-- {
		browser.stop[i-1]()
	}
	os.Exit(code)
}

func chromium() (string, error) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", exec.ErrNotFound
}

// start returns a context in which pages of the browser can be opened.
func start(t *testing.T) context.Context {
	t.Helper()
	path, err := chromium()
	if err != nil {
		const advice = "no Chromium found; install it, for example by apt-get install chromium"
		if os.Getenv("HOLDFAST_REQUIRE_SERVICES") != "" {
			t.Fatal(advice)
		}
		t.Skip(advice)
	}
	browser.Do(func() {
		opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.DisableGPU,
			chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
		if os.Geteuid() == 0 {
			opts = append(opts, chromedp.NoSandbox) // which does not work for root
		}
		ctx, cancel := chromedp.NewExecAllocator(context.Background(), opts...)
		browser.stop = append(browser.stop, cancel)
		browser.ctx, cancel = chromedp.NewContext(ctx)
		browser.stop = append(browser.stop, cancel)
		browser.err = chromedp.Do(browser.ctx)
	})
	require.NoError(t, browser.err, "starting %s", path)
	return browser.ctx
}

// page is the dashboard in its own tab.
type page struct {
	t      *testing.T
	ctx    context.Context
	origin string

	mu       sync.Mutex
	asked    []string // every URL that was asked for
	problems []string // what the browser complained of in its console
	forgiven []string // parts of complaints that are none
}

// open opens the dashboard at url. When the test ends, the page must have asked only its own
// server, and the console must be empty.
func open(t *testing.T, url string, first ...chromedp.Action[chromedp.Void]) *page {
	t.Helper()
	p := &page{t: t, origin: url}
	ctx, cancel := chromedp.NewContext(start(t), chromedp.WithNewBrowserContext(), chromedp.WithListener(p.hear))
	t.Cleanup(cancel)
	p.ctx = ctx
	p.do(first...)
	p.do(chromedp.Navigate(url))
	t.Cleanup(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		require.NotEmpty(t, p.asked)
		for _, asked := range p.asked {
			require.Truef(t, strings.HasPrefix(asked, p.origin) || strings.HasPrefix(asked, "data:"), "the page asked for %s", asked)
		}
		require.Empty(t, p.complaints(), "the browser's console")
	})
	return p
}

// hear records requests and the browser's errors. It ignores the error for a refused change, which
// the test expects.
func (p *page) hear(ev any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch ev := ev.(type) {
	case *network.EventRequestWillBeSent:
		p.asked = append(p.asked, ev.Request.URL)
	case *network.EventWebSocketCreated:
		p.asked = append(p.asked, ev.URL)
	case *runtime.EventExceptionThrown:
		text := ev.ExceptionDetails.Text
		if e := ev.ExceptionDetails.Exception; e != nil {
			text += " " + e.Description
		}
		p.problems = append(p.problems, text)
	case *runtime.EventConsoleAPICalled:
		for _, arg := range ev.Args {
			p.problems = append(p.problems, fmt.Sprintf("console.%s %s %s", ev.Type, arg.Value, arg.Description))
		}
	case *log.EventEntryAdded:
		if ev.Entry.Source != log.EntrySourceNetwork || ev.Entry.URL != p.origin+"tune" && ev.Entry.URL != p.origin+"fleet" && !strings.HasPrefix(ev.Entry.URL, p.origin+"knobs?") {
			p.problems = append(p.problems, fmt.Sprintf("%s: %s (%s)", ev.Entry.Level, ev.Entry.Text, ev.Entry.URL))
		}
	}
}

// forgive ignores the browser's errors that contain text, earlier and later ones: those about a
// server that the test stops, for example.
func (p *page) forgive(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forgiven = append(p.forgiven, text)
}

// asks returns how often the page has asked for a path.
func (p *page) asks(path string) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, asked := range p.asked {
		if asked == p.origin+path {
			n++
		}
	}
	return n
}

// complaints returns the errors that are not ignored. mu must be held.
func (p *page) complaints() []string {
	return slices.DeleteFunc(slices.Clone(p.problems), func(problem string) bool {
		return slices.ContainsFunc(p.forgiven, func(text string) bool { return strings.Contains(problem, text) })
	})
}

// do runs the steps in order. The first one creates the tab, which lives as long as its context.
func (p *page) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	for _, step := range steps {
		ctx, cancel := p.ctx, context.CancelFunc(func() {})
		if chromedp.FromContext(p.ctx).Target != nil {
			ctx, cancel = context.WithTimeout(p.ctx, patience)
		}
		err := chromedp.Do(ctx, step)
		cancel()
		require.NoError(p.t, err)
	}
}

// eval returns the value of a JavaScript expression.
func eval[T any](p *page, expression string) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	require.NoError(p.t, err, expression)
	return v
}

// until waits for a JavaScript expression to be true.
func (p *page) until(expression string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	holds := func() bool {
		v, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("Boolean("+expression+")"))
		return err == nil && v
	}
	for !holds() {
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			require.FailNow(p.t, "the page never came to it", "%s\nIt shows:\n%s", expression, eval[string](p, "document.body.innerText"))
		}
	}
}

// in returns a JavaScript expression for the element of a pipeline that matches a selector.
func in(pipeline, selector string) string {
	return fmt.Sprintf(`[...document.querySelectorAll(".pipeline")].find((e) => e.querySelector(".name").textContent === %q)?.querySelector(%q)`, pipeline, selector)
}

func (p *page) text(pipeline, selector string) string {
	p.t.Helper()
	return eval[string](p, "("+in(pipeline, selector)+")?.textContent ?? ''")
}

// click waits for the element of a pipeline that matches a selector, and clicks it.
func (p *page) click(pipeline, selector string) {
	p.t.Helper()
	p.until(in(pipeline, selector))
	eval[chromedp.Void](p, in(pipeline, selector)+".click()")
}

// open opens a pipeline's details.
func (p *page) details(pipeline string) {
	p.t.Helper()
	p.click(pipeline, ".name")
	p.until(in(pipeline, ".details"))
}

// fill types a value into a field of a pipeline's form, as a person would.
func (p *page) fill(pipeline, field, value string) {
	p.t.Helper()
	p.until(in(pipeline, `input[name="`+field+`"]`))
	eval[chromedp.Void](p, "(() => { const e = "+in(pipeline, `input[name="`+field+`"]`)+"; e.focus(); e.select() })()")
	p.do(chromedp.KeyEvent(value))
}

// set changes the value of a control at the top of the page.
func (p *page) set(id, value string) {
	p.t.Helper()
	eval[chromedp.Void](p, fmt.Sprintf(`(() => { const e = document.getElementById(%q); e.value = %q; e.dispatchEvent(new Event("input")) })()`, id, value))
}

// scheme sets the preferred color scheme: light or dark.
func scheme(s string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: s}},
		})
		return err
	})
}

// ticks waits until the page has handled n more ticks.
func (p *page) ticks(n int) {
	p.t.Helper()
	eval[chromedp.Void](p, `window.ticked = 0; new PerformanceObserver((l) => window.ticked += l.getEntriesByName("tick").length).observe({type: "measure"})`)
	p.until(fmt.Sprintf("window.ticked >= %d", n))
}

// picture takes a screenshot of the whole page, window one of the visible part: for a person to
// look at.
func (p *page) picture(name string) { p.keep(name, chromedp.FullScreenshot(100)) }
func (p *page) window(name string)  { p.keep(name, chromedp.CaptureScreenshot()) }

// keep writes a screenshot to HOLDFAST_SCREENSHOTS, if that is set.
func (p *page) keep(name string, shot chromedp.Action[[]byte]) {
	p.t.Helper()
	dir := os.Getenv("HOLDFAST_SCREENSHOTS")
	if dir == "" {
		dir = p.t.TempDir()
	}
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	png, err := chromedp.Run(ctx, shot)
	require.NoError(p.t, err)
	require.Greater(p.t, len(png), 5000, "a picture of nothing")
	require.NoError(p.t, os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600))
}

// fits requires that nothing is wider than the window.
func (p *page) fits() {
	p.t.Helper()
	wide := eval[[]string](p, `(() => {
		if (document.documentElement.scrollWidth <= innerWidth) return [];
		return [...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.tagName + "." + e.className);
	})()`)
	require.Empty(p.t, wide, "wider than the window")
}
