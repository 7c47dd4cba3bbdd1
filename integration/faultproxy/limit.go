package faultproxy

import "time"

// Limit returns a deadline for the attempts of a test: least, or more if the machine connects
// slowly at the moment, but never more than most. Attempts over a broken network are to run out of
// time, and others are not. After a fault all workers of a test connect again at once, beside those
// of other tests: with too little time, none of them would ever get through. connect connects to
// the server once. Limit ignores its error, since the test will see it too.
func Limit(least, most time.Duration, connect func() error) time.Duration {
	limit := least
	for range 3 {
		began := time.Now()
		if connect() != nil {
			break
		}
		limit = max(limit, 24*time.Since(began))
	}
	return min(limit, most)
}
