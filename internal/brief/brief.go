// Package brief writes durations as people write them.
package brief

import (
	"strings"
	"time"
)

// Duration returns d.String() without the zero units at its end: "1m", not "1m0s"; "2h", not
// "2h0m0s". time.ParseDuration parses it to d.
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
