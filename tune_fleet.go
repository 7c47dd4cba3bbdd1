package holdfast

import (
	"context"

	"github.com/media-gateway/holdfast/internal/advice"
	"github.com/media-gateway/holdfast/resilience"
)

func init() {
	advice.Changed = func(ctx context.Context, pipeline any, c resilience.Change) {
		if p, ok := pipeline.(*Pipeline); ok && p.now() != nil {
			p.tellChanges(ctx, []resilience.Change{c})
		}
	}
	advice.Traffic = func(pipeline any) (begun, ended, failed uint64) {
		p, ok := pipeline.(*Pipeline)
		if !ok || p.now() == nil {
			return 0, 0, 0
		}
		t := p.counters.sum()
		return t.started, min(t.finished, t.started), t.failed
	}
}
