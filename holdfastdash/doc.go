// Package holdfastdash is a page that shows what the pipelines of a process do, and on which their
// budgets and breakers can be changed while they run.
//
//	dash, err := holdfastdash.Handler([]*holdfast.Pipeline{payments, search})
//	…
//	defer dash.Close()
//	mux.Handle("/debug/holdfast/", http.StripPrefix("/debug/holdfast", dash))
//
// Where services come and go, as with config.Watch, [ForRegistry] makes a page that follows the
// registry.
//
// The page is part of the package: nothing is built or fetched from elsewhere, and it works under a
// strict Content-Security-Policy, which it brings. Per pipeline it shows the chain in words, and
// each second (see [WithInterval]) calls, attempts, amplification, goodput, the median and the 99th
// percentile of the calls' durations, refusals by reason, the budget's level, and each breaker's
// state with the time until it probes; and the 60 samples before.
//
// # Who may see it
//
// Whoever reaches the handler. It asks for no password: put it on an internal port, or your own
// authentication in front. The names of pipelines and breakers, their settings, their
// traffic, and who changes what are all there is to see.
//
// # Who may change something
//
// Nobody, unless the program passes [WithAuthorizer]. Then those whom the authorizer lets: it is
// given the request, and says who sent it, or why that one may not. Beside its consent a change
// needs to come from the page itself (by Sec-Fetch-Site, or Origin and Host: a proxy in between has
// to keep the Host header), with a token that is bound to a cookie, the person and the process. It
// is made by [holdfast.Pipeline.Tune], all of it or nothing, with the checks of New and Update; the
// pipeline's observers and the logger are told who changed what from what to what. Refused changes
// are logged, too.
//
// A change lasts until the next Update of the pipeline, which sets all that its stages say. Of a
// registry's service that is an Apply (a reload of the file) in which the stages of that very
// service are others than those applied last; others leave it alone.
//
// An authorizer that lets everybody is right for a loopback address only, and there only if
// the server refuses other hosts' names in the Host header.
//
// # What it costs
//
// A goroutine reads each pipeline's Snapshot once per interval, which takes some microseconds; a
// call does not notice. (Of a holdfast.Keyed's Total it takes 0.3 ms for 10,000 keys, and 12 ms for
// 100,000.) To follow a registry takes about 50 nanoseconds per pipeline besides. A sample that
// differs from the one before is about 300 bytes to each browser, and one that does not is none.
// Durations are observed ([holdfast.Pipeline.Watch]) only while a browser is connected and for a
// minute after: for so long, the clock is read for each call, as for any observer, and one counter
// added to. Durations are counted in buckets: a percentile is within 4 % of the true one.
//
// A browser that is slow or dead holds up nothing: its frames wait in a queue of 16, beyond which
// they are dropped, counted and shown; when it has caught up, it is told everything anew. One that
// takes nothing for 10 seconds is disconnected. Up to 64 browsers can look at once.
package holdfastdash
