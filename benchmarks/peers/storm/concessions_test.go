package storm_test

// Why a preset does not meet a claim.
const (
	// A budget that allows no more would allow it in a storm as well.
	limited = "what it lacks is what its budget does not pay for"

	// A loop that repeats a refusal as well waits until the breaker closes; and the pauses of the
	// preset's breaker grow.
	givesUp = "its loop gives up what an open breaker refuses, and the breaker finds out late that all is well"

	// With no breaker at all, calls hold on as long as they may. It takes more attempts, and where
	// load is the trouble nothing gets through.
	impatient = "its breaker refuses calls that would succeed if they waited"

	// A throttle, a limit of what is in flight, or shorter pauses of the breaker.
	allOrNothing = "what limits first attempts in another way than its breaker does gets more through"

	// Burst is the same for a client that makes a call a second.
	fullBanks = "its small clients have too little to go by, and full banks of retries"

	// Its first failures are retried until the budget is spent or the breaker opens.
	tries = "somebody gets as much through with fewer retries, or none"
)

// concessions are the claims that a preset does not meet. Strike here what a change of the presets
// mends; the test says when.
var concessions = map[string]string{
	"critical, 50 % fail: after":                  limited,
	"critical, one shard in ten down: attempts":   tries,
	"critical, outage 10 s: since":                givesUp,
	"critical, up 2 s, down 2 s: after":           givesUp,
	"critical, latency: since":                    impatient,
	"critical, creeping latency: after":           impatient,
	"critical, creeping latency: since":           impatient,
	"critical, capacity ¼: since":                 allOrNothing,
	"critical, load ×3: after":                    allOrNothing,
	"critical, load ×3: since":                    allOrNothing,
	"critical, capacity ¼, 100 clients: after":    fullBanks,
	"critical, capacity ¼, 100 clients: since":    fullBanks,
	"critical, capacity ¼, 100 clients: attempts": tries,

	"standard, 50 % fail: after":                   limited,
	"standard, one shard in ten down: attempts":    tries,
	"standard, outage 10 s: after":                 givesUp,
	"standard, outage 10 s: since":                 givesUp,
	"standard, error after work: after":            givesUp,
	"standard, error after work: since":            givesUp,
	"standard, up 2 s, down 2 s: after":            givesUp,
	"standard, 200 pods, outage 60 s: after":       givesUp,
	"standard, latency: since":                     impatient,
	"standard, creeping latency: after":            impatient,
	"standard, creeping latency: since":            impatient,
	"standard, capacity ¼: after":                  allOrNothing,
	"standard, capacity ¼: since":                  allOrNothing,
	"standard, load ×3: after":                     allOrNothing,
	"standard, load ×3: since":                     allOrNothing,
	"standard, stall at 90 %: after":               allOrNothing,
	"standard, stall at 90 %: since":               allOrNothing,
	"standard, brown-out, bounded queue: attempts": tries,
	"standard, capacity ¼, 100 clients: after":     fullBanks,
	"standard, capacity ¼, 100 clients: since":     fullBanks,
	"standard, capacity ¼, 100 clients: attempts":  tries,
	"standard, 200 pods, capacity for 40 %: after": fullBanks,
	"standard, 200 pods, capacity for 40 %: since": fullBanks,
	"standard, brown-out, two hops: since":         allOrNothing,
	"standard, brown-out, two hops: attempts":      tries,
	"standard, half do not retry: who does: after": allOrNothing,
	"standard, half do not retry: who does: since": allOrNothing,

	"background, 50 % fail: after":        limited,
	"background, outage 10 s: after":      givesUp,
	"background, outage 10 s: since":      givesUp,
	"background, up 2 s, down 2 s: after": givesUp,
	"background, latency: since":          impatient,
}
