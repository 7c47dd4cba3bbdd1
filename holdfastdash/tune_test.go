package holdfastdash

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// byHeader allows the user that the header User names, except mallory.
func byHeader(r *http.Request) (string, error) {
	switch who := r.Header.Get("User"); who {
	case "":
		return "", errors.New("log in first")
	case "mallory":
		return who, errors.New("mallory may look only")
	case "panic":
		panic("no such user")
	default:
		return who, nil
	}
}

// desk is a dashboard, and the session of a user who may tune.
type desk struct {
	d      *Dashboard
	p      *holdfast.Pipeline
	log    *logged
	cookie *http.Cookie
	token  string
}

func newDesk(t testing.TB, stages ...resilience.Stage) *desk {
	t.Helper()
	if len(stages) == 0 {
		stages = []resilience.Stage{budget.Config{Ratio: 0.1}, retry.Config{}, breaker.Config{Name: "bank"}}
	}
	p, log := newPipeline(t, "payments", stages...), newLog()
	k := sit(t, newDashboard(t, []*holdfast.Pipeline{p, newPipeline(t, "plain", retry.Config{})}, WithAuthorizer(byHeader), WithLogger(log.logger())))
	k.p, k.log = p, log
	return k
}

// sit returns a session of mary at d.
func sit(t testing.TB, d *Dashboard) *desk {
	t.Helper()
	k := &desk{d: d}
	s, cookies := k.session(t, "mary", nil)
	k.cookie, k.token = cookies[0], s.Token
	return k
}

func (k *desk) session(t testing.TB, who string, cookie *http.Cookie) (session, []*http.Cookie) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/session", http.NoBody)
	r.Header.Set("User", who)
	if cookie != nil {
		r.AddCookie(cookie)
	}
	answer := httptest.NewRecorder()
	k.d.ServeHTTP(answer, r)
	var s session
	require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &s))
	return s, answer.Result().Cookies()
}

// order returns a valid request with that body.
func (k *desk) order(body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/tune", strings.NewReader(body))
	for name, value := range map[string]string{
		"User": "mary", "Sec-Fetch-Site": "same-origin", "Content-Type": "application/json", tokenHeader: k.token,
	} {
		r.Header.Set(name, value)
	}
	r.AddCookie(k.cookie)
	return r
}

func (k *desk) send(r *http.Request) *httptest.ResponseRecorder {
	answer := httptest.NewRecorder()
	k.d.ServeHTTP(answer, r)
	return answer
}

func TestTune(t *testing.T) {
	var heard []resilience.Change
	keep := resilience.ObserverFunc(func(_ context.Context, e resilience.Event) {
		if e.Change != nil {
			heard = append(heard, *e.Change)
		}
	})
	k := newDesk(t, holdfast.Observe(keep), budget.Config{Ratio: 0.1}, retry.Config{}, breaker.Config{Name: "bank"})
	for _, c := range []struct {
		order   string
		changes []changed
		holds   func(s holdfast.Snapshot, c budget.Config) bool
	}{
		{`{"pipeline":"payments","values":{"budget.ratio":"0.2","budget.floor":"2.5","budget.burst":"7","budget.shadow":"true"},` +
			`"was":{"budget.ratio":"0.1","budget.floor":"1","budget.burst":"10","budget.shadow":"false"}}`,
			[]changed{{"budget.ratio", "0.1", "0.2"}, {"budget.floor", "1", "2.5"}, {"budget.burst", "10", "7"}, {"budget.shadow", "false", "true"}},
			func(_ holdfast.Snapshot, c budget.Config) bool {
				return c.Ratio == 0.2 && c.Floor == 2.5 && c.Burst == 7 && c.Shadow
			}},
		{`{"pipeline":"payments","isolate":["bank"]}`, []changed{{"breaker bank", "closed", "isolated"}},
			func(s holdfast.Snapshot, _ budget.Config) bool { return s.Breakers[0].State == breaker.StateIsolated }},
		{`{"pipeline":"payments","isolate":["bank"]}`, []changed{}, nil},
		{`{"pipeline":"payments","values":{"budget.ratio":"0.2"},"was":{"budget.ratio":"0.2"}}`, []changed{}, nil},
		{`{"pipeline":"payments"}`, []changed{}, nil},
		{`{"pipeline":"payments","values":null,"was":{},"isolate":[],"reset":null}`, []changed{}, nil},
		{`{"pipeline":"payments","values":{"budget.ratio":"0","budget.floor":"0.0"},"was":{"budget.ratio":"0.2","budget.floor":"2.5"}}`,
			[]changed{{"budget.ratio", "0.2", "0"}, {"budget.floor", "2.5", "0"}},
			func(_ holdfast.Snapshot, c budget.Config) bool {
				return c.Ratio == -1 && c.Floor == -1 && c.Burst == 7 && c.Shadow
			}},
		{`{"pipeline":"payments","reset":["bank"]}`, []changed{{"breaker bank", "isolated", "closed"}},
			func(s holdfast.Snapshot, _ budget.Config) bool { return s.Breakers[0].State == breaker.StateClosed }},
		{`{"pipeline":"payments","values":{"retry.max_retries":"5","breaker.open_for":"20s","retry.jitter":"{additive: 0.4}"},` +
			`"was":{"retry.max_retries":"3","breaker.open_for":"5s","retry.jitter":"{additive: 0.3}"}}`,
			[]changed{{"retry.max_retries", "3", "5"}, {"retry.jitter", "{additive: 0.3}", "{additive: 0.4}"}, {"breaker.open_for", "5s", "20s"}, {"breaker.max_open_for", "10s", "20s"}}, nil},
	} {
		heard = nil
		before := k.log.count("\n")
		answer := k.send(k.order(c.order))
		require.Equal(t, http.StatusOK, answer.Code, answer.Body)
		var got tuned
		require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &got))
		require.Equal(t, tuned{c.changes, "mary"}, got, c.order)
		require.Equal(t, "application/json", answer.Header().Get("Content-Type"))
		if c.holds != nil {
			require.True(t, c.holds(k.p.Snapshot(), k.p.Budget().Config()), c.order)
		}
		require.Len(t, heard, len(c.changes))
		for i, h := range heard {
			require.Equal(t, c.changes[i].What, keyOrWords(k.p, h))
			require.Equal(t, "mary", h.By)
		}
		require.Equal(t, len(c.changes), k.log.count("\n")-before, "one line for each")
	}
	require.Contains(t, k.log.String(), `level=INFO msg="pipeline changed by hand" pipeline=payments what=budget.ratio from=0.1 to=0.2 by=mary`)
}

// keyOrWords returns what a change is called on the page.
func keyOrWords(p *holdfast.Pipeline, c resilience.Change) string {
	l := linesOf(p, "", c)[0]
	return cmp.Or(l.Key, l.What)
}

// Pins: every way in which a change is refused, and that nothing changes.
func TestTuneRefuses(t *testing.T) {
	const good = `{"pipeline":"payments","values":{"budget.ratio":"0.5"},"was":{"budget.ratio":"0.1"}}`
	header := func(name, value string) func(*desk, *http.Request) {
		return func(_ *desk, r *http.Request) {
			r.Header.Del(name)
			if value != "" {
				r.Header.Set(name, value)
			}
		}
	}
	for name, c := range map[string]struct {
		body   string
		spoil  func(*desk, *http.Request)
		status int
		want   []string
	}{
		"method": {good, func(_ *desk, r *http.Request) { r.Method = http.MethodPut }, 405, []string{"method PUT is not known here; want POST"}},

		"from another site":  {good, header("Sec-Fetch-Site", "cross-site"), 403, []string{"the request comes from another origin; want one from the page itself (a proxy in between has to keep the Host header)"}},
		"from a sister site": {good, header("Sec-Fetch-Site", "same-site"), 403, []string{"the request comes from another origin; want one from the page itself (a proxy in between has to keep the Host header)"}},
		"from another origin": {good, func(_ *desk, r *http.Request) {
			r.Header.Del("Sec-Fetch-Site")
			r.Header.Set("Origin", "https://evil.example")
		}, 403, []string{"the request comes from another origin; want one from the page itself (a proxy in between has to keep the Host header)"}},
		"from a sandbox": {good, func(_ *desk, r *http.Request) { r.Header.Del("Sec-Fetch-Site"); r.Header.Set("Origin", "null") }, 403, []string{"the request comes from another origin; want one from the page itself (a proxy in between has to keep the Host header)"}},
		"from who knows": {good, header("Sec-Fetch-Site", ""), 403, []string{"the request does not say where it comes from; want header Sec-Fetch-Site or Origin, as browsers send"}},

		"read-only": {good, func(k *desk, _ *http.Request) { k.d.authorize = nil }, 403, []string{"the program that serves this page lets nobody change anything (see holdfastdash.WithAuthorizer)"}},
		"nobody":    {good, header("User", ""), 403, []string{"log in first"}},
		"may not":   {good, header("User", "mallory"), 403, []string{"mallory may look only"}},
		"authorizer panics": {good, header("User", "panic"), 403,
			[]string{"whether you may tune is unknown: the authorizer panicked; see the log"}},

		"no token":              {good, header(tokenHeader, ""), 403, []string{"header Holdfast-Token is missing; want the token that ./session gives"}},
		"wrong token":           {good, header(tokenHeader, "0"), 403, []string{"header Holdfast-Token is not valid (any more); want the token that ./session gives"}},
		"no cookie":             {good, header("Cookie", ""), 403, []string{"cookie holdfast-dashboard is missing; want the one that ./session sets"}},
		"another cookie":        {good, header("Cookie", cookieName+"=ABCDEFGHIJKLMNOPQRSTUVWXYZ"), 403, []string{"header Holdfast-Token is not valid (any more); want the token that ./session gives"}},
		"somebody else's token": {good, header("User", "peter"), 403, []string{"header Holdfast-Token is not valid (any more); want the token that ./session gives"}},
		"another process's token": {good, func(k *desk, r *http.Request) { r.Header.Set(tokenHeader, newTokens().of(k.cookie.Value, "mary")) }, 403,
			[]string{"header Holdfast-Token is not valid (any more); want the token that ./session gives"}},

		"a form":       {good, header("Content-Type", "application/x-www-form-urlencoded"), 415, []string{`Content-Type is "application/x-www-form-urlencoded"; want application/json`}},
		"no type":      {good, header("Content-Type", ""), 415, []string{`Content-Type is ""; want application/json`}},
		"too large":    {good + strings.Repeat(" ", maxBody), nil, 413, []string{"the body is too large; want at most 65536 bytes"}},
		"empty":        {"", nil, 400, []string{"the body is not what was expected: EOF"}},
		"not JSON":     {"ratio=5", nil, 400, []string{"the body is not what was expected: invalid character 'r' looking for beginning of value"}},
		"cut off":      {good[:len(good)-3], nil, 400, []string{"the body is not what was expected: unexpected EOF"}},
		"goes on":      {good + "{}", nil, 400, []string{"the body goes on after its JSON object; want nothing else in it"}},
		"not an order": {"[]", nil, 400, []string{"the body is a JSON array; want an object"}},
		"unknown":      {`{"pipeline":"payments","budget":{"ratio":1}}`, nil, 400, []string{`the body is not what was expected: unknown field "budget"`}},
		"a number":     {`{"pipeline":"payments","values":{"budget.ratio":0.5}}`, nil, 400, []string{"a value of values is a JSON number; want a string, as a file would write it"}},
		"an array":     {`{"pipeline":"payments","values":["budget.ratio"]}`, nil, 400, []string{"values is a JSON array; want an object of strings"}},
		"nothing seen": {`{"pipeline":"payments","values":{"budget.ratio":"0.5","x":"1"},"was":{"budget.floor":"1"}}`, nil, 400, []string{
			`was has no "budget.ratio"; want the value that you saw, so that nobody else's change is lost`,
			`was has no "x"; want the value that you saw, so that nobody else's change is lost`,
		}},
		"both": {`{"pipeline":"payments","values":{"budget.ratio":"0.5"},"was":{"budget.ratio":"0.1"},"reset":["bank"]}`, nil, 400, []string{
			"the order has values, and breakers to isolate or reset; want an order for each"}},
		"too many":    {`{"pipeline":"payments","values":{` + many(201) + `}}`, nil, 400, []string{"the order has 201 values; want at most 200"}},
		"one name":    {`{"pipeline":"payments","reset":"bank"}`, nil, 400, []string{"reset is a JSON string; want an array of names"}},
		"no pipeline": {`{}`, nil, 400, []string{"pipeline is missing; want the name of one"}},
		"a stranger":  {`{"pipeline":"search"}`, nil, 404, []string{`pipeline "search" is not on this page (any more)`}},

		"breakers": {`{"pipeline":"payments","isolate":["bank","x"],"reset":["bank"]}`, nil, 422, []string{
			`payments: Tuning: Isolate names breaker "x"; want one of "bank"`,
			`payments: Tuning: Isolate and Reset both name breaker "bank"; want one of them`,
		}},
		"values": {`{"pipeline":"payments","values":{"budget.ratio":"5000","budget.floor":"-1","budget.burst":"0","retry.max_retries":"<b>"},` +
			`"was":{"budget.ratio":"0.1","budget.floor":"1","budget.burst":"10","retry.max_retries":"3"}}`, nil, 422, []string{
			"payments: budget.burst is 0; want a whole number from 1 to 1000000000",
			"payments: budget.floor is -1; want a number from 0 to 1000000",
			"payments: budget.ratio is 5000; want a number from 0 to 1000",
			"payments: retry.max_retries is <b>; want a whole number of at least 0, or none or unlimited",
		}},
		"an unknown key": {`{"pipeline":"payments","values":{"retry.max_retrys":"1"},"was":{"retry.max_retrys":"3"}}`, nil, 422, []string{
			`payments: unknown key "retry.max_retrys"; did you mean "retry.max_retries"?`}},
		"a key for the file": {`{"pipeline":"payments","values":{"breaker":"off"},"was":{"breaker":"on"}}`, nil, 422, []string{
			"payments: breaker cannot be turned: a tuning adds no stage and takes none away; an update does"}},
		"somebody else was first": {`{"pipeline":"payments","values":{"budget.ratio":"0.3","budget.burst":"20"},"was":{"budget.ratio":"0.2","budget.burst":"10"}}`, nil, 409, []string{
			`payments: budget.ratio is 0.1 now, and no longer "0.2"; look at it again before you change it`}},
		"no budget": {`{"pipeline":"plain","values":{"budget.ratio":"1"},"was":{"budget.ratio":"0.1"}}`, nil, 409, []string{
			`plain: budget.ratio was "0.1", and the pipeline has no budget any more; look at it again before you change it`}},
	} {
		t.Run(name, func(t *testing.T) {
			k := newDesk(t)
			before, config := k.p.Snapshot(), k.p.Budget().Config()
			r := k.order(c.body)
			if c.spoil != nil {
				c.spoil(k, r)
			}
			answer := k.send(r)
			var got refused
			require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &got), answer.Body)
			var messages []string
			for _, p := range got.Errors {
				messages = append(messages, p.Message)
				_, key, _ := strings.Cut(p.Field, ".")
				require.Contains(t, p.Message, key, "a value's problem names its key")
				require.Equal(t, p.Field != "", strings.Contains(p.Message, "budget.") || strings.Contains(p.Message, "retry.max") || strings.HasPrefix(p.Message, "was has") ||
					strings.Contains(p.Message, " is a JSON ") && !strings.HasPrefix(p.Message, "the body") || strings.Contains(p.Message, "breaker cannot"), "%v", p)
			}
			require.Equal(t, c.want, messages)
			require.Equal(t, c.status, answer.Code)
			require.Equal(t, before, k.p.Snapshot())
			require.Equal(t, config, k.p.Budget().Config())
			require.Equal(t, 1, k.log.count(`level=WARN msg="change of a pipeline refused"`), k.log)
			require.Zero(t, k.log.count("level=INFO"))
		})
	}
}

func TestRefusalsAreLogged(t *testing.T) {
	k := newDesk(t)
	r := k.order(`{"pipeline":"payments","values":{"budget.burst":"0"},"was":{"budget.burst":"10"}}`)
	r.RemoteAddr = "10.1.2.3:4567"
	k.send(r)
	require.Contains(t, k.log.String(), `pipeline=payments by=mary remote=10.1.2.3:4567 status=422 error="payments: budget.burst is 0; want a whole number from 1 to 1000000000"`)
	r = k.order(`{}`)
	r.Header.Set("User", "mallory")
	k.send(r)
	require.Contains(t, k.log.String(), `by=mallory remote=192.0.2.1:1234 status=403 error="mallory may look only"`)
	r.Header.Set("User", "panic")
	k.send(r)
	require.Contains(t, k.log.String(), `level=ERROR msg="the dashboard's authorizer panicked" panic="no such user" stack=`)
}

func TestSession(t *testing.T) {
	k := newDesk(t)
	s, cookies := k.session(t, "mary", k.cookie)
	require.Equal(t, session{CanTune: true, Who: "mary", Token: k.token}, s, "the same, as long as the cookie is")
	require.Equal(t, k.cookie.Value, cookies[0].Value)
	require.True(t, cookies[0].HttpOnly)
	require.Equal(t, http.SameSiteStrictMode, cookies[0].SameSite)
	require.False(t, cookies[0].Secure)

	s, cookies = k.session(t, "mary", &http.Cookie{Name: cookieName, Value: "x"})
	require.NotEqual(t, k.token, s.Token)
	require.True(t, wellFormed(cookies[0].Value), "what cannot be ours is replaced")

	s, cookies = k.session(t, "mallory", nil)
	require.Equal(t, session{Who: "mallory", Why: "mallory may look only"}, s)
	require.Empty(t, cookies)
	s, _ = k.session(t, "panic", nil)
	require.Equal(t, session{Why: "whether you may tune is unknown: the authorizer panicked; see the log"}, s)
	k.d.authorize = nil
	s, _ = k.session(t, "mary", nil)
	require.Equal(t, session{Why: "the program that serves this page lets nobody change anything (see holdfastdash.WithAuthorizer)"}, s)
}

func TestCookieOverTLS(t *testing.T) {
	k := newDesk(t)
	r := httptest.NewRequest(http.MethodGet, "https://dash/session", http.NoBody)
	r.Header.Set("User", "mary")
	r.TLS = new(tls.ConnectionState)
	require.True(t, k.send(r).Result().Cookies()[0].Secure)
}

// Pins: a browser sends the cookie only to the mount point, and a second dashboard on the same
// host, at another port or path, does not invalidate the first one's tokens.
func TestCookieOfABrowser(t *testing.T) {
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	mux, elsewhere := http.NewServeMux(), http.NewServeMux()
	one, inside, other := newDesk(t), newDesk(t), newDesk(t)
	mux.Handle("/dash/", http.StripPrefix("/dash", one.d))
	mux.Handle("/dash/more/", http.StripPrefix("/dash/more", inside.d))
	elsewhere.Handle("/dash/", http.StripPrefix("/dash", other.d))
	first, second := httptest.NewServer(mux), httptest.NewServer(elsewhere)
	defer first.Close()
	defer second.Close()
	client := &http.Client{Jar: jar}
	send := func(method, u, token string) *http.Response {
		r, err := http.NewRequestWithContext(t.Context(), method, u, strings.NewReader(`{"pipeline":"payments"}`))
		require.NoError(t, err)
		r.Header = http.Header{"User": {"mary"}, "Origin": {u[:strings.Index(u, "/dash")]}, "Content-Type": {"application/json; charset=utf-8"}, tokenHeader: {token}}
		resp, err := client.Do(r)
		require.NoError(t, err)
		t.Cleanup(func() { _ = resp.Body.Close() })
		return resp
	}
	tokens := map[string]string{}
	for _, at := range []string{first.URL + "/dash/", second.URL + "/dash/", first.URL + "/dash/more/"} {
		var s session
		require.NoError(t, json.NewDecoder(send(http.MethodGet, at+"session", "").Body).Decode(&s))
		tokens[at] = s.Token
	}
	for at, token := range tokens {
		require.Equal(t, http.StatusOK, send(http.MethodPost, at+"tune", token).StatusCode, at)
		u, err := url.Parse(at)
		require.NoError(t, err)
		require.NotEmpty(t, jar.Cookies(u.JoinPath("tune")))
		require.Empty(t, jar.Cookies(u.JoinPath("../../dashboard")))
	}
}

// many returns so many values of an order.
func many(n int) string {
	values := make([]string, n)
	for i := range values {
		values[i] = fmt.Sprintf(`"k%d":"1"`, i)
	}
	return strings.Join(values, ",")
}

// FuzzTune: whatever is sent, nothing panics, and unless the answer is 200 nothing changes.
func FuzzTune(f *testing.F) {
	for _, body := range []string{
		`{"pipeline":"payments","values":{"budget.ratio":"0.2","budget.shadow":"true"},"was":{"budget.ratio":"0.1","budget.shadow":"false"}}`,
		`{"pipeline":"payments","reset":["bank"]}`, `{"pipeline":"plain","values":{}}`, `{"pipeline":"payments","values":{"budget.burst":"-1e3"},"was":{"budget.burst":"10"}}`,
		`{"pipeline":"payments","values":{"retry.jitter":"{additive: [0]}"},"was":{"retry.jitter":"decorrelated"}}`, `[]`, `null`, `{"pipeline":"payments"}x`, ``,
	} {
		f.Add(body)
	}
	k := newDesk(f)
	f.Fuzz(func(t *testing.T, body string) {
		config, state := k.p.Budget().Config(), k.p.Snapshot().Breakers[0].State
		answer := k.send(k.order(body))
		if answer.Code == http.StatusOK {
			require.True(t, json.Valid(answer.Body.Bytes()))
			resolved, err := k.p.Budget().Config().Resolve()
			require.NoError(t, err, "what is in force is what New would take")
			require.Equal(t, resolved, k.p.Budget().Config())
			return
		}
		require.Contains(t, []int{400, 404, 409, 413, 422}, answer.Code)
		var why refused
		require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &why))
		require.NotEmpty(t, why.Errors)
		require.Equal(t, config, k.p.Budget().Config())
		require.Equal(t, state, k.p.Snapshot().Breakers[0].State)
	})
}
