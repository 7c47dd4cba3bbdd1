package holdfastdash

import (
	"bytes"
	"cmp"
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

	"github.com/media-gateway/holdfast/internal/told"
)

// maxBody is the largest body of a change, in bytes.
const maxBody = 64 << 10

// errReadOnly is the reason in a dashboard without an authorizer.
var errReadOnly = errors.New("the program that serves this page lets nobody change anything (see holdfastdash.WithAuthorizer)")

// refusal says why a change is not made.
type refusal struct {
	status   int
	problems []problem
}

func (r *refusal) Error() string {
	messages := make([]string, len(r.problems))
	for i, p := range r.problems {
		messages[i] = p.Message
	}
	return strings.Join(messages, "; ")
}

func refuse(status int, err error) *refusal {
	p, ok := errors.AsType[problem](err)
	if !ok {
		p.Message = err.Error()
	}
	return &refusal{status, []problem{p}}
}

// serveTune makes a change, or answers why not. It logs both; a change only if no observer of the
// pipeline has logged it to the same log.
func (d *Dashboard) serveTune(w http.ResponseWriter, r *http.Request) {
	ctx, logged := told.With(r.Context())
	who, o, changes, err := d.tune(w, r.WithContext(ctx))
	if err != nil {
		d.log.LogAttrs(r.Context(), slog.LevelWarn, "change of a pipeline refused", slog.String("pipeline", o.Pipeline),
			slog.String("by", who), slog.String("remote", r.RemoteAddr), slog.Int("status", err.status), slog.Any("error", err))
		writeJSON(w, err.status, refused{err.problems})
		return
	}
	alreadyLogged := logged.HasAny(d.log.Handler())
	answer := tuned{Changes: []changed{}, Who: who}
	for _, c := range changes {
		if !alreadyLogged {
			d.log.LogAttrs(r.Context(), slog.LevelInfo, "pipeline changed by hand", slog.String("pipeline", o.Pipeline),
				slog.String("what", c.What), slog.String("from", c.From), slog.String("to", c.To), slog.String("by", who))
		}
		answer.Changes = append(answer.Changes, c)
	}
	writeJSON(w, http.StatusOK, answer)
}

// tune checks a change, and makes it. Even with a refusal, it returns who and o as far as they are
// known, for the log.
func (d *Dashboard) tune(w http.ResponseWriter, r *http.Request) (who string, o order, changes []changed, refused *refusal) {
	if who, refused = d.admit(w, r); refused != nil {
		return who, o, nil, refused
	}
	if refused = readBody(w, r, &o); refused != nil {
		return who, o, nil, refused
	}
	if refused = o.check(); refused != nil {
		return who, o, nil, refused
	}
	if o.Pipeline == "" {
		return who, o, nil, refuse(http.StatusBadRequest, errors.New("pipeline is missing; want the name of one"))
	}
	p := d.source.find(o.Pipeline)
	if p == nil {
		return who, o, nil, refuse(http.StatusNotFound, fmt.Errorf("pipeline %q is not on this page (any more)", o.Pipeline))
	}
	defer d.logPanic(r.Context(), who, &o)
	if changes, refused = o.carryOut(r.Context(), p, who, &d.hands); refused != nil {
		return who, o, nil, refused
	}
	return who, o, changes, nil
}

// logPanic logs that an observer of the pipeline panicked when it was told of a change, and passes
// the panic on: net/http would log it without who changed what.
func (d *Dashboard) logPanic(ctx context.Context, who string, o *order) {
	if v := recover(); v != nil {
		asked, _ := json.Marshal(o) // plain fields: it cannot fail
		d.log.LogAttrs(ctx, slog.LevelError, "pipeline changed by hand, and an observer panicked that was told", slog.String("pipeline", o.Pipeline),
			slog.String("order", string(asked)), slog.String("by", who), slog.Any("panic", v))
		panic(v)
	}
}

// admit returns who sent r, which asks for a change, or why it is refused, whatever it asks for.
func (d *Dashboard) admit(w http.ResponseWriter, r *http.Request) (who string, refused *refusal) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return "", refuse(http.StatusMethodNotAllowed, fmt.Errorf("method %s is not known here; want POST", r.Method))
	}
	if err := sameOrigin(r); err != nil {
		return "", refuse(http.StatusForbidden, err)
	}
	who, err := d.allowed(r)
	if err == nil {
		err = d.tokens.check(r, who)
	}
	if err != nil {
		return who, refuse(http.StatusForbidden, err)
	}
	return who, nil
}

// allowed asks the authorizer whether the sender of r may tune.
func (d *Dashboard) allowed(r *http.Request) (who string, err error) {
	if d.authorize == nil {
		return "", errReadOnly
	}
	defer func() {
		if v := recover(); v != nil {
			d.log.LogAttrs(r.Context(), slog.LevelError, "the dashboard's authorizer panicked", slog.Any("panic", v), slog.String("stack", string(debug.Stack())))
			who, err = "", errors.New("whether you may tune is unknown: the authorizer panicked; see the log")
		}
	}()
	return d.authorize(r)
}

// serveSession tells a page whether it may tune, and issues its token and cookie.
func (d *Dashboard) serveSession(w http.ResponseWriter, r *http.Request) {
	who, err := d.allowed(r)
	if err != nil {
		writeJSON(w, http.StatusOK, session{Who: who, Why: err.Error()})
		return
	}
	writeJSON(w, http.StatusOK, session{CanTune: true, Who: who, Token: d.tokens.issue(w, r, who)})
}

// readBody reads the body of r, a JSON object, into order.
func readBody(w http.ResponseWriter, r *http.Request, order any) *refusal {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return refuse(http.StatusUnsupportedMediaType, fmt.Errorf("Content-Type is %q; want application/json", r.Header.Get("Content-Type")))
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return refuse(http.StatusRequestEntityTooLarge, fmt.Errorf("the body is too large; want at most %d bytes", maxBody))
	}
	if err == nil {
		err = decode(body, order)
	}
	if err != nil {
		return refuse(http.StatusBadRequest, err)
	}
	return nil
}

// decode parses an order. It refuses unknown fields and anything after the order.
func decode(body []byte, order any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(order); err != nil {
		return explain(err)
	}
	if _, err := d.Token(); err != io.EOF { //nolint:errorlint // Token documents this very value
		return errors.New("the body goes on after its JSON object; want nothing else in it")
	}
	return nil
}

// explain says what is wrong with a body in terms of JSON, since encoding/json's errors name Go
// types.
func explain(err error) error {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		want := map[string]string{"float64": "a number", "int": "a whole number", "bool": "true or false", "string": "a string", "[]string": "an array of names",
			"map[string]string": "an object of strings"}[wrong.Type.String()]
		if want == "" {
			want = "an object"
		}
		if field, _, _ := strings.Cut(wrong.Field, "."); want == "a string" && (field == "values" || field == "was") { // from Go 1.27 on, the key follows
			return problem{field, fmt.Sprintf("a value of %s is a JSON %s; want a string, as a file would write it", field, wrong.Value)}
		}
		return problem{wrong.Field, fmt.Sprintf("%s is a JSON %s; want %s", cmp.Or(wrong.Field, "the body"), wrong.Value, want)}
	}
	return fmt.Errorf("the body is not what was expected: %s", strings.TrimPrefix(err.Error(), "json: "))
}
