// Package nearest finds what somebody most likely meant to write.
package nearest

import "strings"

// Name returns the candidate that differs least from what was written. It may differ in case, in -
// and _, and by at most two letters, or one in a short word. If several differ equally, Name
// returns the first.
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

// longest is the length in bytes above which a text is not compared: it is not a mistyped name.
const longest = 120

// folded removes the differences between styles of names: maxRetries, max-retries and MAX_RETRIES
// are the same.
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
// neighbor to turn a into b, or limit if that is not less. This is the optimal string alignment
// distance, also known as the restricted Damerau-Levenshtein distance. It does not allocate if b
// has fewer than 64 bytes.
func Distance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	var space [3 * 64]int // on the stack, so that short names need no allocation
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
		if least >= limit && !hopeful { // later rows follow from these two, and cannot be below the limit
			return limit
		}
		hopeful = least < limit
		before, last, row = last, row, before
	}
	return min(last[len(b)], limit)
}
