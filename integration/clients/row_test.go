package clients

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
)

// The verdicts, short enough for a table.
const (
	transient    = resilience.Transient
	overload     = resilience.Overload
	permanent    = resilience.Permanent
	canceled     = resilience.Canceled
	unclassified = resilience.Unclassified
)

// row is an error of a client.
type row struct {
	name string
	err  error
	// what an operator would call it
	should resilience.Verdict
	// what Classify says; the zero value stands for should. It is unclassified where no
	// structure of the error can tell.
	is resilience.Verdict
}

// check holds each row to its verdict, bare and wrapped, and all of them to the two rules that do
// not depend on what Classify has learned.
func check(t *testing.T, rows []row) {
	t.Helper()
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			require.Error(t, r.err)
			want := r.is
			if want == resilience.Success {
				want = r.should
			}
			alive := want // judged under a ctx that lives, in which nobody gave up
			if alive == canceled {
				alive = transient
			}
			for _, err := range []error{r.err, fmt.Errorf("load account: %w", r.err)} {
				require.Equal(t, want.String(), resilience.Classify(err).String(), "%T: %v", r.err, err)
				j := resilience.Assess(t.Context(), nil, err)
				require.Equal(t, alive.String(), j.Retry.String(), "%T: %v", r.err, err)
				require.Equal(t, alive.String(), j.Dependency.String(), "%T: %v", r.err, err)
			}
			switch {
			case r.should == permanent:
				require.False(t, alive.Retryable(), "the caller's fault must not be retried")
			default:
				require.True(t, alive.Failure(), "a failure must not be called the caller's fault")
			}
		})
	}
}
