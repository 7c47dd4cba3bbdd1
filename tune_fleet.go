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
}
