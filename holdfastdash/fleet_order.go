package holdfastdash

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/media-gateway/holdfast/fleet"
	"github.com/media-gateway/holdfast/internal/check"
	"github.com/media-gateway/holdfast/internal/visible"
	"github.com/media-gateway/holdfast/resilience"
)

// storeLimit is how long a request may wait for a fleet's store.
const storeLimit = 5 * time.Second

// maxName is the most bytes of who gives an order to a fleet.
const maxName = 128

// fleetOrder is what a page, or the command line, asks a fleet for.
type fleetOrder struct {
	Fleet   string   `json:"fleet"` // may be left out if the page has one
	Service string   `json:"service"`
	Order   string   `json:"order"`           // isolate, reset, tune or withdraw
	Kind    string   `json:"kind,omitempty"`  // of the order to withdraw: isolate or tune
	Ratio   *float64 `json:"ratio,omitempty"` // of a tune: 0 deposits nothing
	By      string   `json:"by"`              // counts only if the authorizer names nobody
	Why     string   `json:"why"`
	For     float64  `json:"for_seconds,omitempty"` // 0: the fleet's default
}

// The values of fleetOrder.Order.
const (
	doIsolate  = "isolate"
	doReset    = "reset"
	doTune     = "tune"
	doWithdraw = "withdraw"
)

// fleets is the response to who asks how the fleets stand.
type fleets struct {
	Fleets []fleet.Stats `json:"fleets"`
}

var (
	errNoFleet = errors.New("this page shows no fleet: the program that serves it has given it none (holdfastdash.WithFleet)")
	errNoKey   = errors.New("this pod gives no orders: it has joined the fleet without a key (fleet.WithKey)")
	errLeft    = errors.New("this pod has left the fleet; ask another one")
)

// serveFleet says how the fleets stand, or gives an order to one.
func (d *Dashboard) serveFleet(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		d.serveFleetOrder(w, r)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD, POST")
		writeJSON(w, http.StatusMethodNotAllowed, refused{[]problem{{Message: fmt.Sprintf("method %s is not known here; want GET or POST", r.Method)}}})
		return
	}
	if len(d.fleets) == 0 {
		writeJSON(w, http.StatusNotFound, refused{[]problem{{Message: errNoFleet.Error()}}})
		return
	}
	answer := fleets{make([]fleet.Stats, len(d.fleets))}
	for i, f := range d.fleets {
		answer.Fleets[i] = f.Stats()
	}
	writeJSON(w, http.StatusOK, answer)
}

// serveFleetOrder gives an order, or answers why not. It logs both.
func (d *Dashboard) serveFleetOrder(w http.ResponseWriter, r *http.Request) {
	var o fleetOrder
	who, refusal := d.admit(w, r)
	if refusal == nil {
		refusal = readBody(w, r, &o)
	}
	if refusal == nil {
		o.By = cmp.Or(shortened(visible.Name(who), maxName), o.By)
		refusal = d.order(r.Context(), &o)
	}
	facts := []slog.Attr{
		slog.String("fleet", o.Fleet), slog.String("service", o.Service), slog.String("order", o.what()),
		slog.String("by", cmp.Or(who, o.By)), slog.String("why", o.Why), slog.String("remote", r.RemoteAddr),
	}
	if refusal != nil {
		facts = append(facts, slog.Int("status", refusal.status), slog.Any("error", refusal))
		d.log.LogAttrs(r.Context(), slog.LevelWarn, "order for a fleet refused", facts...)
		writeJSON(w, refusal.status, refused{refusal.problems})
		return
	}
	d.log.LogAttrs(r.Context(), slog.LevelInfo, "order for a fleet given by hand", facts...)
	writeJSON(w, http.StatusOK, o)
}

// what returns "isolate", "tune ratio 0.1" or "withdraw tune".
func (o *fleetOrder) what() string {
	switch {
	case o.Order == doTune && o.Ratio != nil:
		return fmt.Sprintf("tune ratio %v", *o.Ratio)
	case o.Kind != "":
		return o.Order + " " + o.Kind
	}
	return o.Order
}

// order checks an order and gives it to its fleet.
func (d *Dashboard) order(ctx context.Context, o *fleetOrder) *refusal {
	f, refused := d.fleetOf(o)
	if refused != nil {
		return refused
	}
	problems := o.check()
	ctx, cancel := context.WithTimeout(ctx, storeLimit)
	defer cancel()
	if len(problems) == 0 {
		if refused := o.known(ctx, f); refused != nil {
			return refused
		}
		problems, refused = o.give(ctx, f)
	}
	if len(problems) > 0 {
		return &refusal{http.StatusUnprocessableEntity, problems}
	}
	return refused
}

// fleetOf returns the fleet that the order names.
func (d *Dashboard) fleetOf(o *fleetOrder) (*fleet.Fleet, *refusal) {
	if len(d.fleets) == 0 {
		return nil, refuse(http.StatusNotFound, errNoFleet)
	}
	names := make([]string, len(d.fleets))
	for i, f := range d.fleets {
		names[i] = f.Stats().Fleet
	}
	i := slices.Index(names, o.Fleet)
	switch {
	case o.Fleet == "" && len(names) == 1:
		i, o.Fleet = 0, names[0]
	case i < 0:
		return nil, refuse(http.StatusNotFound, problem{"fleet", fmt.Sprintf("fleet %q is not on this page; want %s", o.Fleet, listed(names))})
	}
	s := d.fleets[i].Stats()
	switch {
	case s.Left:
		return nil, refuse(http.StatusConflict, errLeft)
	case !s.Hands:
		return nil, refuse(http.StatusForbidden, errNoKey)
	}
	return d.fleets[i], nil
}

// check returns what is wrong with the order itself, and is not for the fleet to say.
func (o *fleetOrder) check() (problems []problem) {
	switch o.Order {
	case doIsolate, doReset:
	case doTune:
		if o.Ratio == nil {
			problems = append(problems, problem{"ratio", "ratio is missing; want a number from 0 (deposits nothing) to 1000"})
		} else if *o.Ratio < 0 {
			problems = append(problems, problem{"ratio", fmt.Sprintf("ratio is %v; want a number from 0 (deposits nothing) to 1000", *o.Ratio)})
		}
	case doWithdraw:
		if o.Kind != doIsolate && o.Kind != doTune {
			problems = append(problems, problem{"kind", fmt.Sprintf("kind is %q; want the kind of the order to withdraw: isolate or tune", o.Kind)})
		}
	default:
		problems = append(problems, problem{"order", fmt.Sprintf("order is %q; want isolate, reset, tune or withdraw", o.Order)})
	}
	if math.Abs(o.For) > time.Hour.Seconds()*1e6 { // else it may be no Duration
		problems = append(problems, problem{"for_seconds", fmt.Sprintf("for_seconds is %v; want 1 to 86400, or 0 for the default", o.For)})
	}
	if o.Service == "" {
		problems = append(problems, problem{"service", "service is missing; want the name of one"})
	}
	return problems
}

// known refuses an order for a service that nobody has, whose name may be mistyped, and a
// withdrawal of an order that is not in force.
func (o *fleetOrder) known(ctx context.Context, f *fleet.Fleet) *refusal {
	stats := f.Stats().Services
	i := slices.IndexFunc(stats, func(s fleet.ServiceStats) bool { return s.Name == o.Service })
	if i >= 0 && o.Order != doWithdraw {
		return nil
	}
	looked, err := f.Look(ctx, o.Service)
	if err != nil {
		return refuse(http.StatusBadGateway, err)
	}
	orders := looked.Orders
	if i >= 0 {
		orders = append(orders, stats[i].Orders...)
	}
	if o.Order == doWithdraw && !slices.ContainsFunc(orders, func(is fleet.OrderStats) bool { return is.Kind.String() == o.Kind }) {
		return refuse(http.StatusNotFound, problem{"kind", fmt.Sprintf("no order of the kind %s is in force for %q; there is nothing to withdraw", o.Kind, o.Service)})
	}
	if i < 0 && looked.Pods == 0 && len(orders) == 0 {
		names := make([]string, len(stats))
		for i, s := range stats {
			names[i] = s.Name
		}
		return refuse(http.StatusNotFound, problem{"service", fmt.Sprintf("no pod of fleet %q has a service %q; this pod has %s", o.Fleet, o.Service, listed(names))})
	}
	return nil
}

// give gives the order.
func (o *fleetOrder) give(ctx context.Context, f *fleet.Fleet) ([]problem, *refusal) {
	order := fleet.Order{By: o.By, Why: o.Why, For: time.Duration(o.For * float64(time.Second))}
	var err error
	switch o.Order {
	case doIsolate:
		err = f.Isolate(ctx, o.Service, order)
	case doReset:
		err = f.Reset(ctx, o.Service, order)
	case doTune:
		err = f.Tune(ctx, o.Service, fleet.Tuning{Ratio: inConfig(*o.Ratio)}, order)
	case doWithdraw:
		kind := fleet.OrderIsolate
		if o.Kind == doTune {
			kind = fleet.OrderTune
		}
		err = f.Withdraw(ctx, o.Service, kind, order)
	}
	switch {
	case err == nil:
		return nil, nil
	case errors.Is(err, fleet.ErrNoKey):
		return nil, refuse(http.StatusForbidden, errNoKey)
	}
	if problems := fieldsOf(err); len(problems) > 0 {
		return problems, nil
	}
	return nil, refuse(http.StatusBadGateway, fmt.Errorf("%w; whether the pods hear of the order is not known", err))
}

// keys are the keys of a fleetOrder by the names that the fleet has for them.
var keys = map[string]string{
	"Order.By": "by", "Order.Why": "why", "Order.For": "for_seconds", "Tuning.Ratio": "ratio", "the service": "service", "the kind": "kind",
}

// fieldsOf returns what a fleet says is wrong with the fields of an order, in the page's words.
func fieldsOf(err error) (problems []problem) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok { //nolint:errorlint // the error itself, not one it wraps
		for _, err := range joined.Unwrap() {
			problems = append(problems, fieldsOf(err)...)
		}
		return problems
	}
	if wrong, ok := err.(*resilience.FieldError); ok { //nolint:errorlint // the store's errors may wrap one
		key := cmp.Or(keys[wrong.Field], wrong.Field)
		problems = append(problems, problem{key, fmt.Sprintf("%s is %v; %s", key, wrong.Value, wrong.Want)})
	}
	return problems
}

// listed returns names in quotes, of many the first.
func listed(names []string) string {
	const most = 10
	if len(names) == 0 {
		return "none"
	}
	quoted := make([]string, min(len(names), most))
	for i := range quoted {
		quoted[i] = fmt.Sprintf("%q", shortened(names[i], maxName))
	}
	text := strings.Join(quoted, ", ")
	if more := len(names) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// inConfig converts a ratio of an order into that of a Config: 0 becomes -1, which is off. A
// negative number becomes one that every Config refuses.
func inConfig(v float64) float64 {
	switch {
	case v < 0:
		return check.Off - 1
	case v == 0:
		return check.Off
	}
	return v
}
