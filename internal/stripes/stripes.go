// Package stripes picks one of several copies of a counter, so that callers on different processors
// rarely write to the same cache line.
package stripes

import "unsafe"

// Count is how many copies there are.
const Count = 1 << 4

// Of returns the number of the copy for the goroutine on whose stack local lies, as its address
// tells: each goroutine finds its own in its processor's cache again. (A copy at random would be in
// another processor's cache half of the time.)
func Of[T any](local *T) int {
	address := uint64(uintptr(unsafe.Pointer(local))) //nolint:gosec // only its value counts
	return int(address * 0x9e3779b97f4a7c15 >> 60)    // Fibonacci hashing: the top bits are well mixed
}
