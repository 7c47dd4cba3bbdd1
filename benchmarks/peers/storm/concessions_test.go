package storm_test

// Why a preset does not meet a claim.
const (
	// "Latency" and "ramp" begin in the same way, and there a loop that goes on gets nothing
	// through.
	alike = "from outside, answers that come late look like those of a server with too much to do"

	// It looks at the times of successes, and refuses more at the first hop.
	limitedSooner = "a limit that goes by the times of successes keeps more from the queue"

	// Retries that get calls through cost attempts.
	patience = "it makes more attempts, and gets more calls through"

	// A breaker that stays open for a second keeps more back than one whose pauses follow failures
	// that take no time.
	asksSooner = "it asks a dependency that refuses at once more often than each second"

	// Where each attempt for some keys fails, each retry for them is for nothing.
	tries = "who does not retry, or less, gets nearly as much through"
)

// concessions are the claims that a preset does not meet. Strike here what a change of the presets
// mends; the test says when.
var concessions = map[string]string{
	"critical, 50 % fail: attempts":                patience,
	"critical, 60 % fail: attempts":                patience,
	"critical, one shard in ten down: attempts":    tries,
	"critical, outage 10 s: attempts":              asksSooner,
	"critical, brown-out, bounded queue: attempts": tries,

	"standard, one shard in ten down: attempts": tries,
	"standard, outage 10 s: attempts":           asksSooner,
	"standard, error after work: attempts":      asksSooner,
	"standard, 200 pods, outage 60 s: attempts": asksSooner,
	"standard, creeping latency: frugal":        alike,
	"standard, load ×3: attempts":               limitedSooner,
	"standard, brown-out, two hops: frugal":     limitedSooner,

	"background, outage 10 s: attempts": asksSooner,
}
