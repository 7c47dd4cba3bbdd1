package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTheFileIsFollowed(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), &out))
	require.Regexp(t, `(?m)^-- as the file says
GET /catalog: <nil>
catalog: deadline 2s → budget 10% → retry 3× .+; 2 of 2 tokens, breaker closed
-- the catalog goes down.*
time=.+ msg="gave up" pipeline=catalog reason=budget_exhausted attempts=3 .+
GET /catalog: catalog: retry budget exhausted .+
time=.+ msg="circuit breaker open" pipeline=catalog .+
time=.+ msg="gave up" pipeline=catalog reason=breaker_open attempts=1 .+
GET /catalog: catalog: circuit breaker is open; .+
GET /catalog: catalog: circuit breaker is open; .+
catalog: .+ budget 10% → .+; 0 of 2 tokens, breaker open
-- the file is changed: .+
time=.+ msg="pipeline updated" pipeline=catalog changes="budget ratio 0\.1 → 0\.2"
added \[reviews\], changed \[catalog\], removed \[\], error <nil>
catalog: budget\.ratio 0\.1 → 0\.2, line \d+
GET /catalog: catalog: circuit breaker is open; .+
GET /reviews: <nil>
catalog: .+ budget 20% → .+; 0 of 2 tokens, breaker open
reviews: .+ breaker closed
-- the file is changed again, .+
added \[\], changed \[\], removed \[\], error .+services\.yaml:15:7: services\.catalog\.retry: unknown key "max_retires"; did you mean "max_retries"\?
(?:.*\n)*.+services\.yaml:20:17: services\.catalog\.breaker\.open_for is 5; want a duration above 0, .+
(?:.*\n)*GET /reviews: <nil>
catalog: .+ budget 20% → retry 3× .+; 0 of 2 tokens, breaker open
reviews: .+ breaker closed
$`, out.String())
}
