// Package holdfasthttp protects HTTP calls: a [Transport] sends every request through a
// pipeline, and a [Middleware] is its counterpart on the server.
//
//	client, err := holdfasthttp.NewClient(payments)
//	…
//	resp, err := client.Get("https://payments.example/charges/42")
//
// # What is retried
//
// A request is sent again only where that is safe: its method is idempotent by RFC 9110, it has an
// Idempotency-Key, its ctx or an option says so ([resilience.MarkIdempotent], [WithIdempotent]), or
// it is proven that nothing of it was sent (a dial that failed, a proxy that refused, HTTP/2's
// REFUSED_STREAM). And only where it can be: a request with a body needs GetBody, which
// http.NewRequest sets for the bodies it knows, or [WithBodyBuffer]. No RetryIf of the pipeline
// overrules this. What is not sent again for these reasons still counts against the dependency in a
// breaker, and is [resilience.ErrOutcomeUnknown] if the server may have carried it out.
//
//	outcome                                             verdict
//	1xx, 2xx, 3xx                                       success
//	408, 425, 500, 502, 503, 504                        Transient; Overload with a Retry-After
//	429, 529                                            Overload
//	501, 505, any other 4xx                             Permanent
//	any other 5xx                                       not retried, but a failure to a breaker
//	a failure of a server that gave up (GaveUpHeader)   the same
//	a malformed request, a host that does not exist,
//	x509, and the rest of a list of the caller's faults Permanent
//	any other error of the base, a timeout              Transient
//
// # What comes back
//
// The last response comes back as a response, whatever its status, as it does from any
// http.RoundTripper; [Stopped] says what the pipeline made of it. An error comes back if the last
// attempt ended by one, if no attempt was made (the breaker is open, say), or if the caller's ctx
// has ended.
//
// # What a deadline bounds
//
// A deadline of the pipeline, of an attempt or of the call, bounds the time until the response's
// headers are here. The body is read under the request's own ctx, for as long as that lives; so
// does http.Client's Timeout, which bounds all of it, the retries and their pauses included.
package holdfasthttp
