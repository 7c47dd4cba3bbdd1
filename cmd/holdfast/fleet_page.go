package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"time"

	"github.com/media-gateway/holdfast/internal/cli"
	"github.com/media-gateway/holdfast/internal/visible"
)

// maxAnswer is the longest answer of a page that is read, in bytes.
const maxAnswer = 4 << 20

// page is a pod's page, to which a command speaks as a browser would.
type page struct {
	base   *url.URL // ends with a slash
	host   string   // as the header Host has it
	header http.Header
	client *http.Client
	now    time.Time // the page's, of its last answer; zero if it did not say
}

// newPage returns the page at an address that from names. The address may have a password, so no
// error repeats it.
func newPage(address, from string) (*page, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Host == "", u.Opaque != "":
		return nil, cli.Misusef("%s is not the address of a page; want https://HOST/PATH", from)
	case u.RawQuery != "" || u.Fragment != "":
		return nil, cli.Misusef("%s has a query or a fragment; want https://HOST/PATH only", from)
	}
	u.Path, u.RawPath = strings.TrimSuffix(u.Path, "/")+"/", ""
	jar, _ := cookiejar.New(nil) // never fails: see its documentation
	p := &page{base: u, host: u.Host, header: http.Header{}}
	p.client = &http.Client{Jar: jar, CheckRedirect: p.redirected, Transport: ownTransport()}
	return p, nil
}

// ownTransport returns one like http.DefaultTransport, whose connections can be closed.
func ownTransport() http.RoundTripper {
	if t, ok := http.DefaultTransport.(*http.Transport); ok {
		return t.Clone()
	}
	return http.DefaultTransport
}

func (p *page) close() { p.client.CloseIdleConnections() }

// send adds a header to all requests. No error repeats the line.
func (p *page) send(line, from string) error {
	name, value, ok := strings.Cut(line, ":")
	value = strings.TrimSpace(value)
	if !ok || !isToken(name) || strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
		return cli.Misusef("%s is not a header; want one line, such as 'Name: value'", from)
	}
	if http.CanonicalHeaderKey(name) == "Host" {
		p.host = value
		return nil
	}
	p.header.Set(name, value)
	return nil
}

func isToken(name string) bool {
	return name != "" && strings.Trim(name, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// errElsewhere is why a redirect is not followed.
var errElsewhere = errors.New("redirected")

// redirected follows no redirect to another host, scheme or port, which would be told the headers.
func (p *page) redirected(r *http.Request, via []*http.Request) error {
	if r.URL.Scheme != p.base.Scheme || r.URL.Host != p.base.Host || len(via) > 5 {
		return fmt.Errorf("%w: to %s, and it is not followed there, since that would be told the headers; "+
			"is there a page for logging in, which wants a header?", errElsewhere, visible.Name(r.URL.Scheme+"://"+r.URL.Host))
	}
	return nil
}

// pageOrder is an order as the page wants it, and as it answers.
type pageOrder struct {
	Fleet   string   `json:"fleet"`
	Service string   `json:"service"`
	Order   string   `json:"order"`
	Kind    string   `json:"kind,omitempty"`
	Ratio   *float64 `json:"ratio,omitempty"`
	By      string   `json:"by"`
	Why     string   `json:"why"`
	For     float64  `json:"for_seconds,omitempty"`
}

// order gives an order, with the token that the page gives to those who may. Without one it asks
// all the same: the page says why not, and logs who asked.
func (p *page) order(ctx context.Context, o pageOrder) (given *pageOrder, err error) {
	var session struct {
		Token string `json:"token"`
	}
	if err := p.ask(ctx, http.MethodGet, "session", nil, "", &session); err != nil {
		return nil, err
	}
	body, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	given = &pageOrder{}
	if err := p.ask(ctx, http.MethodPost, "fleet", body, session.Token, given); err != nil {
		return nil, err
	}
	return given, nil
}

// ask sends a request and reads the answer, which is JSON, into v.
func (p *page) ask(ctx context.Context, method, path string, body []byte, token string, v any) error {
	u := *p.base
	u.Path += path
	r, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	if err != nil {
		return p.failed(method, err)
	}
	r.Header, r.Host = p.header.Clone(), p.host
	r.Header.Set("Accept", "application/json")
	if r.Header.Get("User-Agent") == "" {
		r.Header.Set("User-Agent", "holdfast")
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Origin", p.base.Scheme+"://"+p.host)
		r.Header.Set("Holdfast-Token", token)
	}
	answer, err := p.client.Do(r)
	if err != nil {
		return p.failed(method, err)
	}
	defer answer.Body.Close() //nolint:errcheck // all that is wanted was read
	if now, err := http.ParseTime(answer.Header.Get("Date")); err == nil {
		p.now = now
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	switch {
	case err != nil:
		return p.failed(method, err)
	case len(text) > maxAnswer:
		return p.said(fmt.Sprintf("answers with more than %d bytes; that is no page of Holdfast", maxAnswer))
	}
	return p.read(answer, text, v)
}

// read reads an answer, or says what is wrong with it.
func (p *page) read(answer *http.Response, text []byte, v any) error {
	media, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	if media != "application/json" {
		return p.said(p.noJSON(answer, media, text))
	}
	if answer.StatusCode != http.StatusOK {
		var refused struct {
			Errors []struct {
				Message string `json:"message"`
			} `json:"errors"`
		}
		if json.Unmarshal(text, &refused) != nil || len(refused.Errors) == 0 {
			return p.said("answers with status " + answer.Status[:min(len(answer.Status), 60)])
		}
		messages := make([]string, len(refused.Errors))
		for i, e := range refused.Errors {
			messages[i] = visible.Line(e.Message)
		}
		return p.said("says: " + strings.Join(messages, "; "))
	}
	if err := json.Unmarshal(text, v); err != nil {
		return p.said("answers with JSON that is not what a page of Holdfast says")
	}
	return nil
}

// noJSON says what an answer that is no JSON may be.
func (p *page) noJSON(answer *http.Response, media string, text []byte) string {
	switch {
	case answer.StatusCode == http.StatusBadRequest && p.base.Scheme == "http" && bytes.Contains(text, []byte("HTTP request to an HTTPS server")):
		return "wants HTTPS; want -url https://…"
	case answer.StatusCode == http.StatusUnauthorized:
		return "wants to know who you are (status 401); want -header 'Authorization: …', or $HOLDFAST_PAGE_AUTHORIZATION"
	case answer.StatusCode == http.StatusForbidden:
		return "lets you not in (status 403)"
	case answer.StatusCode == http.StatusNotFound:
		return "has nothing there (status 404); want the address of a page of package holdfastdash, of a version that knows fleets"
	case answer.StatusCode == http.StatusServiceUnavailable:
		return "is closed at the moment (status 503); ask another pod"
	case media == "":
		media = "something"
	}
	return fmt.Sprintf("answers with status %d and %s, not JSON; want the address of a page of package holdfastdash", answer.StatusCode, visible.Name(media[:min(len(media), 60)]))
}
