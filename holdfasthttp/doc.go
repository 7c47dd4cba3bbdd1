// Package holdfasthttp protects HTTP calls: a [Transport] sends every request through a pipeline,
// and a [Middleware] runs a server's handlers inside one.
//
//	client, err := holdfasthttp.NewClient(payments)
//	…
//	resp, err := client.Get("https://payments.example/charges/42")
//
// # What is retried
//
// A request is sent again only if that is safe: its method is idempotent by RFC 9110 (a PUT or
// DELETE with a condition, such as If-Match, does not count), it has an Idempotency-Key, its ctx
// or an option says so ([resilience.MarkIdempotent], [WithIdempotent]), or it is proven that the
// server did not process it (a failed dial, a proxy that refused, HTTP/2's REFUSED_STREAM). It
// must also be possible: a request with a body needs GetBody, which http.NewRequest sets for the
// bodies that it knows, or [WithBodyBuffer]. No RetryIf of the pipeline overrules this. A failure
// that is not retried for these reasons still counts against the dependency in a breaker. It is
// [resilience.ErrOutcomeUnknown] if the server may have carried out the request.
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
// Like any http.RoundTripper, a Transport returns the last response, whatever its status. [Stopped]
// says why the pipeline stopped there. It returns an error if the last attempt returned an error,
// if no attempt was made (the breaker is open, for example), or if the caller's ctx has ended.
//
// # What a deadline bounds
//
// A deadline of the pipeline, for an attempt or for the call, bounds the time until the response
// headers arrive. The body is read under the request's own ctx. http.Client's Timeout bounds
// everything: all attempts, the pauses between them, and the reading of the body.
package holdfasthttp
