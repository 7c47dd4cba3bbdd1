package nearest_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/nearest"
)

func TestName(t *testing.T) {
	candidates := []string{"max_retries", "base_delay", "per", "name", "on", "off"}
	for written, want := range map[string]string{
		"max_retrys": "max_retries", "MaxRetries": "max_retries", "maxretries": "max_retries", "max_rertries": "max_retries",
		"max-delay": "", "bsae_delay": "base_delay", "pre": "per", "nam": "name", "p": "", "of": "on", "": "", "completely": "",
		strings.Repeat("x", 1000): "", "o": "",
	} {
		have, _ := nearest.Name(written, candidates)
		require.Equal(t, want, have, "%q", written)
	}
	for _, d := range []struct {
		a, b  string
		limit int
		want  int
	}{{"", "", 3, 0}, {"a", "", 3, 1}, {"", "abc", 3, 3}, {"ab", "ba", 3, 1}, {"kitten", "sitting", 5, 3}, {"kitten", "sitting", 2, 2}} {
		require.Equal(t, d.want, nearest.Distance(d.a, d.b, d.limit), "%q %q", d.a, d.b)
	}
}
