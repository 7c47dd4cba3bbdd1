// Package holdfastdash serves a page that shows what the pipelines of a process do. On it, the
// numbers of their stages can be turned while they run.
//
//	dash, err := holdfastdash.Handler([]*holdfast.Pipeline{payments, search})
//	…
//	defer dash.Close()
//	mux.Handle("/debug/holdfast/", http.StripPrefix("/debug/holdfast", dash))
//
// If services are added and removed, as with config.Watch, use [ForRegistry]: its page follows the
// registry.
//
// The page is part of the package: nothing is built or fetched from elsewhere. The handler sets a
// strict Content-Security-Policy. For each pipeline the page shows the chain in words. Every second
// (see [WithInterval]) it shows calls, attempts, amplification, goodput, the median and the 99th
// percentile of the durations of calls that reached the dependency, refusals by reason, the
// budget's level, and each breaker's state with the time until it probes. It also shows the last 60
// samples.
//
// Of a breaker that is not closed it says why it opened and since when, to the interval; how its
// probes stand; or whose order isolates it. What went wrong in the last minute is counted by the
// pipeline itself ([holdfast.HealthRules.Recent]), so a page knows of what came before it was
// opened. The errors by kind are heard while a page is open, and for a minute after: of each
// pipeline up to 32 kinds, the 6 foremost of which are shown, each with the text of one error. Such
// texts are those of the dependencies. They are cut at 240 bytes, and shown as text, with what is
// not printable escaped.
//
// # Who may see it
//
// Everyone who can reach the handler. It asks for no password: serve it on an internal port, or put
// your own authentication in front. The page shows the names of pipelines and breakers, their
// settings, their traffic, and who changes what.
//
// # Who may change something
//
// Nobody, unless the program passes [WithAuthorizer]. Then the authorizer decides: it gets the
// request, and returns who sent it, or an error that says why that person may not. Who may not sees
// no fields and no buttons, but the values and that text, so let it say how to log in: the page
// asks for no password. See the examples of WithAuthorizer for passwords, for a proxy that knows
// its users, and for OpenID Connect. In addition, a
// change must come from the page itself (by Sec-Fetch-Site, or Origin and Host: a proxy in between
// must keep the Host header), with a token that is bound to a cookie, the person and the process.
// [holdfast.Pipeline.Tune] makes the change, all of it or nothing, with the checks of New and
// Update. The pipeline's observers and the logger learn who changed what, with the old and the new
// value. Refused changes are logged too.
//
// GET ./knobs?pipeline=NAME answers with the numbers of a pipeline, where the file has each, and a
// file with those that differ from it. Whoever may not tune gets the same without what they could
// be turned by. POST ./tune turns some, by the keys of a file (see package config):
//
//	{"pipeline": "payments", "values": {"retry.max_retries": "1"}, "was": {"retry.max_retries": "3"}}
//
// or isolates or resets breakers ({"pipeline": "payments", "isolate": ["payments"]}). was has the
// values that the sender saw. With status 409 another is in force by now, and nothing was changed.
// With status 422 a value is wrong; errors has a message for each, and the field. GET ./changes
// answers with the last 50 changes, by hand, by a reload of the file ([WithWatcher]) and by code,
// the newest first.
//
// A POST needs the Content-Type application/json, an Origin, the cookie that GET ./session sets,
// and the header Holdfast-Token with the token that it answers. It also says whether the sender may
// tune, and if not, why. See the example of a program. These four may change with the page.
//
// A change lasts until the next Update of the pipeline, which sets all settings of its stages. For
// a registry's service, that is an Apply (a reload of the file) that changes the stages of this
// service. An Apply that does not change them leaves it alone.
//
// An authorizer that allows everyone is safe only on a loopback address, and only if the server
// refuses the names of other hosts in the Host header.
//
// # Fleets
//
// With [WithFleet] the page has a part for a fleet, with a row for each service: the pods that this
// one hears of, how many of them speak, fail and have open breakers, who probes, how old the news
// are, and the orders in force. Those who may tune can isolate and reset the service in all pods,
// set the ratio of its budgets, and withdraw an order: each with a reason, and a time after which
// it ends by itself. The fleet must have been joined with [fleet.WithKey]; without it there are no
// such knobs, and the page says why. An order needs what a change of one pipeline needs (see
// above), and is logged in the same way. It is given by the name that the authorizer returns; if
// that is "", by the name in the request.
//
// GET ./fleet answers with a JSON object: in fleets, the [fleet.Stats] of each. POST ./fleet gives
// an order. Both are what the command holdfast fleet uses:
//
//	{"fleet": "shop", "service": "payments", "order": "isolate", "why": "card scheme down", "for_seconds": 1800}
//
// order is isolate, reset, tune (with a ratio, 0 for none) or withdraw (with the kind of the order
// to withdraw: isolate or tune). fleet may be left out if the page has one. for_seconds is from 1
// to 86400; without it, an order holds for an hour, and a reset for a minute: see [fleet.Order].
// The answer is the order as it was given. If it was refused, the answer has another status than
// 200, and errors with a message each, and the field if one is wrong. An order for a service that
// no pod has is refused, since its name may be mistyped. With status 502 the store did not answer
// in time: it is not known whether the pods hear of the order.
//
// # What it costs
//
// A goroutine reads each pipeline's Snapshot once per interval, which takes some microseconds and
// does not slow down calls. (For the Total of a holdfast.Keyed it takes 0.3 ms with 10,000 keys,
// and 12 ms with 100,000.) Following a registry takes about 50 ns more per pipeline. A sample that
// differs from the one before sends about 300 bytes to each browser; an equal sample sends none. A
// pipeline whose calls fail sends up to 5 kB more, for its errors. Durations and errors are
// observed ([holdfast.Pipeline.Watch]) only while a browser is connected and for a minute after.
// During that time each call reads the clock, as with any observer, and adds to one counter; one
// that fails, or is tried again, also puts the kind of its error into words and takes a lock.
// Durations are counted in buckets: a percentile is within 4 % of the true one.
//
// Changes are heard all the time, by an observer that hears no call. The last 50 are kept, with at
// most 50 values each. The numbers of a pipeline are read only when somebody opens its details. The
// page links package config, which adds 1.7 MB to a program that does not use it already.
//
// A slow or dead browser blocks nothing: its frames wait in a queue of 16. Further frames are
// dropped; the page shows their number. When the browser has caught up, it gets the whole state
// again. A browser that accepts nothing for 30 seconds is disconnected. Up to 64 browsers can be
// connected at once.
package holdfastdash
