package retries

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// afterwards is what a client still does when the deadline of its caller is over, for those that
// do something.
var afterwards = map[string]struct {
	returns time.Duration // later than the deadline
	sent    int64         // after it returned
}{
	"Stripe":                 {returns: 500*time.Millisecond - short},
	"go-redis: a connection": {sent: 4},
}

// short is a deadline that ends in the first pause of each client.
const short = 5 * time.Millisecond

// A client whose caller has a deadline returns when it is over, and sends nothing more. The notes
// of the table say which do not.
func TestAfterTheDeadline(t *testing.T) {
	unset(t)
	for i := range rows {
		r := &rows[i]
		t.Run(r.client, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWire(outage)
				one := r.byDefault(t, w)
				ctx, cancel := context.WithTimeout(t.Context(), short)
				defer cancel()
				begun := time.Now()
				require.Error(t, one(ctx))
				want := afterwards[r.client]
				late := max(0, time.Since(begun)-short)
				require.Equal(t, want.returns, late, "returned so much after the deadline")
				sent := w.sent.Load()
				time.Sleep(time.Hour)
				require.Equal(t, want.sent, w.sent.Load()-sent, "sent after it returned")
			})
		})
	}
}

// The table says how long a call in an outage may take, of a client that pauses.
func TestHowLongItPauses(t *testing.T) {
	unset(t)
	for i := range rows {
		r := &rows[i]
		t.Run(r.client, func(t *testing.T) {
			var longest time.Duration
			for range 5 { // the pauses are random
				synctest.Test(t, func(t *testing.T) {
					one := r.byDefault(t, newWire(outage))
					begun := time.Now()
					require.Error(t, one(t.Context()))
					longest = max(longest, time.Since(begun))
				})
			}
			require.LessOrEqual(t, longest, r.pauses)
			require.GreaterOrEqual(t, longest*20, r.pauses, "the table says much more than there is")
		})
	}
}
