package holdfasthttp_test

import (
	"math"
	"net/http"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/holdfasthttp"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/retry"
)

const (
	forever = time.Duration(math.MaxInt64)
	second  = time.Second
)

// The pause that the server asks for, in each form.
func TestRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := func(d time.Duration, layout string) string { return time.Now().UTC().Add(d).Format(layout) }
		<-time.After(time.Until(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))) // a bubble begins in 2000, before any Unix time that is one
		unix := func(d time.Duration) string { return strconv.FormatInt(time.Now().Add(d).Unix(), 10) }
		for name, c := range map[string]struct {
			header map[string]string
			want   time.Duration
		}{
			"nothing":            {nil, 0},
			"seconds":            {map[string]string{"Retry-After": "7"}, 7 * second},
			"with blanks":        {map[string]string{"Retry-After": " 7 "}, 7 * second},
			"zero":               {map[string]string{"Retry-After": "0"}, 0},
			"negative":           {map[string]string{"Retry-After": "-7"}, 0},
			"a fraction":         {map[string]string{"Retry-After": "1.5"}, 1500 * ms}, // Discord's, and what OpenAI's client reads
			"a long fraction":    {map[string]string{"Retry-After": "0.0000000001"}, 1},
			"a fraction of none": {map[string]string{"Retry-After": "1."}, 0},
			"no whole part":      {map[string]string{"Retry-After": ".5"}, 0},
			"two points":         {map[string]string{"Retry-After": "1.5.5"}, 0},
			"an exponent":        {map[string]string{"Retry-After": "1.5e3"}, 0},
			"an absurd fraction": {map[string]string{"Retry-After": "999999999999999999999999999.5"}, forever},
			"words":              {map[string]string{"Retry-After": "soon"}, 0},
			"a century or so":    {map[string]string{"Retry-After": "99999999999"}, forever},
			"absurd":             {map[string]string{"Retry-After": "999999999999999999999999999"}, forever},
			"IMF-fixdate":        {map[string]string{"Retry-After": in(9*second, http.TimeFormat)}, 9 * second},
			"RFC 850":            {map[string]string{"Retry-After": in(9*second, "Monday, 02-Jan-06 15:04:05 GMT")}, 9 * second},
			"asctime":            {map[string]string{"Retry-After": in(9*second, time.ANSIC)}, 9 * second},
			"a date gone by":     {map[string]string{"Retry-After": in(-9*second, http.TimeFormat)}, 0},
			"the server's clock": {map[string]string{"Retry-After": in(time.Hour+9*second, http.TimeFormat), "Date": in(time.Hour, http.TimeFormat)}, 9 * second},
			"an unreadable Date": {map[string]string{"Retry-After": in(9*second, http.TimeFormat), "Date": "today"}, 9 * second},

			"RateLimit-Reset":                 {map[string]string{"RateLimit-Reset": "5"}, 5 * second},
			"RateLimit-Reset, all used":       {map[string]string{"RateLimit-Reset": "5", "RateLimit-Remaining": "0"}, 5 * second},
			"RateLimit-Reset, something left": {map[string]string{"RateLimit-Reset": "5", "RateLimit-Remaining": "3"}, 0},
			"Retry-After goes first":          {map[string]string{"Retry-After": "2", "RateLimit-Reset": "5"}, 2 * second},
			"an unreadable one does not":      {map[string]string{"Retry-After": "soon", "RateLimit-Reset": "5"}, 5 * second},
			"RateLimit":                       {map[string]string{"RateLimit": `"burst";r=0;t=6`}, 6 * second},
			"RateLimit of version 7":          {map[string]string{"RateLimit": "limit=100, remaining=0, reset=6"}, 6 * second},
			"version 7, something left":       {map[string]string{"RateLimit": "limit=100, remaining=50, reset=6"}, 0},
			"two quotas":                      {map[string]string{"RateLimit": `"burst";r=0;t=6, "daily";r=0;t=60`}, 60 * second},
			"two quotas, one used up":         {map[string]string{"RateLimit": `"burst";r=0;t=6, "daily";r=9;t=60`}, 6 * second},
			"a name with separators":          {map[string]string{"RateLimit": `"a;t=99, \"b";r=0;t=6`}, 6 * second},
			"milliseconds":                    {map[string]string{"Retry-After-Ms": "1500", "Retry-After": "2"}, 1500 * ms},
			"Azure's":                         {map[string]string{"X-Ms-Retry-After-Ms": "20"}, 20 * ms},
			"AWS's":                           {map[string]string{"X-Amz-Retry-After": "700"}, 700 * ms},
			"unreadable milliseconds":         {map[string]string{"Retry-After-Ms": "-1", "Retry-After": "2"}, 2 * second},
			"a fraction of milliseconds":      {map[string]string{"Retry-After-Ms": "20.5"}, 20500 * time.Microsecond},
			"no milliseconds":                 {map[string]string{"Retry-After-Ms": "0", "Retry-After": "2"}, 0},
			"milliseconds without end":        {map[string]string{"Retry-After-Ms": "99999999999999999999"}, forever},
			"X-RateLimit-Reset":               {map[string]string{"X-RateLimit-Reset": "5", "X-RateLimit-Remaining": "0"}, 5 * second},
			"X-, something left":              {map[string]string{"X-RateLimit-Reset": "5", "X-RateLimit-Remaining": "1"}, 0},
			"a Unix time":                     {map[string]string{"X-RateLimit-Reset": unix(9 * second)}, 9 * second},
			"a Unix time in milliseconds":     {map[string]string{"X-RateLimit-Reset": unix(9*second) + "250"}, 9250 * ms},
			"a Unix time gone by":             {map[string]string{"X-RateLimit-Reset": unix(-9 * second)}, 0},
			"a Unix time of the draft's":      {map[string]string{"RateLimit-Reset": unix(9 * second)}, 9 * second},
			"a Unix time by the server's":     {map[string]string{"X-RateLimit-Reset": unix(time.Hour + 9*second), "Date": in(time.Hour, http.TimeFormat)}, 9 * second},
			"a Unix time as Retry-After":      {map[string]string{"Retry-After": unix(9 * second)}, 9 * second}, // cloudfoundry/cloud_controller_ng#2544
			"30 years":                        {map[string]string{"X-RateLimit-Reset": "999999999"}, 999_999_999 * second},
			"garbage":                         {map[string]string{"RateLimit": `;;,=,"`, "RateLimit-Reset": "x"}, 0},
		} {
			for _, code := range []int{429, 503, 529} {
				h := http.Header{}
				for k, v := range c.header {
					h.Set(k, v)
				}
				resp := response(code, http.NoBody)
				resp.Header = h
				rt := newTransport(t, newPipeline(t, retry.Custom(0, 1, 1, false)), holdfasthttp.WithBase(stub{resp}))
				got, err := rt.RoundTrip(newRequest(t, "GET", nil))
				require.NoError(t, err, name)
				why := holdfasthttp.Stopped(got)
				require.Equal(t, c.want, resilience.RetryAfter(why), "%s on %d", name, code)
				var status *holdfasthttp.StatusError
				require.ErrorAs(t, why, &status)
				want := resilience.Transient
				if code != 503 || c.want > 0 {
					want = resilience.Overload
				}
				require.Equal(t, want, status.Verdict(), name)
			}
		}
	})
}

// The pause is never shorter than what the server asked for, whatever the jitter, and a redirect
// asks for none.
func TestRetryAfterIsALowerBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 50 {
			resp := response(429, http.NoBody)
			resp.Header.Set("Retry-After", "30")
			attempts := 0
			rt := newTransport(t, newPipeline(t, retry.Config{Jitter: retry.FullJitter}), holdfasthttp.WithBase(tripper(func(*http.Request) (*http.Response, error) {
				if attempts++; attempts == 1 {
					return resp, nil
				}
				return response(200, http.NoBody), nil
			})))
			start := time.Now()
			_, err := rt.RoundTrip(newRequest(t, "GET", nil))
			require.NoError(t, err)
			require.GreaterOrEqual(t, time.Since(start), 30*second)
		}
		moved := response(301, http.NoBody)
		moved.Header.Set("Retry-After", "30")
		start := time.Now()
		resp, err := newTransport(t, newPipeline(t, retry.Config{}), holdfasthttp.WithBase(stub{moved})).RoundTrip(newRequest(t, "GET", nil))
		require.NoError(t, err)
		require.Equal(t, 301, resp.StatusCode)
		require.Zero(t, time.Since(start))
	})
}

// If a server asks for more than MaxRetryAfter, the caller gets the response at once.
func TestRetryAfterIsCapped(t *testing.T) {
	for _, asked := range []string{"61", "99999999999999999999"} {
		resp := response(503, http.NoBody)
		resp.Header.Set("Retry-After", asked)
		rt := newTransport(t, newPipeline(t, retry.Config{MaxRetryAfter: time.Minute}), holdfasthttp.WithBase(stub{resp}))
		got, err := rt.RoundTrip(newRequest(t, "GET", nil))
		require.NoError(t, err)
		require.Equal(t, 503, got.StatusCode)
		require.ErrorIs(t, holdfasthttp.Stopped(got), retry.ErrRetryAfterTooLong)
	}
}

// No value of a server makes the parser panic or return a negative pause.
func FuzzRetryAfter(f *testing.F) {
	f.Add("120", `"burst";r=0;t=6`, "5")
	f.Add("Fri, 31 Dec 1999 23:59:59 GMT", "limit=100, remaining=0, reset=6", "")
	f.Add("-1", `"`, "\\")
	p := newPipeline(f, retry.Custom(0, 1, 1, false))
	f.Add("1771404540", "", "1771404540123")
	f.Fuzz(func(t *testing.T, after, limit, reset string) {
		resp := response(429, http.NoBody)
		resp.Header = http.Header{"Retry-After": {after}, "Ratelimit": {limit}, "Ratelimit-Reset": {reset}, "X-Ratelimit-Reset": {reset}, "X-Amz-Retry-After": {after + "x"}}
		got, err := newTransport(t, p, holdfasthttp.WithBase(stub{resp})).RoundTrip(newRequest(t, "GET", nil))
		require.NoError(t, err)
		require.GreaterOrEqual(t, resilience.RetryAfter(holdfasthttp.Stopped(got)), time.Duration(0))
	})
}
