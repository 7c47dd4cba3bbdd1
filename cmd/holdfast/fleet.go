package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"strings"
	"time"

	"github.com/media-gateway/holdfast/internal/brief"
	"github.com/media-gateway/holdfast/internal/cli"
	"github.com/media-gateway/holdfast/internal/visible"
)

func fleetCommand() cli.Command {
	return cli.Command{
		Name: "fleet", Summary: "see how a fleet stands, and give orders to all its pods",
		About: "Asks the page of any pod (package holdfastdash, WithFleet), over HTTP. The page decides who may give orders, logs them, " +
			"and signs them with the fleet's key.\n\nThe page is that of -url or $HOLDFAST_PAGE. $HOLDFAST_PAGE_AUTHORIZATION is sent as the " +
			"header Authorization; -header sends others.",
		Exits: []cli.Exit{
			{Code: cli.OK, Means: "the order was given; or, of status, the pod has news of its fleet"},
			{Code: cli.Failure, Means: "it was not, or it is not known; or the pod has no news, or cannot be asked"},
		},
		Commands: []cli.Command{
			fleetStatusCommand(),
			orderCommand("isolate", "keep every call of a service out, in all pods",
				"Makes all pods keep every call of the service out, until the time is over or 'withdraw isolate'."),
			orderCommand("reset", "close the breakers of a service, in all pods",
				"Makes all pods close the service's breaker, whether it is open or isolated. -for is how long pods that come later do so as well."),
			orderCommand("tune", "set the budget ratio of a service, in all pods",
				"Makes all pods set the ratio of the service's retry budgets, until the time is over or 'withdraw tune'."),
			orderCommand("withdraw", "take an order back before its time",
				"Takes back the order to isolate, or to tune: all pods undo it."),
		},
	}
}

// usualLimit is how long a page may take to answer.
const usualLimit = 10 * time.Second

// asker has the flags that all commands of a fleet have.
type asker struct {
	url, fleet, service string
	header              headers
	limit               time.Duration
	json                bool
}

func (a *asker) define(fs *flag.FlagSet, service string) {
	fs.StringVar(&a.url, "url", "", "the `URL` of a pod's page (default $HOLDFAST_PAGE)")
	fs.Var(&a.header, "header", "send the header `LINE`, such as 'Name: value'; may be repeated")
	fs.StringVar(&a.fleet, "fleet", "", "the fleet's `NAME`, if the page has several")
	fs.StringVar(&a.service, "service", "", service)
	fs.DurationVar(&a.limit, "timeout", usualLimit, "give up after `TIME`")
	fs.BoolVar(&a.json, "json", false, "print one JSON object; see docs/fleet.md")
}

// page returns the page that the flags and the environment name.
func (a *asker) page() (*page, error) {
	if a.limit <= 0 {
		return nil, cli.Misusef("-timeout is %v; want more than 0, such as 10s", a.limit)
	}
	from := "-url"
	if a.url == "" {
		a.url, from = os.Getenv("HOLDFAST_PAGE"), "$HOLDFAST_PAGE"
	}
	if a.url == "" {
		return nil, cli.Misusef("no page; want -url https://HOST/PATH, or $HOLDFAST_PAGE")
	}
	p, err := newPage(a.url, from)
	if err != nil {
		return nil, err
	}
	if value := os.Getenv("HOLDFAST_PAGE_AUTHORIZATION"); value != "" {
		if err := p.send("Authorization: "+value, "$HOLDFAST_PAGE_AUTHORIZATION"); err != nil {
			return nil, err
		}
	}
	for _, line := range a.header {
		if err := p.send(line, "-header"); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// headers is the value of a flag that may be repeated. It may be a secret, so nothing prints it.
type headers []string

func (*headers) String() string { return "" }

// Set adds a line. What is wrong with it is said later, without the line.
func (h *headers) Set(line string) error {
	*h = append(*h, line)
	return nil
}

// orderer is a command that gives an order.
type orderer struct {
	asker

	order, kind string
	why, by     string
	lasts       time.Duration
	ratio       ratio
}

func orderCommand(order, summary, about string) cli.Command {
	usage, wants := "[-for TIME] -service NAME -why TEXT [flags]", []cli.Exit{
		{Code: cli.OK, Means: "the order was given; the pods carry it out within a second or so"},
		{Code: cli.Failure, Means: "it was refused, or the page or the store did not answer"},
	}
	c := cli.Command{Name: order, Summary: summary, About: about, Exits: wants}
	switch order {
	case "tune":
		usage = "-ratio N " + usage
	case "withdraw":
		usage = "isolate|tune -service NAME -why TEXT [flags]"
		c.Complete = func(before []string) cli.Choices {
			if len(before) > 0 {
				return cli.Choices{}
			}
			return cli.Words("isolate", "tune")
		}
	}
	c.Usage = []string{usage}
	c.Define = func(fs *flag.FlagSet) cli.Run {
		o := orderer{order: order}
		o.define(fs, "the `NAME` of the service")
		fs.StringVar(&o.why, "why", "", "the reason, a `TEXT` for the log")
		fs.StringVar(&o.by, "by", "", "who orders it, if the page knows no `NAME` (default yours)")
		if order == "tune" {
			fs.Var(&o.ratio, "ratio", "tokens that a call deposits: `N` is 0.1 for 10 %, 0 for none")
		}
		if order != "withdraw" {
			usual := time.Hour // as the fleet's own
			if order == "reset" {
				usual = time.Minute
			}
			fs.DurationVar(&o.lasts, "for", usual, "how long it holds: a `TIME` from 1s to 24h")
		}
		return o.run
	}
	return c
}

func (o *orderer) run(ctx context.Context, s cli.Streams, args []string) error {
	if err := o.check(args); err != nil {
		return err
	}
	p, err := o.page()
	if err != nil {
		return err
	}
	defer p.close()
	ctx, cancel := context.WithTimeout(ctx, o.limit)
	defer cancel()
	asked := pageOrder{
		Fleet: o.fleet, Service: o.service, Order: o.order, Kind: o.kind, By: o.whose(), Why: o.why, For: o.lasts.Seconds(), Ratio: o.ratio.value,
	}
	given, err := p.order(ctx, asked)
	switch {
	case err != nil:
		return err
	case o.json:
		return printJSON(s, given)
	}
	return s.Print(given.String())
}

// check returns what is wrong with the command's arguments. It repeats none: one may be a header.
func (o *orderer) check(args []string) error {
	switch {
	case o.order != "withdraw" && len(args) > 0:
		return cli.Misusef("a word that is no flag; want flags only, and quotes around a text of several words")
	case o.order == "withdraw" && (len(args) != 1 || args[0] != "isolate" && args[0] != "tune"):
		return cli.Misusef("what is to be withdrawn is not clear; want isolate or tune, once")
	case o.service == "":
		return cli.Misusef("no service; want -service NAME, as 'holdfast fleet status' prints it")
	case strings.TrimSpace(o.why) == "":
		return cli.Misusef("no reason; want -why TEXT, for the log and whoever asks at night")
	case o.order == "tune" && o.ratio.value == nil:
		return cli.Misusef("no ratio; want -ratio N, such as 0.1, or 0 for none")
	case o.order != "withdraw" && o.lasts <= 0:
		return cli.Misusef("-for is %v; want 1s to 24h", o.lasts)
	}
	if o.order == "withdraw" {
		o.kind = args[0]
	}
	return nil
}

// whose returns who gives the order, as far as this machine knows.
func (o *orderer) whose() string {
	if o.by != "" {
		return o.by
	}
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return "somebody at the command line"
}

// ratio is the value of a flag that may be 0.
type ratio struct{ value *float64 }

func (r *ratio) String() string {
	if r == nil || r.value == nil {
		return ""
	}
	return strconv.FormatFloat(*r.value, 'g', -1, 64)
}

// Set parses the number. The page knows which are right.
func (r *ratio) Set(text string) error {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || v != v || v < 0 || v > 1000 {
		return fmt.Errorf("want a number from 0 to 1000, such as 0.1")
	}
	r.value = &v
	return nil
}

// String says what was ordered.
func (o *pageOrder) String() string {
	what := map[string]string{"isolate": "isolate", "reset": "reset", "tune": "set the budget ratio of"}[o.Order]
	switch {
	case o.Order == "withdraw":
		what = "undo " + visible.Name(o.Kind) + " of"
	case what == "":
		what = visible.Name(o.Order)
	}
	text := fmt.Sprintf("All pods of %s were told to %s %s", visible.Name(o.Fleet), what, visible.Name(o.Service))
	if o.Ratio != nil {
		text += " to " + strconv.FormatFloat(*o.Ratio, 'g', -1, 64)
	}
	if o.For > 0 && o.For < 1e9 {
		text += ", for " + brief.Duration(time.Duration(o.For*float64(time.Second)))
	}
	return text + ", by " + visible.Name(o.By) + ".\n"
}
