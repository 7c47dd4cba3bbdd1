package faultproxy

import "time"

// Limit returns a time for the attempts of a test in which those of a broken network run out of it,
// and others do not: least, or longer on a machine that is slow to connect now, but at most most.
// After a fault all of a test's workers connect anew, beside those of other tests. If they have too
// little time for that, none of them ever gets through. connect connects to the server once; what
// is wrong with it, the test will see.
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
