package resilience

import "reflect"

// statusOf judges err itself, and not what it wraps, by its HTTP status.
func statusOf(err error) Verdict {
	switch e := err.(type) { //nolint:errorlint // one step of the walk
	case interface{ HTTPStatusCode() int }: // AWS
		return statusWord(e.HTTPStatusCode())
	case interface{ StatusCode() int }:
		return statusWord(e.StatusCode())
	case interface{ HTTPCode() int }: // Google's gax
		return statusWord(e.HTTPCode())
	}
	v := reflect.ValueOf(err)
	if !isForeign(v.Type()) {
		return Unclassified
	}
	if v = reflect.Indirect(v); v.Kind() != reflect.Struct {
		return Unclassified
	}
	status, header := statusField(v), field(v, "Header")
	if resp := reflect.Indirect(field(v, "Response")); resp.Kind() == reflect.Struct { // a *http.Response
		header = field(resp, "Header")
		if status == 0 {
			status = number(resp, "StatusCode", reflect.Int)
		}
	}
	verdict := statusWord(int(status))
	if (verdict.Retryable() || status == 403) && asksToWait(header) {
		return Overload
	}
	return verdict
}

// statusField returns the field of v that is most likely an HTTP status, or 0.
func statusField(v reflect.Value) int64 {
	for _, name := range [...]string{"HTTPStatusCode", "StatusCode", "Status"} {
		if status := number(v, name, reflect.Int); status != 0 {
			return status
		}
	}
	for _, beside := range [...]string{"Header", "Body", "ErrorCode"} { // Google, Consul, NATS
		if field(v, beside).IsValid() {
			return number(v, "Code", reflect.Int)
		}
	}
	if status := field(v, "ErrStatus"); status.Kind() == reflect.Struct { // Kubernetes
		return number(status, "Code", reflect.Int)
	}
	return 0
}

// asksToWait reports whether the header of a failure says when to come back, or that a limit of
// calls is used up: GitHub answers that with a 403.
func asksToWait(header reflect.Value) bool {
	if !header.IsValid() || !header.CanInterface() {
		return false
	}
	h, ok := header.Interface().(interface{ Get(string) string })
	return ok && (h.Get("Retry-After") != "" || h.Get("X-Ratelimit-Remaining") == "0")
}

// statusWord is statusVerdict for a number that may not be the status of a failure.
func statusWord(status int) Verdict {
	if status < 400 || status > 599 {
		return Unclassified
	}
	return statusVerdict(status)
}

// statusVerdict judges the status of an HTTP response that is an error.
func statusVerdict(status int) Verdict {
	switch status {
	case 429, 529: // 529 is in no standard, but several services send it: "overloaded"
		return Overload
	case 408, 425, 499: // timeout, too early, a proxy's code for a client that gave up
		return Transient
	case 501, 505: // the server does not support it, now or later
		return Permanent
	}
	if status >= 500 && status <= 599 {
		return Transient
	}
	return Permanent
}
