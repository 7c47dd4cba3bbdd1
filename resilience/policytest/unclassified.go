package policytest

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/media-gateway/holdfast/resilience"
)

// maxKinds is how many kinds of errors one test names; what is beyond them is mentioned once.
const maxKinds = 32

// NoUnclassified returns an Observer that fails the test t for each kind of error that an attempt
// ended with and that nobody has classified (see resilience.Unclassified). Production would not
// retry it, and count it as a failure of the dependency; a suite that drives a pipeline through
// the errors of its client finds out beforehand. The failure names the error, and the line
// that says what it means:
//
//	payments, err := holdfast.New("payments", append([]resilience.Stage{
//		holdfast.Observe(policytest.NoUnclassified(t)),
//		holdfast.Classify(pay.Classify),
//	}, holdfast.Critical()...)...)
//
// Each kind fails the test once. It names at most 32, and does nothing once the test is over. It
// does not stop the test, and is safe for concurrent use.
func NoUnclassified(t testing.TB) resilience.Observer {
	t.Helper()
	o := &noUnclassified{t: t}
	t.Cleanup(o.end)
	return o
}

type noUnclassified struct {
	t testing.TB

	mu    sync.Mutex
	over  bool
	named map[string]struct{}
}

// LogsUnclassified keeps the pipeline from logging what fails the test.
func (*noUnclassified) LogsUnclassified() {}

func (o *noUnclassified) Observe(_ context.Context, e resilience.Event) {
	o.t.Helper()
	switch {
	case e.Kind == resilience.EventUnclassified:
	case e.Kind == resilience.EventAttempt && e.Verdict == resilience.Unclassified:
	default:
		return
	}
	if e.Err != nil {
		o.report(e.Pipeline, e.Err)
	}
}

func (o *noUnclassified) report(pipeline string, err error) {
	o.t.Helper()
	what := resilience.DescribeError(err)
	o.mu.Lock()
	defer o.mu.Unlock() // held while t is told, so that the test is not over meanwhile
	if _, named := o.named[what]; named || o.over || len(o.named) > maxKinds {
		return
	}
	if o.named == nil {
		o.named = make(map[string]struct{})
	}
	o.named[what] = struct{}{}
	if len(o.named) > maxKinds {
		o.t.Errorf("%s: more than %d kinds of unclassified errors; the rest is not named", pipeline, maxKinds)
		return
	}
	o.t.Errorf("%s: nobody has classified %s: it is not retried, and counts as a failure of the dependency. "+
		"Say what it means, in a stage before the others, with Permanent, Transient or Overload: "+
		"holdfast.Classify(resilience.Errors(resilience.Permanent, %s))", pipeline, what, target(what))
}

// target returns what to give to resilience.Errors for an error of that kind.
func target(what string) string {
	if strings.ContainsAny(what, " \"") { // errors.New, fmt.Errorf: only its own variable tells it from others
		return "ErrOfThatText"
	}
	return "resilience.Type[" + what + "]()"
}

// end is the end of the test, after which t must not be used.
func (o *noUnclassified) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.over = true
}
