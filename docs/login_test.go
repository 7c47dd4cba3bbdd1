package docs

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastdash"
)

// passwords has the SHA-256 of each user's password.
type passwords map[string][sha256.Size]byte

func (p passwords) right(user, password string) bool {
	want, known := p[user]
	got := sha256.Sum256([]byte(password))
	return subtle.ConstantTimeCompare(got[:], want[:]) == 1 && known
}

func mountWithPasswords(mux *http.ServeMux, users passwords, pipelines []*holdfast.Pipeline) (*holdfastdash.Dashboard, error) {
	dash, err := holdfastdash.Handler(pipelines,
		holdfastdash.WithAuthorizer(func(r *http.Request) (who string, err error) {
			user, password, _ := r.BasicAuth()
			if !users.right(user, password) {
				return "", errors.New("log in first, at /debug/holdfast/login")
			}
			return user, nil
		}),
	)
	if err != nil {
		return nil, err
	}
	mux.Handle("/debug/holdfast/", http.StripPrefix("/debug/holdfast", dash))
	mux.HandleFunc("/debug/holdfast/login", func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); !users.right(user, password) {
			w.Header().Set("WWW-Authenticate", `Basic realm="holdfast"`) // the browser asks for both
			http.Error(w, "want a name and a password", http.StatusUnauthorized)
			return
		}
		http.Redirect(w, r, "./", http.StatusSeeOther)
	})
	return dash, nil
}

func behindProxy(proxies []string) holdfastdash.Option {
	return holdfastdash.WithAuthorizer(func(r *http.Request) (who string, err error) {
		host, _, err := net.SplitHostPort(r.RemoteAddr)
		if err != nil || !slices.Contains(proxies, host) {
			return "", errors.New("come through the proxy, which knows who you are")
		}
		if who = r.Header.Get("X-Forwarded-User"); who == "" {
			return "", errors.New("the proxy sent no X-Forwarded-User: log in there")
		}
		return who, nil
	})
}

// claims are what an identity provider says of a person.
type claims struct {
	Email  string
	Groups []string
}

func behindOIDC(verify func(ctx context.Context, token string) (claims, error)) holdfastdash.Option {
	return holdfastdash.WithAuthorizer(func(r *http.Request) (who string, err error) {
		token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok {
			return "", errors.New("log in at the proxy: it sent no token")
		}
		c, err := verify(r.Context(), token) // signature, issuer, audience and expiry
		if err != nil {
			return "", errors.New("the token of the proxy is not valid: log in again")
		}
		if !slices.Contains(c.Groups, "on-call") {
			return c.Email, errors.New("want a member of the group on-call")
		}
		return c.Email, nil
	})
}

// may asks a dashboard whether the sender of a request may tune.
func may(t *testing.T, h http.Handler, path string, edit func(r *http.Request)) string {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, http.NoBody)
	edit(r)
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, r)
	return answer.Body.String()
}

func TestObservabilityLogin(t *testing.T) {
	pipelines := []*holdfast.Pipeline{holdfast.Must(holdfast.New("payments", holdfast.Standard()...))}
	const yes = `"can_tune":true`

	mux := http.NewServeMux()
	dash, err := mountWithPasswords(mux, passwords{"ana": sha256.Sum256([]byte("s3cret"))}, pipelines)
	require.NoError(t, err)
	defer dash.Close()
	as := func(user, password string) func(r *http.Request) {
		return func(r *http.Request) { r.SetBasicAuth(user, password) }
	}
	const session = "/debug/holdfast/session"
	require.Contains(t, may(t, mux, session, as("ana", "s3cret")), yes)
	require.Contains(t, may(t, mux, session, as("ana", "wrong")), "log in first")
	require.Contains(t, may(t, mux, session, as("", "")), "log in first")
	require.Contains(t, may(t, mux, "/debug/holdfast/login", as("ana", "wrong")), "want a name and a password")
	require.NotContains(t, may(t, mux, "/debug/holdfast/login", as("ana", "s3cret")), "want a name")

	proxied, err := holdfastdash.Handler(pipelines, behindProxy([]string{"10.0.0.7"}))
	require.NoError(t, err)
	defer proxied.Close()
	from := func(address string) func(r *http.Request) {
		return func(r *http.Request) { r.RemoteAddr = address; r.Header.Set("X-Forwarded-User", "ana") }
	}
	require.Contains(t, may(t, proxied, "/session", from("10.0.0.7:4711")), yes)
	require.Contains(t, may(t, proxied, "/session", from("10.0.0.8:4711")), "come through the proxy")
	require.Contains(t, may(t, proxied, "/session", func(r *http.Request) { r.RemoteAddr = "10.0.0.7:4711" }), "log in there")

	verified, err := holdfastdash.Handler(pipelines, behindOIDC(func(_ context.Context, token string) (claims, error) {
		switch token {
		case "ana's":
			return claims{"ana@example.com", []string{"on-call"}}, nil
		case "bob's":
			return claims{"bob@example.com", nil}, nil
		}
		return claims{}, errors.New("forged")
	}))
	require.NoError(t, err)
	defer verified.Close()
	with := func(token string) func(r *http.Request) {
		return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
	}
	require.Contains(t, may(t, verified, "/session", with("ana's")), `"who":"ana@example.com"`)
	require.Contains(t, may(t, verified, "/session", with("ana's")), yes)
	require.Contains(t, may(t, verified, "/session", with("bob's")), "want a member")
	require.Contains(t, may(t, verified, "/session", with("mallory's")), "not valid")
	require.Contains(t, may(t, verified, "/session", func(*http.Request) {}), "log in at the proxy")
}
