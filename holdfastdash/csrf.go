package holdfastdash

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
)

const (
	cookieName  = "holdfast-dashboard"
	tokenHeader = "Holdfast-Token"
)

// tokens creates and checks the tokens that a change must carry. A token is bound to a cookie,
// which no script can read and no other site's request carries, to a person, and to this process.
// It is an HMAC of cookie and person, with a random key that never leaves the process.
type tokens struct{ key [32]byte }

func newTokens() *tokens {
	t := new(tokens)
	_, _ = rand.Read(t.key[:]) // never fails: see its documentation
	return t
}

func (t *tokens) of(cookie, who string) string {
	mac := hmac.New(sha256.New, t.key[:])
	mac.Write([]byte(cookie + "\x00" + who))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// issue sets the cookie and returns its token. It keeps an existing cookie, since another process
// may use it too: browsers send a cookie to every port of a host.
//
// The cookie has no Path, so the browser uses the folder of the page. That also works behind a
// proxy that changes paths.
func (t *tokens) issue(w http.ResponseWriter, r *http.Request, who string) string {
	value := rand.Text()
	for _, c := range r.CookiesNamed(cookieName) {
		if wellFormed(c.Value) {
			value = c.Value
			break
		}
	}
	http.SetCookie(w, &http.Cookie{
		Name: cookieName, Value: value, HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil,
	})
	return t.of(value, who)
}

// check returns an error unless r carries the token that was issued to who.
func (t *tokens) check(r *http.Request, who string) error {
	token := r.Header.Get(tokenHeader)
	cookies := r.CookiesNamed(cookieName)
	switch {
	case token == "":
		return errors.New("header " + tokenHeader + " is missing; want the token that ./session gives")
	case len(cookies) == 0:
		return errors.New("cookie " + cookieName + " is missing; want the one that ./session sets")
	}
	for _, c := range cookies {
		if hmac.Equal([]byte(token), []byte(t.of(c.Value, who))) {
			return nil
		}
	}
	return errors.New("header " + tokenHeader + " is not valid (any more); want the token that ./session gives")
}

// wellFormed reports whether v has the form of a rand.Text.
func wellFormed(v string) bool {
	return len(v) == 26 && strings.Trim(v, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == ""
}

// sameOrigin returns an error unless r says that it comes from the page itself. Every current
// browser sends Sec-Fetch-Site or Origin. A request with neither is refused.
func sameOrigin(r *http.Request) error {
	if r.Header.Get("Sec-Fetch-Site") == "" && r.Header.Get("Origin") == "" {
		return errors.New("the request does not say where it comes from; want header Sec-Fetch-Site or Origin, as browsers send")
	}
	var protection http.CrossOriginProtection
	if err := protection.Check(r); err != nil {
		return errors.New("the request comes from another origin; want one from the page itself " +
			"(a proxy in between has to keep the Host header)")
	}
	return nil
}
