package fleet_test

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/fleet"
	"github.com/media-gateway/holdfast/holdfastfleet"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

// The environment that makes this test's binary a pod: a process of its own, which calls the
// backend, and says how it got on whenever it reads a line.
const (
	podRedis   = "HOLDFAST_FLEET_REDIS" // the address of the store, or "sentinel" and that of one
	podBackend = "HOLDFAST_FLEET_BACKEND"
	podName    = "HOLDFAST_FLEET_POD"
	podStages  = "HOLDFAST_FLEET_STAGES" // "standard", "critical" or "" for a breaker
)

// each is the pause between two calls of a pipeline.
const each = 100 * time.Millisecond

// A pod has two pipelines, which make the same calls at the same times: one that the fleet follows,
// and one that knows of no fleet. What a busy machine does, it does to both.
const (
	inFleet = iota
	alone
)

// said is what a pod says.
type said struct {
	Good, Bad  [2]int64 // calls up to now, of either pipeline
	NamesRedis string   // an error of a call that does
	State      [2]string
	Why        string // the fleet's breaker is open

	Apart                               bool
	Pods                                uint64
	Advised, Troubles, Misses, Warnings uint64

	// Stall is the longest time for which the process got no processor when it wanted one, or Redis
	// did not answer, since the pod was last asked.
	Stall time.Duration
}

type counting struct {
	slog.Handler
	warnings *atomic.Uint64
}

func (c counting) Handle(_ context.Context, r slog.Record) error {
	if r.Level >= slog.LevelWarn {
		c.warnings.Add(1)
	}
	return nil
}

// quiet returns a logger that counts warnings.
func quiet(warnings *atomic.Uint64) *slog.Logger {
	return slog.New(counting{slog.NewTextHandler(io.Discard, nil), warnings})
}

// stagesOf returns the stages of a pod.
func stagesOf(name string) []resilience.Stage {
	switch name {
	case "standard":
		return holdfast.Standard()
	case "critical":
		return holdfast.Critical()
	}
	return []resilience.Stage{breaker.Config{HalfOpenProbes: 1, OpenFor: 2 * time.Second, MaxOpenFor: 2 * time.Second}}
}

// podState is what a pod counts.
type podState struct {
	mu       sync.Mutex
	now      said
	warnings atomic.Uint64
	fleet    *fleet.Fleet
	with     [2]*holdfast.Pipeline
}

// bePod is the program of a pod. It ends when its input does.
func bePod() error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	p := &podState{}
	for i := range p.with {
		pipeline, err := holdfast.New("checkout", stagesOf(os.Getenv(podStages))...)
		if err != nil {
			return err
		}
		p.with[i] = pipeline
	}
	client := podClient(os.Getenv(podRedis))
	defer client.Close() //nolint:errcheck // the process ends
	joined, err := holdfastfleet.Join(ctx, &timed{Transport: holdfastfleet.Redis(client), pod: p}, "shop",
		fleet.WithPod(os.Getenv(podName)), fleet.WithLogger(quiet(&p.warnings)))
	if err != nil {
		return err
	}
	defer joined.Leave()
	joined.Add(p.with[inFleet])
	p.fleet = joined
	go p.watch(ctx)
	for which := range p.with {
		go p.call(ctx, which)
	}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		line, err := json.Marshal(p.say())
		if err != nil {
			return err
		}
		fmt.Println(string(line))
	}
	return nil
}

// call makes calls. It does not wait for one that takes its time, as a server would not.
func (p *podState) call(ctx context.Context, which int) {
	for ticker := time.NewTicker(each); ctx.Err() == nil; <-ticker.C {
		go func() {
			err := p.with[which].Do(ctx, func(ctx context.Context) error { return callBackend(ctx, which) })
			p.mu.Lock()
			defer p.mu.Unlock()
			if err == nil {
				p.now.Good[which]++
				return
			}
			p.now.Bad[which]++
			if strings.Contains(strings.ToLower(err.Error()), "redis") {
				p.now.NamesRedis = err.Error()
			}
		}()
	}
}

// timed measures for how long the store keeps a tick waiting.
type timed struct {
	fleet.Transport
	pod *podState
	sum atomic.Int64 // since the latest exchange
}

func (t *timed) Exchange(ctx context.Context, e fleet.Exchange) ([]fleet.News, error) {
	t.sum.Store(0)
	defer t.since(time.Now())
	return t.Transport.Exchange(ctx, e)
}

func (t *timed) Digest(ctx context.Context, room string, digest []byte) error {
	defer t.since(time.Now())
	return t.Transport.Digest(ctx, room, digest)
}

func (t *timed) Acquire(ctx context.Context, room, pod string, ttl time.Duration) (uint64, error) {
	defer t.since(time.Now())
	return t.Transport.Acquire(ctx, room, pod, ttl)
}

func (t *timed) Tell(ctx context.Context, room string, told fleet.Told) error {
	defer t.since(time.Now())
	return t.Transport.Tell(ctx, room, told)
}

func (t *timed) since(began time.Time) {
	t.pod.stalled(time.Duration(t.sum.Add(int64(time.Since(began)))))
}

// stalled takes note of a time in which the pod wanted to go on, and could not.
func (p *podState) stalled(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now.Stall = max(p.now.Stall, d)
}

// watch measures for how long the process does not run.
func (p *podState) watch(ctx context.Context) {
	const pause = 20 * time.Millisecond
	ticker := time.NewTicker(pause)
	for last := time.Now(); ctx.Err() == nil; last = time.Now() {
		<-ticker.C
		p.stalled(time.Since(last) - pause)
	}
}

// say returns what the pod says now.
func (p *podState) say() said {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.now
	p.now.Stall = 0
	for i, pipeline := range p.with {
		s.State[i] = pipeline.Breakers()[0].State().String()
	}
	if why := p.with[inFleet].Breakers()[0].Why(); why != nil {
		s.Why = why.Error()
	}
	stats := p.fleet.Stats()
	s.Apart, s.Advised, s.Troubles, s.Misses, s.Warnings = stats.Apart, stats.Advised, stats.Troubles, stats.Misses, p.warnings.Load()
	if len(stats.Services) == 1 {
		s.Pods = stats.Services[0].Pods
	}
	return s
}

// podClient returns a client of the store: that of a Sentinel's master, or of an address.
func podClient(addr string) redis.UniversalClient {
	if sentinel, ok := strings.CutPrefix(addr, "sentinel "); ok {
		return redis.NewFailoverClient(&redis.FailoverOptions{MasterName: "shop", SentinelAddrs: []string{sentinel}})
	}
	return redis.NewClient(&redis.Options{Addr: addr})
}

// callBackend is the op of a pod.
func callBackend(ctx context.Context, which int) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, os.Getenv(podBackend), nil)
	if err != nil {
		return err
	}
	request.Header.Set("Pod", os.Getenv(podName))
	request.Header.Set("Pipeline", fmt.Sprint(which))
	request.Header.Set("Sent", fmt.Sprint(time.Now().UnixNano()))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return resilience.MarkTransient(err)
	}
	_, err = io.Copy(io.Discard, response.Body)
	err = cmp.Or(err, response.Body.Close())
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d", response.StatusCode)
	}
	return resilience.MarkTransient(err)
}
