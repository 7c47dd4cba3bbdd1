package resilience

import (
	"reflect"
	"strings"
)

// grpcVerdict judges a *status.Status of gRPC, which is known here by its methods alone.
func grpcVerdict(status reflect.Value) Verdict {
	code := result(status.MethodByName("Code"))
	if !code.IsValid() || code.Kind() != reflect.Uint32 || code.Uint() >= uint64(len(rpcCodes)) {
		return Unclassified
	}
	v := rpcCodes[code.Uint()].verdict
	if v == Overload {
		if s, ok := status.Interface().(interface{ Message() string }); ok && isTooLarge(s.Message()) {
			return Permanent
		}
	}
	return v
}

// isTooLarge reports whether a message was over a size limit: gRPC has the code of an overload for
// that, too. The text is that of its implementations in Go and C.
func isTooLarge(message string) bool { return strings.Contains(message, "larger than max") }

// rpcVerdict judges the result of err's method Code, if it is a gRPC code of any type: a number
// that has the name of that code (connect-go, etcd), or a name, if err has Twirp's other methods.
// (A user's own Code may be named "canceled" as well.)
func rpcVerdict(code reflect.Value, err error) Verdict {
	if code.Kind() == reflect.Uint32 && code.Uint() < uint64(len(rpcCodes)) {
		s, ok := code.Interface().(interface{ String() string })
		if c := rpcCodes[code.Uint()]; ok && c.name == plainName(s.String()) {
			return c.verdict
		}
	}
	_, ok := err.(interface { //nolint:errorlint // one step of the walk
		Msg() string
		MetaMap() map[string]string
	})
	if !ok || code.Kind() != reflect.String {
		return Unclassified
	}
	switch name := plainName(code.String()); name {
	case "malformed", "badroute":
		return Permanent
	default:
		for _, c := range rpcCodes {
			if c.name == name {
				return c.verdict
			}
		}
	}
	return Unclassified
}

// plainName returns the name of a code in one spelling: "notfound" for NotFound and not_found.
func plainName(name string) string { return strings.ToLower(strings.ReplaceAll(name, "_", "")) }

// rpcCodes are gRPC's, by number (https://grpc.io/docs/guides/status-codes). Aborted was rolled
// back, as SQLSTATE 40001. Unknown, Internal and DataLoss are failures of the server, and another
// try does not help. Unclassified has that effect. (gRPC has no list of its own: it retries the
// codes that the service config names. The example in its proposal A6 names UNAVAILABLE.)
var rpcCodes = [...]struct {
	name    string
	verdict Verdict
}{
	{"ok", Unclassified},
	{"canceled", Canceled},
	{"unknown", Unclassified},
	{"invalidargument", Permanent},
	{"deadlineexceeded", Transient},
	{"notfound", Permanent},
	{"alreadyexists", Permanent},
	{"permissiondenied", Permanent},
	{"resourceexhausted", Overload},
	{"failedprecondition", Permanent},
	{"aborted", Transient},
	{"outofrange", Permanent},
	{"unimplemented", Permanent},
	{"internal", Unclassified},
	{"unavailable", Transient},
	{"dataloss", Unclassified},
	{"unauthenticated", Permanent},
}
