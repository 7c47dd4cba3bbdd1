//go:build go1.27

package holdfasthttp_test

// What net/http does from Go 1.27 on.
const (
	repeatsProtocolErrors = false // a client, over HTTP/2: without end
	leavesForms           = true  // a server, over HTTP/2: files of a form that a handler has read
)
