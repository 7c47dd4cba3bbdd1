package metrics

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

// Label is a label of Prometheus and an attribute of OpenTelemetry. The number of its values does
// not grow with traffic. All values are strings of valid UTF-8.
type Label struct {
	Attribute  string   // its name in OpenTelemetry: "holdfast.breaker.name"
	Prometheus string   // its name in Prometheus: "breaker"
	Help       string   // what it says
	Values     []string // all possible values; nil if they are names from the program

	field field
}

// Pipeline is the label that every metric has, but for those of a fleet or a configuration file:
// the name of the pipeline.
var Pipeline = Label{Attribute: "holdfast.pipeline.name", Prometheus: "pipeline", Help: "the name of the pipeline, or of the holdfast.Keyed"}

// Values that this version does not know, or that a user's classifier invented, are counted as
// "unknown" (a verdict as "invalid"), so that no call is lost.
const (
	unknownVerdict = resilience.Verdict(resilience.NumVerdicts)
	unknownReason  = resilience.Reason(resilience.NumReasons)
	unknownState   = resilience.StateIsolated + 1
)

// attemptCap is the number of the attempt that is counted together with all later ones.
const attemptCap = 4

var (
	outcomes      = outcomeNames()
	verdicts      = names(unknownVerdict)
	reasons       = names(unknownReason)
	states        = names(unknownState)
	updateKinds   = []string{"stages", "tuning"}
	attemptGroups = []string{"1", "2", "3", "4+"}

	byOutcome = Label{Attribute: "holdfast.outcome", Prometheus: "outcome", Values: outcomes, field: outcome,
		Help: "how the call ended: rejected if a stage refused it, or a retry that it wanted; canceled if the caller gave up"}
	byReason = Label{Attribute: "holdfast.reason", Prometheus: "reason", Values: reasons, field: reason,
		Help: "why it stopped: a resilience.Reason"}
	byVerdict = Label{Attribute: "holdfast.verdict", Prometheus: "verdict", Values: verdicts, field: verdict,
		Help: "what the attempt's error means: a resilience.Verdict"}
	byAttempt = Label{Attribute: "holdfast.attempt.group", Prometheus: "attempt", Values: attemptGroups, field: attempt,
		Help: "which attempt of its call it was"}
	byStage = Label{Attribute: "holdfast.stage", Prometheus: "stage", field: stage,
		Help: "who denied it: the package of a built-in stage (retry for a loop that stopped), the type of a Guard, or pipeline for a call whose time was up before it came"}
	byFrom = Label{Attribute: "holdfast.breaker.from", Prometheus: "from", Values: states, field: from,
		Help: "the breaker's state before: a resilience.State"}
	byTo = Label{Attribute: "holdfast.breaker.to", Prometheus: "to", Values: states, field: to,
		Help: "the breaker's state after"}
	byUpdate = Label{Attribute: "holdfast.update.kind", Prometheus: "kind", Values: updateKinds, field: update,
		Help: "stages if they were replaced, tuning if one number was changed by hand"}

	ofSource = Label{Attribute: "holdfast.budget.source", Prometheus: "source", Values: []string{"bank", "floor"},
		Help: "who paid for the retry"}
	ofBreaker = Label{Attribute: "holdfast.breaker.name", Prometheus: "breaker",
		Help: `the breaker's name, with "#2" for the second of one name`}
	ofState = Label{Attribute: "holdfast.breaker.state", Prometheus: "state", Values: states[:unknownState],
		Help: "a resilience.State"}
	ofCount = Label{Attribute: "holdfast.breaker.outcome", Prometheus: "outcome", Values: countNames(),
		Help: "what the breaker made of a call. Failures include unclassified ones; successes and failures include slow ones"}
	ofPlace = Label{Attribute: "holdfast.attempt.place", Prometheus: "attempt",
		Help: "which attempt of its call it is, from 1 to 16; the last stands for all later ones"}
)

// names returns the names of all values of an enum, and that of last, the first value that the enum
// does not have.
func names[E interface {
	~uint8
	String() string
}](last E) (all []string) {
	for e := range last + 1 {
		all = append(all, e.String())
	}
	return all
}

func outcomeNames() (all []string) {
	for v := range unknownVerdict {
		if name := v.Outcome(); !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return all
}

func countNames() (all []string) {
	for name := range (breaker.Counts{}).ByOutcome() {
		all = append(all, name)
	}
	return all
}

// field is the field of an event that gives the value of a label.
type field uint8

const (
	none field = iota // the metric is read, not counted from events
	outcome
	reason
	verdict
	attempt
	from
	to
	update
	stage // a name from the program: it has no index

	numFields
)

// outcomeOf is the index in outcomes for each verdict.
var outcomeOf = func() (of [unknownVerdict + 1]int) {
	for v := range of {
		of[v] = slices.Index(outcomes, resilience.Verdict(v).Outcome())
	}
	return of
}()

// index returns the index in the label's Values for e.
func (f field) index(e *resilience.Event) int {
	switch f {
	case outcome:
		return outcomeOf[min(e.Verdict, unknownVerdict)]
	case reason:
		return int(min(e.Reason, unknownReason))
	case verdict:
		return int(min(e.Verdict, unknownVerdict))
	case attempt:
		return min(max(e.Attempt, 1), attemptCap) - 1
	case from:
		return int(min(e.From, unknownState))
	case to:
		return int(min(e.To, unknownState))
	case update:
		if e.Change != nil {
			return 1
		}
	default: // it has no index
	}
	return 0
}

// Text makes a string valid as the value of a label: bytes that are not UTF-8 become U+FFFD. An
// exporter fails on an invalid string, and loses everything that it was to send.
func Text(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

func number(n int) string { return strconv.Itoa(n) }

// unlimited is the value of a limit that is not set. Samples with it are left out.
var unlimited = math.Inf(1)
