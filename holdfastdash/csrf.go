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

// tokens makes and checks the tokens that a change has to carry. A token belongs to a cookie,
// which no script can read and no other site's request carries, to a person, and to this
// process: it is their HMAC under a key that is made at random and never leaves.
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

// issue sets the cookie and returns its token. A cookie that is there stays, since it may be
// another process's too: cookies do not know ports.
//
// The cookie has no Path: the browser then takes the folder of the page as the browser knows
// it, also behind a proxy that changes paths.
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

// check reports whether r carries the token that who was given.
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

// wellFormed reports whether v could be of rand.Text.
func wellFormed(v string) bool {
	return len(v) == 26 && strings.Trim(v, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == ""
}

// sameOrigin reports whether r says that it comes from the page itself. Every browser of today
// says so one way or the other; what says nothing is refused.
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
