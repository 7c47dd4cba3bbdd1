//go:build !go1.27

package holdfastconnect_test

import "connectrpc.com/connect"

// What net/http makes of PROTOCOL_ERROR before Go 1.27: it sends the request again, which an
// attempt ends after ten times.
const (
	sentAfterProtocolError = 2 * 10 // in two attempts
	codeOfProtocolError    = connect.CodeUnavailable
)
