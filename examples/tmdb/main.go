// Command tmdb fetches films from an external API, The Movie Database, through a pipeline of the
// default preset. It needs nothing: a server of its own stands in for https://api.themoviedb.org/3,
// and is as moody as an API on the internet.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfasthttp"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, out io.Writer) error {
	api := standIn()
	defer api.Close()

	pipeline, err := holdfast.New("tmdb", holdfast.Standard()...) // retry.Default() and what goes with it
	if err != nil {
		return err
	}
	client, err := holdfasthttp.NewClient(pipeline)
	if err != nil {
		return err
	}
	client.Timeout = 15 * time.Second // with all retries, and the body
	movies := tmdb{client: client, base: api.URL, token: "secret"}

	for _, id := range []int{603, 550, 1} {
		before := pipeline.Snapshot().Attempts
		found, err := movies.find(ctx, id)
		attempts := pipeline.Snapshot().Attempts - before
		if err != nil {
			fmt.Fprintf(out, "%d: %v, attempts: %d\n", id, err, attempts)
			continue
		}
		fmt.Fprintf(out, "%d: %s (%s), attempts: %d\n", id, found.Title, found.ReleaseDate, attempts)
	}
	return nil
}

// tmdb is a client of the API.
type tmdb struct {
	client      *http.Client
	base, token string
}

// movie is what we want to know of a film.
type movie struct {
	Title       string `json:"title"`
	ReleaseDate string `json:"release_date"`
}

// find fetches a film. There is nothing about retries in it: a GET is safe to repeat, which
// statuses are worth it is known, and so is what a Retry-After asks for.
func (t tmdb) find(ctx context.Context, id int) (*movie, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s/movie/%d", t.base, id), http.NoBody)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+t.token)
	response, err := t.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if why := holdfasthttp.Stopped(response); why != nil { // every attempt failed, this is the last answer
		return nil, why
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("tmdb: %s", response.Status)
	}
	var m movie
	if err := json.NewDecoder(response.Body).Decode(&m); err != nil {
		return nil, err
	}
	return &m, nil
}
