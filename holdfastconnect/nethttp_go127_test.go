//go:build go1.27

package holdfastconnect_test

import "connectrpc.com/connect"

// What net/http makes of PROTOCOL_ERROR from Go 1.27 on: an error, which is CodeInternal to
// connect-go, as it is to gRPC.
const (
	sentAfterProtocolError = 1
	codeOfProtocolError    = connect.CodeInternal
)
