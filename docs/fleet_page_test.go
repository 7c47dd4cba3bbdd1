package docs

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/fleet"
	"github.com/media-gateway/holdfast/holdfastdash"
)

// The page of a pod tells of its fleet, and lets nobody give orders whom the authorizer refuses.
func TestAFleetOnThePage(t *testing.T) {
	services := holdfast.NewRegistry()
	whoMayTune := func(*http.Request) (string, error) { return "", errors.New("nobody may") }
	f, err := fleet.Join(t.Context(), fleet.InProcess(), "checkout")
	require.NoError(t, err)
	defer f.Leave()
	dash, err := holdfastdash.ForRegistry(services, holdfastdash.WithFleet(f), holdfastdash.WithAuthorizer(whoMayTune))
	require.NoError(t, err)
	defer dash.Close()
	for method, want := range map[string]int{http.MethodGet: http.StatusOK, http.MethodPost: http.StatusForbidden} {
		answer := httptest.NewRecorder()
		r := httptest.NewRequest(method, "/fleet", http.NoBody)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		dash.ServeHTTP(answer, r)
		require.Equal(t, want, answer.Code)
	}
}
