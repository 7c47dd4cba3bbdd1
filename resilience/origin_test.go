package resilience_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
)

// several is the error of somebody who keeps nils among those that it holds.
type several []error

func (s several) Error() string   { return "several" }
func (s several) Unwrap() []error { return s }

// What holds several errors returns its own slice to whoever unwraps it. Looking at it is reading.
func TestOriginWritesToNobodysErrors(t *testing.T) {
	deep := errors.New("deep")
	held := several{nil, deep, nil, errors.ErrUnsupported}
	before := append(several{}, held...)
	for _, err := range []error{held, errors.Join(held), resilience.MarkTransient(held)} {
		_ = resilience.Origin(err)
		resilience.Classify(err)
		require.Equal(t, before, held)
	}

	joined := errors.Join(deep, errors.ErrUnsupported) // shared by two calls: -race finds a write
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = resilience.Origin(joined)
		resilience.Classify(joined)
	}()
	require.Equal(t, errors.ErrUnsupported, resilience.Origin(joined), "the last of those that say little")
	<-done
}
