package adapter_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/adapter"
)

func newPipeline(t *testing.T, name string) *holdfast.Pipeline {
	t.Helper()
	p, err := holdfast.New(name, holdfast.Standard()...)
	require.NoError(t, err)
	return p
}

func TestPipelines(t *testing.T) {
	own, other, zero := newPipeline(t, "own"), newPipeline(t, "other"), new(holdfast.Pipeline)
	chosen := map[string]*holdfast.Pipeline{"other": other, "none": holdfast.None(), "zero": zero}
	choose := func(call string) *holdfast.Pipeline { return chosen[call] }
	const isNil, isZero = "the pipeline for this call is nil; want one made by holdfast.New", "the pipeline for this call is zero"
	for name, c := range map[string]struct {
		pipelines adapter.Pipelines[string]
		problem   string                        // of Check
		want      map[string]*holdfast.Pipeline // by call
		fails     map[string]string
	}{
		"one for all": {
			adapter.Pipelines[string]{Default: own}, "", map[string]*holdfast.Pipeline{"other": own, "none": own, "": own}, nil,
		},
		"none for all": {
			adapter.Pipelines[string]{Default: holdfast.None()}, "", map[string]*holdfast.Pipeline{"other": nil, "": nil}, nil,
		},
		"chosen": {
			adapter.Pipelines[string]{Default: own, Choose: choose}, "",
			map[string]*holdfast.Pipeline{"other": other, "none": nil, "": own}, map[string]string{"zero": isZero},
		},
		"chosen, else none": {
			adapter.Pipelines[string]{Default: holdfast.None(), Choose: choose}, "",
			map[string]*holdfast.Pipeline{"other": other, "none": nil, "": nil}, map[string]string{"zero": isZero},
		},
		"chosen, else an error": {
			adapter.Pipelines[string]{Choose: choose}, "",
			map[string]*holdfast.Pipeline{"other": other, "none": nil}, map[string]string{"": isNil, "zero": isZero},
		},
		"nothing": {
			adapter.Pipelines[string]{}, "sms: pipeline is nil; want one made by holdfast.New", nil, map[string]string{"": isNil},
		},
		"zero": {
			adapter.Pipelines[string]{Default: zero, Choose: choose}, "sms: pipeline is zero; want one made by holdfast.New",
			map[string]*holdfast.Pipeline{"other": other}, map[string]string{"": isZero},
		},
	} {
		t.Run(name, func(t *testing.T) {
			check := &adapter.Check{Package: "sms"}
			c.pipelines.Check(check)
			if c.problem == "" {
				require.NoError(t, check.Err())
			} else {
				require.EqualError(t, check.Err(), c.problem)
			}
			for call, want := range c.want {
				p, err := c.pipelines.For(call)
				require.NoError(t, err, call)
				require.Same(t, want, p, call)
			}
			for call, want := range c.fails {
				p, err := c.pipelines.For(call)
				require.ErrorContains(t, err, want, call)
				require.Nil(t, p, call)
			}
		})
	}
}

func TestChoosingAllocatesNothing(t *testing.T) {
	own := newPipeline(t, "own")
	p := adapter.Pipelines[string]{Default: own, Choose: func(string) *holdfast.Pipeline { return nil }}
	require.Zero(t, testing.AllocsPerRun(100, func() { _, _ = p.For("call") }))
}
