package holdfastdash

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"runtime/debug"
	"strings"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/budget"
)

// maxBody is how long the body of a change may be, in bytes.
const maxBody = 64 << 10

// errReadOnly is why nobody may tune a dashboard without an authorizer.
var errReadOnly = errors.New("this page is read-only: the program that serves it lets nobody tune")

// refusal is why a change is not made.
type refusal struct {
	status int
	errors []string
}

func (r *refusal) Error() string { return strings.Join(r.errors, "; ") }

func refuse(status int, err error) *refusal {
	r := &refusal{status: status}
	for _, err := range flatten(err) {
		r.errors = append(r.errors, err.Error())
	}
	return r
}

// serveTune makes a change, or says why not, and logs either.
func (d *Dashboard) serveTune(w http.ResponseWriter, r *http.Request) {
	who, o, changes, err := d.tune(w, r)
	if err != nil {
		d.log.LogAttrs(r.Context(), slog.LevelWarn, "change of a pipeline refused", slog.String("pipeline", o.Pipeline),
			slog.String("by", who), slog.String("remote", r.RemoteAddr), slog.Int("status", err.status), slog.Any("error", err))
		writeJSON(w, err.status, refused{err.errors})
		return
	}
	answer := tuned{Changes: []changed{}, Who: who}
	for _, c := range changes {
		d.log.LogAttrs(r.Context(), slog.LevelInfo, "pipeline changed by hand", slog.String("pipeline", o.Pipeline),
			slog.String("what", c.What), slog.String("from", c.From), slog.String("to", c.To), slog.String("by", who))
		answer.Changes = append(answer.Changes, changed{c.What, c.From, c.To})
	}
	writeJSON(w, http.StatusOK, answer)
}

// tune goes through everything that can be wrong with a change, and makes it. It returns as
// much as is known of who wants what, also beside a refusal.
func (d *Dashboard) tune(w http.ResponseWriter, r *http.Request) (who string, o order, changes []resilience.Change, refused *refusal) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return "", o, nil, refuse(http.StatusMethodNotAllowed, fmt.Errorf("method %s is not known here; want POST", r.Method))
	}
	if err := sameOrigin(r); err != nil {
		return "", o, nil, refuse(http.StatusForbidden, err)
	}
	who, err := d.allowed(r)
	if err == nil {
		err = d.tokens.check(r, who)
	}
	if err != nil {
		return who, o, nil, refuse(http.StatusForbidden, err)
	}
	if o, refused = readOrder(w, r); refused != nil {
		return who, o, nil, refused
	}
	p := d.source.find(o.Pipeline)
	if p == nil {
		return who, o, nil, refuse(http.StatusNotFound, fmt.Errorf("pipeline %q is not on this page (any more)", o.Pipeline))
	}
	changes, err = o.carryOut(r.Context(), p, who)
	if err != nil {
		return who, o, nil, refuse(http.StatusUnprocessableEntity, err)
	}
	return who, o, changes, nil
}

// allowed asks whether the sender of r may tune.
func (d *Dashboard) allowed(r *http.Request) (who string, err error) {
	if d.authorize == nil {
		return "", errReadOnly
	}
	defer func() {
		if v := recover(); v != nil {
			d.log.LogAttrs(r.Context(), slog.LevelError, "the dashboard's authorizer panicked", slog.Any("panic", v), slog.String("stack", string(debug.Stack())))
			who, err = "", errors.New("it could not be found out whether you may tune: the authorizer panicked; the log says more")
		}
	}()
	return d.authorize(r)
}

// serveSession tells a page whether it may tune, and gives it what it needs for that.
func (d *Dashboard) serveSession(w http.ResponseWriter, r *http.Request) {
	who, err := d.allowed(r)
	if err != nil {
		writeJSON(w, http.StatusOK, session{Who: who, Why: err.Error()})
		return
	}
	writeJSON(w, http.StatusOK, session{CanTune: true, Who: who, Token: d.tokens.issue(w, r, who)})
}

// readOrder reads the body of r.
func readOrder(w http.ResponseWriter, r *http.Request) (o order, refused *refusal) {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return o, refuse(http.StatusUnsupportedMediaType, fmt.Errorf("Content-Type is %q; want application/json", r.Header.Get("Content-Type")))
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return o, refuse(http.StatusRequestEntityTooLarge, fmt.Errorf("the body is too large; want at most %d bytes", maxBody))
	}
	if err == nil {
		o, err = decode(body)
	}
	if err != nil {
		return o, refuse(http.StatusBadRequest, err)
	}
	return o, nil
}

// decode reads an order, and nothing but that.
func decode(body []byte) (o order, err error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&o); err != nil {
		return order{}, explain(err)
	}
	if _, err := d.Token(); err != io.EOF { //nolint:errorlint // Token documents this very value
		return order{}, errors.New("the body goes on after its JSON object; want nothing else in it")
	}
	if o.Pipeline == "" {
		return order{}, errors.New("pipeline is missing; want the name of one")
	}
	return o, nil
}

// explain says what is wrong with a body in its own words, where encoding/json speaks of Go.
func explain(err error) error {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		want := map[string]string{"float64": "a number", "int": "a whole number", "bool": "true or false", "string": "a string", "[]string": "an array of names"}[wrong.Type.String()]
		if want == "" {
			want = "an object"
		}
		if wrong.Field == "" {
			wrong.Field = "the body"
		}
		return fmt.Errorf("%s is a JSON %s; want %s", wrong.Field, wrong.Value, want)
	}
	return fmt.Errorf("the body is not what was expected: %s", strings.TrimPrefix(err.Error(), "json: "))
}

// carryOut makes the changes, and returns what became different.
func (o *order) carryOut(ctx context.Context, p *holdfast.Pipeline, who string) ([]resilience.Change, error) {
	t := holdfast.Tuning{By: who, Isolate: o.Isolate, Reset: o.Reset}
	if o.Budget != nil {
		t.Budget = o.Budget.apply
	}
	var l listener
	stop := p.Watch(&l)
	defer stop()
	if err := p.Tune(context.WithValue(ctx, listenerKey{}, &l), t); err != nil {
		return nil, o.reword(err)
	}
	return l.changes, nil
}

// listener hears which changes were made under its own ctx: others may tune at the same time.
// They are reported on the goroutine that makes them.
type listener struct{ changes []resilience.Change }

type listenerKey struct{}

func (l *listener) Hears(k resilience.EventKind) bool { return k == resilience.EventUpdate }

func (l *listener) Observe(ctx context.Context, e resilience.Event) {
	if e.Change != nil && ctx.Value(listenerKey{}) == l {
		l.changes = append(l.changes, inOrder(*e.Change))
	}
}

// apply writes the order into a Config.
func (b *budgetOrder) apply(c *budget.Config) {
	if b.Ratio != nil {
		c.Ratio = inConfig(*b.Ratio)
	}
	if b.Floor != nil {
		c.Floor = inConfig(*b.Floor)
	}
	if b.Burst != nil {
		c.Burst = inConfig(*b.Burst)
	}
	if b.Shadow != nil {
		c.Shadow = *b.Shadow
	}
}

// inConfig writes a number of an order as a Config has it, where 0 is the default and -1 is none:
// 0 becomes -1 (which a burst must not be), and what is below 0 something that no Config takes.
func inConfig[T int | float64](v T) T {
	switch {
	case v < 0:
		return -2
	case v == 0:
		return -1
	}
	return v
}

// inOrder is the reverse, for the text of a change.
func inOrder(c resilience.Change) resilience.Change {
	if c.What == "budget ratio" || c.What == "budget floor" {
		for _, text := range []*string{&c.From, &c.To} {
			if *text == "off" {
				*text = "0"
			}
		}
	}
	return c
}

// reword lets the errors of Tune speak of what the order said: its values, not those that apply
// made of them, and 0 where a Config has -1.
func (o *order) reword(err error) error {
	var errs []error
	for _, err := range flatten(err) {
		if wrong, ok := errors.AsType[*resilience.FieldError](err); ok && o.Budget != nil {
			err = fmt.Errorf("%s: %w", o.Pipeline, o.Budget.reword(*wrong))
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (b *budgetOrder) reword(wrong resilience.FieldError) error {
	none := ", or 0 for none"
	switch {
	case wrong.Field == "Ratio" && b.Ratio != nil:
		wrong.Value = *b.Ratio
	case wrong.Field == "Floor" && b.Floor != nil:
		wrong.Value = *b.Floor
	case wrong.Field == "Burst" && b.Burst != nil:
		wrong.Value, none = *b.Burst, ""
	default:
		return &wrong
	}
	for _, tail := range []string{", 0 for the default", ", or 0 for the default", ", or -1 to turn it off"} {
		wrong.Want, _, _ = strings.Cut(wrong.Want, tail)
	}
	wrong.Want += none
	return &wrong
}

// flatten returns the errors that err joins.
func flatten(err error) (flat []error) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, err := range joined.Unwrap() {
			flat = append(flat, flatten(err)...)
		}
		return flat
	}
	return append(flat, err)
}
