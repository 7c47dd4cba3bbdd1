//go:build !go1.27

package holdfasthttp_test

// What net/http does before Go 1.27.
const (
	repeatsProtocolErrors = true  // a client, over HTTP/2: without end
	leavesForms           = false // a server, over HTTP/2: files of a form that a handler has read
)
