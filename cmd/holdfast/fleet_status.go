package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/media-gateway/holdfast/internal/brief"
	"github.com/media-gateway/holdfast/internal/cli"
	"github.com/media-gateway/holdfast/internal/visible"
	"github.com/media-gateway/holdfast/internal/wordwrap"
)

// fleetsTold is how the fleets of a pod stand, as its page tells it and as -json prints it. The
// fields are those of fleet.Stats.
type fleetsTold struct {
	Fleets []fleetTold `json:"fleets"`
}

type fleetTold struct {
	Fleet    string        `json:"fleet"`
	Pod      string        `json:"pod"`
	Apart    bool          `json:"apart"`
	Why      string        `json:"why,omitempty"`
	Left     bool          `json:"left,omitempty"`
	Ticks    uint64        `json:"ticks"`
	Misses   uint64        `json:"misses"`
	Troubles uint64        `json:"troubles"`
	Advised  uint64        `json:"advised"`
	Refused  uint64        `json:"refused"`
	Hands    bool          `json:"hands"`
	Forged   uint64        `json:"forged"`
	Services []serviceTold `json:"services,omitempty"`
}

type serviceTold struct {
	Name      string      `json:"name"`
	State     string      `json:"state"`
	Pods      uint64      `json:"pods"`
	Speaking  uint64      `json:"speaking"`
	Failing   uint64      `json:"failing"`
	Open      uint64      `json:"open"`
	Successes uint64      `json:"successes"`
	Failures  uint64      `json:"failures"`
	Probes    bool        `json:"probes"`
	Banned    bool        `json:"banned"`
	Holder    string      `json:"holder,omitempty"`
	Orders    []orderTold `json:"orders,omitempty"`
	Age       float64     `json:"age_seconds"` // below 0: there were no news
}

type orderTold struct {
	Kind      string    `json:"kind"`
	By        string    `json:"by"`
	Why       string    `json:"why"`
	At        time.Time `json:"at"`
	Until     time.Time `json:"until"`
	Ratio     float64   `json:"ratio,omitempty"`
	Overruled bool      `json:"overruled,omitempty"`
}

func fleetStatusCommand() cli.Command {
	return cli.Command{
		Name: "status", Summary: "print how a fleet stands, as one of its pods sees it",
		Usage: []string{"[-service NAME] [flags]"},
		About: "Prints for each service the pods that the pod hears of; of them, those with outcomes in the last ten seconds, those that fail, " +
			"and those with open breakers; what failed; who probes; and the orders in force.",
		Exits: []cli.Exit{
			{Code: cli.OK, Means: "the pod has news of its fleet"},
			{Code: cli.Failure, Means: "it has none, or has left the fleet, or it cannot be asked"},
		},
		Define: func(fs *flag.FlagSet) cli.Run {
			var a asker
			a.define(fs, "only the service `NAME`")
			return a.status
		},
	}
}

func (a *asker) status(ctx context.Context, s cli.Streams, args []string) error {
	if len(args) > 0 { // one may be a header, so they are not repeated
		return cli.Misusef("a word that is no flag; want flags only")
	}
	p, err := a.page()
	if err != nil {
		return err
	}
	defer p.close()
	ctx, cancel := context.WithTimeout(ctx, a.limit)
	defer cancel()
	var told fleetsTold
	if err := p.ask(ctx, http.MethodGet, "fleet", nil, "", &told); err != nil {
		return err
	}
	if told, err = a.wanted(p, told); err != nil {
		return err
	}
	if a.json {
		err = printJSON(s, told)
	} else {
		err = s.Print(told.text(p.now))
	}
	if err != nil {
		return err
	}
	for _, f := range told.Fleets {
		if f.Apart || f.Left {
			return cli.Code(cli.Failure)
		}
	}
	return nil
}

// wanted returns the fleets and services that the flags name.
func (a *asker) wanted(p *page, told fleetsTold) (fleetsTold, error) {
	var found fleetsTold
	var fleets, services []string
	for _, f := range told.Fleets {
		fleets = append(fleets, f.Fleet)
		if a.fleet != "" && f.Fleet != a.fleet {
			continue
		}
		if a.service == "" {
			found.Fleets = append(found.Fleets, f)
			continue
		}
		for _, service := range f.Services {
			services = append(services, service.Name)
			if service.Name == a.service {
				f.Services = []serviceTold{service}
				found.Fleets = append(found.Fleets, f)
				break
			}
		}
	}
	switch {
	case len(told.Fleets) == 0:
		return found, p.said("shows no fleet")
	case len(found.Fleets) > 0:
		return found, nil
	case len(services) == 0 && a.fleet != "":
		return found, p.said(fmt.Sprintf("shows no fleet %q; %s", a.fleet, visible.Line(cli.Want(a.fleet, fleets))))
	}
	return found, p.said(fmt.Sprintf("shows no service %q; %s", a.service, visible.Line(cli.Want(a.service, services))))
}

// text is the whole in lines of 80 columns at most, but for a single word that is longer.
func (t *fleetsTold) text(now time.Time) string {
	if now.IsZero() {
		now = time.Now()
	}
	var b strings.Builder
	for i := range t.Fleets {
		if i > 0 {
			b.WriteByte('\n')
		}
		t.Fleets[i].write(&b, now)
	}
	return b.String()
}

func (f *fleetTold) write(b *strings.Builder, now time.Time) {
	text := "Fleet " + visible.Name(f.Fleet) + ", as its pod " + visible.Name(f.Pod) + " sees it."
	switch {
	case f.Left:
		text += " The pod has left it; this is how it was then."
	case f.Apart:
		text += " NO NEWS from its store, so every breaker goes by itself: " + visible.Line(f.Why) + "."
	}
	if !f.Hands {
		text += " It gives and heeds no orders: it has no key."
	}
	if f.Forged > 0 {
		text += fmt.Sprintf(" %d times it refused an order that is forged, or old.", f.Forged)
	}
	b.WriteString(wordwrap.Text(text, cli.ScreenColumns) + "\n")
	if len(f.Services) == 0 {
		b.WriteString("It follows no service.\n")
		return
	}
	rows := [][]string{{"service", "here", "pods", "heard", "failing", "open", "failed", "news"}}
	for i := range f.Services {
		rows = append(rows, f.Services[i].row())
	}
	table := newGrid(rows)
	b.WriteByte('\n')
	table.write(b, rows[0])
	for i := range f.Services {
		table.write(b, rows[i+1])
		f.Services[i].notes(b, now)
	}
}

func (s *serviceTold) row() []string {
	number := func(n uint64) string { return strconv.FormatUint(n, 10) }
	news := "none"
	if s.Age >= 0 {
		news = spoken(min(s.Age, 1e9))
	}
	return []string{
		visible.Name(s.Name), visible.Name(s.State), number(s.Pods), number(s.Speaking), number(s.Failing), number(s.Open),
		number(s.Failures) + "/" + number(s.Failures+s.Successes), news,
	}
}

// notes writes what a service has beside its numbers.
func (s *serviceTold) notes(b *strings.Builder, now time.Time) {
	note := func(text string) {
		for line := range strings.SplitSeq(wordwrap.Text(text, cli.ScreenColumns-4), "\n") {
			b.WriteString("    " + line + "\n")
		}
	}
	switch {
	case s.Probes:
		note("This pod probes.")
	case s.Holder != "":
		note("Pod " + visible.Name(s.Holder) + " probes.")
	}
	if s.Banned {
		note("This pod goes by itself: its probes failed, and those of others succeeded.")
	}
	for _, o := range s.Orders {
		what := map[string]string{"isolate": "ISOLATED", "reset": "Reset", "tune": "Budget ratio " + strconv.FormatFloat(max(o.Ratio, 0), 'g', -1, 64)}[o.Kind]
		text := cmp.Or(what, visible.Name(o.Kind)) + " by " + visible.Name(o.By) + ": " + strconv.Quote(visible.Line(o.Why)) +
			", for " + spoken(o.Until.Sub(now).Seconds()) + " more."
		if o.Overruled {
			text += " It was changed by hand in this pod since."
		}
		note(text)
	}
}

// spoken is a time in seconds as people say it: 0.4s, 12s, 28m, 3h20m.
func spoken(seconds float64) string {
	d := time.Duration(max(seconds, 0) * float64(time.Second))
	switch {
	case d < 10*time.Second:
		return strconv.FormatFloat(math.Round(d.Seconds()*10)/10, 'g', -1, 64) + "s"
	case d < 2*time.Minute:
		d = d.Round(time.Second)
	default:
		d = d.Round(time.Minute)
	}
	return brief.Duration(d)
}

// grid is a table whose first column is the widest that fits a screen.
type grid struct{ widths []int }

func newGrid(rows [][]string) *grid {
	c := &grid{make([]int, len(rows[0]))}
	for _, r := range rows {
		for i, cell := range r {
			c.widths[i] = max(c.widths[i], utf8.RuneCountInString(cell))
		}
	}
	rest := 2
	for _, w := range c.widths[1:] {
		rest += w + 2
	}
	c.widths[0] = min(c.widths[0], max(cli.ScreenColumns-rest, len("service")))
	return c
}

// write writes a row. A name that is too long has a line of its own, and ends in an ellipsis if it
// is too long for that as well.
func (c *grid) write(b *strings.Builder, row []string) {
	name := row[0]
	if utf8.RuneCountInString(name) > c.widths[0] {
		if r := []rune(name); len(r) > cli.ScreenColumns-2 {
			name = string(r[:cli.ScreenColumns-3]) + "…"
		}
		b.WriteString("  " + name + "\n")
		name = ""
	}
	line := fmt.Sprintf("  %-*s  %-*s", c.widths[0], name, c.widths[1], row[1])
	for i, cell := range row[2:] {
		line += fmt.Sprintf("  %*s", c.widths[i+2], cell)
	}
	b.WriteString(line + "\n")
}
