package storms_test

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/fleetbus"
)

// fleets are the numbers of pods whose store's bill is on the page.
var fleets = []int{10, 100, 1000}

// bills is what the lines of a recording begin with that have one.
const bills = "what the store is asked"

// bill is what a fleet costs its store in a second: while all is well, and in an outage. Bytes are
// those of cells, digests and names, without what a protocol adds.
type bill struct{ calm, out account }

type account struct{ requests, in, out float64 }

// calm is how long before the trouble a store's bill begins.
const calm = 10 * time.Second

// billOf plays an outage of 20 s with that many pods, with a call a second each.
func billOf(t *testing.T, pods int) bill {
	t.Helper()
	r := loaded(float64(pods), sparse(bills, elastic, lasts, down))
	r.pods, r.until = pods, r.end
	l, _ := play(t, &r, find(t, "breaker"), with, 1)
	return bill{aSecond(l.early, l.calm, calm), aSecond(l.calm, l.during, lasts)}
}

// aSecond is what came in each second between two readings that are so far apart.
func aSecond(from, to fleetbus.Traffic, apart time.Duration) account {
	n := apart.Seconds()
	return account{float64(to.Requests-from.Requests) / n, float64(to.In-from.In) / n, float64(to.Out-from.Out) / n}
}

func (b bill) text(pods int) string {
	return fmt.Sprintf("%s\t%d\t%.1f/%.0f/%.0f %.1f/%.0f/%.0f", bills, pods, b.calm.requests, b.calm.in, b.calm.out, b.out.requests, b.out.in, b.out.out)
}

func (r record) readBill(t *testing.T, fields []string) {
	t.Helper()
	pods, err := strconv.Atoi(fields[1])
	require.NoError(t, err)
	var b bill
	_, err = fmt.Sscanf(fields[2], "%f/%f/%f %f/%f/%f", &b.calm.requests, &b.calm.in, &b.calm.out, &b.out.requests, &b.out.in, &b.out.out)
	require.NoError(t, err, "%q", fields[2])
	r.bills[pods] = b
}
