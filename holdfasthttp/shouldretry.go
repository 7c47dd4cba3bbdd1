package holdfasthttp

import (
	"errors"
	"net/http"
)

// shouldRetryHeaders are response headers by which a server itself says whether another attempt
// helps: "true" or "false". OpenAI and Anthropic send the first, Stripe the second. Their own
// clients obey them.
var shouldRetryHeaders = [...]string{"X-Should-Retry", "Stripe-Should-Retry"}

// errShouldNotRetry is the Why of a failure after which the server wants no other attempt.
var errShouldNotRetry = errors.New("the server says that another attempt does not help")

// shouldRetry returns the server's own word. said is false if it has none, or one that is neither
// "true" nor "false".
func shouldRetry(h http.Header) (yes, said bool) {
	for _, name := range shouldRetryHeaders {
		switch field(h, name) {
		case "true":
			return true, true
		case "false":
			return false, true
		}
	}
	return false, false
}
