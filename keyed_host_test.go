package holdfast_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
)

func TestHostKey(t *testing.T) {
	for _, test := range []struct{ scheme, host, want string }{
		{"https", "api.example.com", "api.example.com"},
		{"https", "API.Example.COM", "api.example.com"},
		{"https", "api.example.com.", "api.example.com"},
		{"https", "api.example.com:443", "api.example.com"},
		{"https", "Api.example.com.:443", "api.example.com"},
		{"https", "api.example.com:0443", "api.example.com"},
		{"HTTPS", "api.example.com:", "api.example.com"},
		{"wss", "api.example.com", "api.example.com"},
		{"", "api.example.com:443", "api.example.com"},
		{"http", "api.example.com:443", "api.example.com"},
		{"https", "user:secret@api.example.com", "api.example.com"},

		{"http", "api.example.com", "api.example.com:80"},
		{"http", "api.example.com:80", "api.example.com:80"},
		{"http", "API.example.com.:80", "api.example.com:80"},
		{"ws", "api.example.com:", "api.example.com:80"},
		{"https", "api.example.com:80", "api.example.com:80"},
		{"https", "api.example.com:8443", "api.example.com:8443"},
		{"http", "api.example.com:08080", "api.example.com:8080"},
		{"https", "api.example.com:HTTPS", "api.example.com:HTTPS"},
		{"https", "api.example.com:99999", "api.example.com:99999"},

		{"postgres", "db-7", "db-7"},
		{"postgres", "db-7.:5432", "db-7:5432"},
		{"", "db-7", "db-7"},

		{"https", "192.0.2.1", "192.0.2.1"},
		{"https", "192.0.2.1:443", "192.0.2.1"},
		{"http", "192.0.2.1", "192.0.2.1:80"},
		{"https", "1.example.com", "1.example.com"},
		{"https", "[::1]", "[::1]"},
		{"https", "::1", "[::1]"},
		{"https", "[::1]:443", "[::1]"},
		{"https", "[2001:DB8:0:0:0:0:0:1]:8443", "[2001:db8::1]:8443"},
		{"https", "2001:db8::1", "[2001:db8::1]"},
		{"https", "[fe80::1%25eth0]", "[fe80::1%25eth0]"},
		{"https", "[::ffff:192.0.2.1]:443", "192.0.2.1"},
		{"http", "[::1]", "[::1]:80"},

		{"https", "", ""},
		{"https", ".", "."},
		{"https", ":443", ""},
		{"http", "", ":80"},
		{"https", "[", "["},
		{"https", "[::1", "[[::1]"},
		{"https", "a b", "a b"},
	} {
		require.Equal(t, test.want, holdfast.HostKey(test.scheme, test.host), "%q %q", test.scheme, test.host)
	}
}

// The key of a URL is the address that net/http would connect to, and the key of a key is that key.
func FuzzHostKey(f *testing.F) {
	for _, host := range []string{"API.example.com.:0443", "[::1]:80", "::ffff:1.2.3.4", "a@b:c", "1.2.3.4:443", "[", "a.b..", ".:", ":.", "[a]:443", "[:]"} {
		f.Add(host)
	}
	f.Fuzz(func(t *testing.T, host string) {
		for _, scheme := range []string{"https", "http", ""} {
			key := holdfast.HostKey(scheme, host)
			u, err := url.Parse(scheme + "://" + host)
			if err != nil || u.Hostname() == "" || u.Host != host || strings.ContainsAny(u.Hostname(), ".:") && strings.Trim(u.Hostname(), ".:") == "" {
				continue // no host: it only must not panic
			}
			require.Equal(t, key, holdfast.HostKey("", key), "%s %q", scheme, host)
		}
	})
}

func TestHostKeyThatIsTheHostCostsNoAllocation(t *testing.T) {
	for _, host := range []string{"api.example.com", "api.example.com:8443"} {
		require.Zero(t, testing.AllocsPerRun(1000, func() { _ = holdfast.HostKey("https", host) }), host)
	}
}

// All spellings of a host have the same breaker.
func TestSpellingsOfAHostAreOneKey(t *testing.T) {
	hosts := newKeyed[string](t, holdfast.KeyedConfig{}, plain(1))
	for _, u := range []string{"https://api.example.com/a", "https://API.example.com./b", "https://api.example.com:443", "wss://Api.Example.Com"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, u, nil)
		require.NoError(t, err)
		hosts.Get(holdfast.HostKey(r.URL.Scheme, r.URL.Host))
	}
	require.Equal(t, 1, hosts.Len())
}
