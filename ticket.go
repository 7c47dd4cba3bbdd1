package holdfast

import (
	"context"
	"time"

	"github.com/media-gateway/holdfast/resilience"
)

// ticketed is guarded for a TicketGuard.
func (c *call) ticketed(ctx context.Context, i int, left time.Duration, op resilience.Func) (err error) {
	g := c.row[i].policy.(resilience.TicketGuard) //nolint:forcetypeassert // stage.Built has looked
	t, err := g.Admit(ctx)
	if err != nil {
		return c.refused(ctx, i, resilience.Refused(err))
	}
	err = resilience.ErrAborted
	defer func() { g.Done(ctx, t, err) }()
	err = c.admitted(ctx, i, left, op)
	return err
}

// admitted runs the stages inside the guard at i, unless ctx ended while the guard waited.
func (c *call) admitted(ctx context.Context, i int, left time.Duration, op resilience.Func) error {
	if c.mayWait {
		c.now = 0
		if ended := ctx.Err(); ended != nil {
			return c.refused(ctx, i, resilience.Refused(ended))
		}
	}
	return c.run(ctx, i+1, left, op)
}
