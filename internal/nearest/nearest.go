// Package nearest finds what somebody most likely meant to write.
package nearest

import "strings"

// Name returns the candidate that differs least from what was written, if it differs by little: in
// case, by - for _, or by at most two letters, of a short word by one. The first of several is
// taken.
func Name(written string, candidates []string) (string, bool) {
	if len(written) > longest {
		return "", false
	}
	w := folded(written)
	best, least := "", min(2, (len(w)+1)/3)+1
	for _, c := range candidates {
		if d := Distance(w, folded(c), least); d < least {
			best, least = c, d
		}
	}
	return best, best != ""
}

// longest is how much of a text may be somebody's typing.
const longest = 120

// folded returns a name without what the ways to write names differ in: maxRetries, max-retries,
// MAX_RETRIES.
func folded(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '_' || r == '-':
			return -1
		case 'A' <= r && r <= 'Z':
			return r - 'A' + 'a'
		}
		return r
	}, name)
}

// Distance returns how many bytes have to be inserted, deleted, replaced or swapped with their
// neighbor to make b of a (optimal string alignment, also known as the restricted
// Damerau-Levenshtein distance), or limit if that is not less.
func Distance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	var space [3 * 64]int // for what is not very long: nothing is allocated
	rows, n := space[:], len(b)+1
	if 3*n > len(rows) {
		rows = make([]int, 3*n)
	}
	before, last, row := rows[:n], rows[n:2*n], rows[2*n:3*n]
	for j := range last {
		last[j] = j
	}
	hopeful := true // whether the row above has a value below the limit
	for i := 1; i <= len(a); i++ {
		row[0] = i
		least := i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
			least = min(least, row[j])
		}
		if least >= limit && !hopeful { // what follows is made of these two rows, and is no less
			return limit
		}
		hopeful = least < limit
		before, last, row = last, row, before
	}
	return min(last[len(b)], limit)
}
