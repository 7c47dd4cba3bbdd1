package resilience

// Verdict is what an error means to everyone who has to act on it. The zero value is Success.
type Verdict uint8

const (
	Success      Verdict = iota // a nil error
	Transient                   // may well work when tried again
	Overload                    // works when tried again later: the dependency asked for less
	Permanent                   // somebody said so: will fail the same way again, the caller's fault
	Canceled                    // the caller gave up; says nothing about the dependency
	Rejected                    // refused on this side; the dependency was not asked
	Unclassified                // nobody has said what it means: not retried, and a failure

	// NumVerdicts is how many there are: the length of an array indexed by Verdict.
	NumVerdicts = iota
)

var verdictNames = [NumVerdicts]string{
	"success", "transient", "overload", "permanent", "canceled", "rejected", "unclassified",
}

// String returns the verdict in lower case, fit for a log field or a metric's label. A number that
// is none of the verdicts above is "invalid".
func (v Verdict) String() string {
	if v.valid() {
		return verdictNames[v]
	}
	return "invalid"
}

func (v Verdict) valid() bool { return v < NumVerdicts }

// MarshalText returns String, so that a verdict reads well in JSON.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// Failure reports whether the dependency is to blame, as far as anybody knows: Transient, Overload
// and Unclassified. Breakers count those against it. A number that is no verdict is a failure too.
func (v Verdict) Failure() bool {
	return v.Retryable() || v == Unclassified || !v.valid()
}

// Retryable reports whether another attempt may help: Transient or Overload. No retry loop makes
// one after any other verdict, unless its RetryIf says so.
func (v Verdict) Retryable() bool { return v == Transient || v == Overload }

// Outcome returns how a call with that verdict ended, in the four words by which calls are counted:
// success, failure, rejected (refused on this side) or canceled. Any other verdict is a failure.
func (v Verdict) Outcome() string {
	switch v {
	case Success, Rejected, Canceled:
		return v.String()
	default:
		return "failure"
	}
}
