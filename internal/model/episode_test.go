package model_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/media-gateway/holdfast/internal/chance"
	"github.com/media-gateway/holdfast/internal/suite"
)

// No test leaves a goroutine behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// seed is HOLDFAST_SEED, or 1.
func seed(t *testing.T) uint64 {
	t.Helper()
	text, set := os.LookupEnv("HOLDFAST_SEED")
	if !set || text == "" {
		return 1
	}
	n, err := strconv.ParseUint(text, 10, 64)
	require.NoError(t, err, "HOLDFAST_SEED is a whole number")
	return n
}

// episode is one life of a stage and its model, as data, so that it can be lived again, and
// shorter.
type episode[S, O any] struct {
	setup S
	ops   []O
}

// experiment is a stage and its model, driven together.
type experiment[S, O any] struct {
	operations int // to be done at the least; the race detector sees a tenth
	generate   func(rng *rand.Rand) episode[S, O]

	// live drives both in a bubble, and returns the first disagreement. done counts the operations.
	live func(e episode[S, O], done *int) error
}

func (x experiment[S, O]) run(t *testing.T) {
	t.Helper()
	seed, done := seed(t), 0
	for number := uint64(0); done < suite.Tries(x.operations); number++ {
		e := x.generate(rand.New(rand.NewPCG(seed, number)))
		n := 0
		if err := x.relive(t, e, number, &n); err != nil {
			e, err = x.shorten(t, e, number, err)
			t.Fatalf("HOLDFAST_SEED=%d, episode %d: %v\nof %+v\nafter\n%s", seed, number, err, e.setup, list(e.ops))
		}
		done += n
	}
	t.Logf("HOLDFAST_SEED=%d: %d operations", seed, done)
}

// relive lives e with the same chance every time.
func (x experiment[S, O]) relive(t *testing.T, e episode[S, O], number uint64, done *int) (err error) {
	t.Helper()
	defer chance.Seed(seed(t), number)()
	synctest.Test(t, func(*testing.T) {
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("panic: %v", p)
			}
		}()
		err = x.live(e, done)
	})
	return err
}

// shorten leaves out operations for as long as stage and model disagree about what is left.
func (x experiment[S, O]) shorten(t *testing.T, e episode[S, O], number uint64, err error) (episode[S, O], error) {
	t.Helper()
	for size := max(1, len(e.ops)/2); ; {
		shorter := false
		for at := len(e.ops) - size; at >= 0; at -= size {
			without := episode[S, O]{e.setup, slices.Delete(slices.Clone(e.ops), at, at+size)}
			if also := x.relive(t, without, number, new(int)); also != nil {
				e, err, shorter = without, also, true
			}
		}
		switch {
		case size > 1:
			size = max(1, min(size, len(e.ops))/2)
		case !shorter:
			return e, err
		}
	}
}

func list[O any](ops []O) string {
	var b strings.Builder
	for i, op := range ops {
		fmt.Fprintf(&b, "%4d  %+v\n", i, op)
	}
	return b.String()
}

// differ is the error of two answers that are not the same.
func differ(what string, product, model any) error {
	return fmt.Errorf("%s: the stage says %+v, the model %+v", what, product, model)
}

// one returns one of some.
func one[T any](rng *rand.Rand, some ...T) T { return some[rng.IntN(len(some))] }
