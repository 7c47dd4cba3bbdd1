package config

// Per says what a stage counts: whole calls or attempts. The zero value is the stage's default.
type Per uint8

const (
	PerCall    Per = iota + 1 // whole calls: the stage is outside the retry loop
	PerAttempt                // attempts: the stage is inside the retry loop
)

// perOf returns PerAttempt for a stage inside the retry loop, else PerCall.
func perOf(insideLoop bool) Per {
	if insideLoop {
		return PerAttempt
	}
	return PerCall
}

// String returns "call" or "attempt", and "default" for the zero value.
func (p Per) String() string {
	switch p {
	case PerCall:
		return "call"
	case PerAttempt:
		return "attempt"
	}
	return "default"
}
