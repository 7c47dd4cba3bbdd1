// Package brief writes durations as people do.
package brief

import (
	"strings"
	"time"
)

// Duration returns d as Go writes it, without the zeros at its end: "1m", not "1m0s"; "2h", not
// "2h0m0s". time.ParseDuration reads it as d again.
func Duration(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
