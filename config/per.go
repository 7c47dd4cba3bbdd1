package config

// Per is what a bulkhead holds a place for, and what a breaker sees: calls or attempts.
type Per uint8

const (
	PerCall    Per = iota + 1 // the whole call: the stage stands outside of the retry loop
	PerAttempt                // each attempt: the stage stands inside the retry loop
)

// String returns "call" or "attempt".
func (p Per) String() string {
	switch p {
	case PerCall:
		return "call"
	case PerAttempt:
		return "attempt"
	}
	return "default"
}
