package holdfastdash_test

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastdash"
)

// told prints what a page is told about the sender of a request.
func told(dash http.Handler, edit func(r *http.Request)) {
	r := httptest.NewRequest(http.MethodGet, "/session", http.NoBody)
	edit(r)
	answer := httptest.NewRecorder()
	dash.ServeHTTP(answer, r)
	body, _ := io.ReadAll(answer.Result().Body)
	may, _, _ := strings.Cut(string(body), `,"token"`)
	fmt.Println(may)
}

// A name and a password (HTTP Basic). The page asks for none: give the login an address of its own
// that answers 401, as in docs/observability.md, or ask for a password in front of the whole page.
func ExampleWithAuthorizer() {
	const password = "from your secret store"
	payments := holdfast.Must(holdfast.New("payments", holdfast.Standard()...))
	dash, err := holdfastdash.Handler([]*holdfast.Pipeline{payments},
		holdfastdash.WithAuthorizer(func(r *http.Request) (string, error) {
			user, given, _ := r.BasicAuth()
			if user != "ana" || subtle.ConstantTimeCompare([]byte(given), []byte(password)) != 1 {
				return "", errors.New("log in first, at /debug/holdfast/login")
			}
			return user, nil
		}),
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer dash.Close()
	told(dash, func(r *http.Request) { r.SetBasicAuth("ana", password) })
	// Output: {"can_tune":true,"who":"ana"
}

// A reverse proxy that knows its users says in a header who sent a request. The proxy must remove
// that header from what clients send, or everybody is whoever they say. It must be the only way to
// the program, so the header counts only if the request comes from the proxy's address.
func ExampleWithAuthorizer_reverseProxy() {
	const proxy = "10.0.0.7"
	payments := holdfast.Must(holdfast.New("payments", holdfast.Standard()...))
	dash, err := holdfastdash.Handler([]*holdfast.Pipeline{payments},
		holdfastdash.WithAuthorizer(func(r *http.Request) (string, error) {
			host, _, err := net.SplitHostPort(r.RemoteAddr)
			who := r.Header.Get("X-Forwarded-User")
			if err != nil || host != proxy || who == "" {
				return "", errors.New("log in at the proxy")
			}
			return who, nil
		}),
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer dash.Close()
	for _, address := range []string{"10.0.0.7:4711", "10.0.0.8:4711"} {
		told(dash, func(r *http.Request) {
			r.RemoteAddr = address
			r.Header.Set("X-Forwarded-User", "ana")
		})
	}
	// Output:
	// {"can_tune":true,"who":"ana"
	// {"can_tune":false,"who":""
}

// An OpenID Connect proxy passes a signed token on. verify is a library's: it checks the signature
// by the provider's keys, the issuer, the audience (this page's client id) and the expiry.
func ExampleWithAuthorizer_openIDConnect() {
	verify := func(_ context.Context, token string) (email string, err error) {
		if token != "a signed token" {
			return "", errors.New("not signed by the provider")
		}
		return "ana@example.com", nil
	}
	payments := holdfast.Must(holdfast.New("payments", holdfast.Standard()...))
	dash, err := holdfastdash.Handler([]*holdfast.Pipeline{payments},
		holdfastdash.WithAuthorizer(func(r *http.Request) (string, error) {
			token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
			email, err := verify(r.Context(), token)
			if err != nil {
				return "", errors.New("log in at the proxy: it sent no valid token")
			}
			return email, nil
		}),
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer dash.Close()
	told(dash, func(r *http.Request) { r.Header.Set("Authorization", "Bearer a signed token") })
	// Output: {"can_tune":true,"who":"ana@example.com"
}

// A program turns a number as the page does: it asks for a token, and sends it with the cookie that
// came with it.
func ExampleWithAuthorizer_program() {
	payments := holdfast.Must(holdfast.New("payments", holdfast.Standard()...))
	dash, err := holdfastdash.Handler([]*holdfast.Pipeline{payments},
		holdfastdash.WithLogger(slog.New(slog.DiscardHandler)),
		holdfastdash.WithAuthorizer(func(r *http.Request) (string, error) {
			if user, password, _ := r.BasicAuth(); user != "deploy" || password != "from your secret store" {
				return "", errors.New("log in first")
			}
			return "deploy", nil
		}),
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer dash.Close()
	server := httptest.NewServer(dash)
	defer server.Close()

	client := server.Client()
	if client.Jar, err = cookiejar.New(nil); err != nil {
		fmt.Println(err)
		return
	}
	ask := func(method, path, token, body string, answer any) error {
		r, err := http.NewRequest(method, server.URL+path, strings.NewReader(body))
		if err != nil {
			return err
		}
		r.SetBasicAuth("deploy", "from your secret store")
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Origin", server.URL)
		r.Header.Set("Holdfast-Token", token)
		response, err := client.Do(r)
		if err != nil {
			return err
		}
		defer func() { _ = response.Body.Close() }()
		return json.NewDecoder(response.Body).Decode(answer)
	}
	var session struct{ Token string }
	if err := ask(http.MethodGet, "/session", "", "", &session); err != nil {
		fmt.Println(err)
		return
	}
	var answer struct {
		Changes []struct{ What, From, To string }
	}
	order := `{"pipeline": "payments", "values": {"retry.max_retries": "1"}, "was": {"retry.max_retries": "3"}}`
	if err := ask(http.MethodPost, "/tune", session.Token, order, &answer); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(answer.Changes)
	// Output: [{retry.max_retries 3 1}]
}
