package recipes

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfasthttp"
	"github.com/media-gateway/holdfast/resilience"
)

func newGraphQL(p *holdfast.Pipeline, base http.RoundTripper) (*http.Client, error) {
	return holdfasthttp.NewClient(p, holdfasthttp.WithBase(base), holdfasthttp.WithClassifyResponse(graphqlErrors))
}

// graphqlErrors finds the errors in a 200. The codes are the server's own: ask its documentation.
func graphqlErrors(r *http.Response) resilience.Verdict {
	var answer struct {
		Data   json.RawMessage
		Errors []struct{ Extensions struct{ Code string } }
	}
	if r.StatusCode != http.StatusOK || json.NewDecoder(r.Body).Decode(&answer) != nil || len(answer.Errors) == 0 {
		return resilience.Unclassified // the status decides
	}
	if data := string(answer.Data); data != "" && data != "null" {
		return resilience.Success // a part of it came: the caller decides
	}
	switch answer.Errors[0].Extensions.Code {
	case "THROTTLED", "RATE_LIMITED":
		return resilience.Overload
	case "INTERNAL_SERVER_ERROR", "SERVICE_UNAVAILABLE", "TIMEOUT":
		return resilience.Transient
	}
	return resilience.Permanent // a mistake in the query, or a right that is missing
}

// query says that a POST may be sent twice. A mutation has no such mark, or a key of its own.
func query(ctx context.Context, url, text string) (*http.Request, error) {
	return http.NewRequestWithContext(resilience.MarkIdempotent(ctx), http.MethodPost, url, strings.NewReader(text))
}

func TestGraphQL(t *testing.T) {
	const (
		url     = "http://graphql.example/graphql"
		data    = `{"data":{"user":{"name":"Ann"}}}`
		failed  = `{"data":null,"errors":[{"message":"x","extensions":{"code":"INTERNAL_SERVER_ERROR"}}]}`
		limited = `{"errors":[{"message":"x","extensions":{"code":"THROTTLED"}}]}`
		wrong   = `{"errors":[{"message":"x","extensions":{"code":"GRAPHQL_VALIDATION_FAILED"}}]}`
		part    = `{"data":{"user":null},"errors":[{"message":"x","path":["user"],"extensions":{"code":"INTERNAL_SERVER_ERROR"}}]}`
	)
	for name, c := range map[string]struct {
		answers  []answer
		mutation bool
		asked    int
		failures int
		unknown  bool
		body     string
	}{
		"a failure in a 200":     {[]answer{{200, "", failed}, {200, "", data}}, false, 2, 1, false, data},
		"a limit in a 200":       {[]answer{{200, "", limited}, {200, "", data}}, false, 2, 1, false, data},
		"a mistake in the query": {[]answer{{200, "", wrong}}, false, 1, 0, false, wrong},
		"a part of the data":     {[]answer{{200, "", part}}, false, 1, 0, false, part},
		"a gateway's 502":        {[]answer{{502, "", "<html>"}, {200, "", data}}, false, 2, 1, false, data},
		"a failed mutation":      {[]answer{{200, "", failed}}, true, 1, 1, true, failed},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := &stub{answers: c.answers}
				p := holdfast.Must(holdfast.New("graphql", holdfast.Standard()...))
				client, err := newGraphQL(p, server)
				require.NoError(t, err)
				var why error
				if c.mutation {
					resp, text := post(t, client, url, `{"query":"mutation{pay}"}`)
					require.Equal(t, c.body, text)
					why = holdfasthttp.Stopped(resp)
				} else {
					req, err := query(t.Context(), url, `{"query":"{user{name}}"}`)
					require.NoError(t, err)
					resp, err := client.Do(req)
					require.NoError(t, err)
					var whole json.RawMessage
					require.NoError(t, json.NewDecoder(resp.Body).Decode(&whole))
					require.NoError(t, resp.Body.Close())
					require.JSONEq(t, c.body, string(whole))
					why = holdfasthttp.Stopped(resp)
				}
				require.Len(t, server.asked, c.asked)
				require.Equal(t, c.failures, failures(t, p))
				require.Equal(t, c.unknown, resilience.NoRetry(why), "%v", why)
				if c.unknown {
					require.ErrorIs(t, why, resilience.ErrOutcomeUnknown)
				}
			})
		})
	}
}
