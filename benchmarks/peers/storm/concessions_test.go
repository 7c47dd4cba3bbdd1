package storm_test

// Why a preset does not meet a claim.
const (
	// A budget that allows no more would allow it in a storm as well.
	limited = "what it lacks is what its budget does not pay for"

	// A probe that began in the trouble is waited for, up to an attempt's limit, and then comes the
	// next pause.
	findsOut = "the breaker has to find out that all is well again"

	// Burst is the same for a client that makes a call a second.
	fullBanks = "100 full banks hold several hundred retries, as many as there are calls in some seconds"
)

// concessions are the claims that a preset does not meet. Strike here what a change of the presets
// mends; the test says when.
var concessions = map[string]string{
	"critical, 50 % fail: goodput":                     limited,
	"critical, latency: goodput":                       findsOut,
	"critical, capacity ¼, 100 clients: goodput":       fullBanks,
	"critical, capacity ¼, 100 clients: amplification": fullBanks,

	"standard, 50 % fail: goodput":                     limited,
	"standard, latency: goodput":                       findsOut,
	"standard, capacity ¼, 100 clients: goodput":       fullBanks,
	"standard, capacity ¼, 100 clients: amplification": fullBanks,

	"background, 50 % fail: goodput":   limited,
	"background, outage 10 s: goodput": findsOut,
}
