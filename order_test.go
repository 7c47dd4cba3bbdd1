package holdfast_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// One mistake is reported once, even if the loop is the first of the stages.
func TestABudgetInsideTheFirstStageIsOneMistake(t *testing.T) {
	_, err := holdfast.New("p", retry.Config{}, budget.Config{})
	require.EqualError(t, err, "p: stage 2: budget stands inside the retry loop (stage 1); want it outside, before the loop")
}

// An error about a front stage names the func that returns it.
func TestAFrontStageFurtherInIsNamed(t *testing.T) {
	for name, stage := range map[string]resilience.Stage{
		"Observe":             holdfast.Observe(deafObserver),
		"Classify":            holdfast.Classify(resilience.Errors(resilience.Permanent, errors.New("declined"))),
		"SilenceUnclassified": holdfast.SilenceUnclassified(),
	} {
		_, err := holdfast.New("p", plain(1), stage)
		require.EqualError(t, err, "p: stage 2: "+name+" is not the outermost; put it first, since it holds for all that is inside it")
	}
}
