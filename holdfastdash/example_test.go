package holdfastdash_test

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastdash"
)

// The dashboard is mounted under a prefix, and those whom the program knows may tune.
func ExampleHandler() {
	payments := holdfast.Must(holdfast.New("payments", holdfast.Critical()...))

	dash, err := holdfastdash.Handler([]*holdfast.Pipeline{payments},
		holdfastdash.WithAuthorizer(func(r *http.Request) (string, error) {
			user, password, _ := r.BasicAuth()
			if user != "mary" || password != "hunter2" {
				return user, errors.New("only mary may tune")
			}
			return user, nil
		}),
		holdfastdash.WithLogger(slog.New(slog.DiscardHandler)),
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer dash.Close()
	mux := http.NewServeMux()
	mux.Handle("/debug/holdfast/", http.StripPrefix("/debug/holdfast", dash))

	answer := httptest.NewRecorder()
	mux.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/debug/holdfast/session", http.NoBody))
	body, _ := io.ReadAll(answer.Result().Body)
	fmt.Print(string(body))
	// Output: {"canTune":false,"who":"","token":"","why":"only mary may tune"}
}
