package holdfast

import (
	"net/netip"
	"strconv"
	"strings"
)

// HostKey returns the one key for all spellings of a host, for a Keyed of hosts: letters in lower
// case, no dot at the end, the port as it is dialed, IP addresses in their shortest form, nothing
// before an @. The port 443 is always left out. A missing port is that of the scheme (http, https,
// ws, wss), if it is known. So these are one key, "api.example.com":
//
//	HostKey("https", "api.example.com")
//	HostKey("https", "API.Example.com.:443")
//	HostKey("wss", "api.example.com:")
//
// and HostKey("http", "api.example.com") is another, "api.example.com:80", since another port is
// another server. For a *url.URL it is HostKey(u.Scheme, u.Host); a scheme of "" knows no port.
// IPv6 addresses may stand in brackets or without.
//
// It never fails: what is not a host is returned in lower case. An international name has two
// keys, one in its own letters and one in Punycode ("xn--…"). It allocates nothing if the host
// is its own key.
func HostKey(scheme, host string) string {
	if i := strings.LastIndexByte(host, '@'); i >= 0 {
		host = host[i+1:] // a password is not for names and logs
	}
	name, port := splitHost(host)
	if port == "" {
		port = defaultPort(scheme)
	} else if n, err := strconv.ParseUint(port, 10, 16); err == nil && port[0] == '0' {
		port = strconv.Itoa(int(n)) // from 0443, which is dialed as 443
	}
	if port == "443" {
		port = ""
	}
	key := strings.ToLower(strings.TrimRight(name, "."))
	if strings.IndexByte(key, ':') >= 0 || isDigit(key) {
		if ip, err := netip.ParseAddr(key); err == nil {
			key = ip.Unmap().String()
		}
	}
	switch {
	case strings.IndexByte(key, ':') >= 0:
		key = "[" + key + "]"
	case key == "":
		key = name // dots alone
	}
	if port == "" {
		return key
	}
	if len(key)+1+len(port) == len(host) && host[:len(key)] == key && host[len(key)+1:] == port {
		return host
	}
	return key + ":" + port
}

// splitHost splits a host from its port. Without brackets, a host of several colons is an IPv6
// address without a port.
func splitHost(host string) (name, port string) {
	if strings.HasPrefix(host, "[") {
		if end := strings.IndexByte(host, ']'); end > 0 && (end+1 == len(host) || host[end+1] == ':') {
			return host[1:end], strings.TrimPrefix(host[end+1:], ":")
		}
	}
	if i := strings.IndexByte(host, ':'); i >= 0 && i == strings.LastIndexByte(host, ':') {
		return host[:i], host[i+1:]
	}
	return host, ""
}

// isDigit reports whether s begins with a digit, as an IPv4 address does.
func isDigit(s string) bool { return s != "" && s[0] >= '0' && s[0] <= '9' }

func defaultPort(scheme string) string {
	switch {
	case strings.EqualFold(scheme, "https"), strings.EqualFold(scheme, "wss"):
		return "443"
	case strings.EqualFold(scheme, "http"), strings.EqualFold(scheme, "ws"):
		return "80"
	}
	return ""
}
