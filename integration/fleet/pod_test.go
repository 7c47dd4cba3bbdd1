package fleet_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/fleet"
	"github.com/media-gateway/holdfast/holdfastfleet"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

// The environment that makes this test's binary a pod: a process of its own, which calls the
// backend, and says how it got on whenever it reads a line.
const (
	podRedis   = "HOLDFAST_FLEET_REDIS" // the address of the store, or "sentinel" and that of one; "none" for no fleet
	podBackend = "HOLDFAST_FLEET_BACKEND"
	podName    = "HOLDFAST_FLEET_POD"
)

// each is the pause between two calls of a pod.
const each = 100 * time.Millisecond

// said is what a pod says since it last did.
type said struct {
	Good, Bad  int64
	NamesRedis string // an error of a call that does
	State      breaker.State
	Why        string
	Stats      fleet.Stats
	Warnings   int64
}

// UnmarshalJSON reads what the pod wrote; a State only writes itself.
func (s *said) UnmarshalJSON(data []byte) error {
	var plain struct {
		Good, Bad, Warnings    int64
		NamesRedis, Why, State string
		Stats                  struct {
			Apart             bool
			Advised, Troubles uint64
			Services          []struct{ Pods uint64 }
		}
	}
	if err := json.Unmarshal(data, &plain); err != nil {
		return err
	}
	*s = said{Good: plain.Good, Bad: plain.Bad, NamesRedis: plain.NamesRedis, Why: plain.Why, Warnings: plain.Warnings}
	s.Stats.Apart, s.Stats.Advised, s.Stats.Troubles = plain.Stats.Apart, plain.Stats.Advised, plain.Stats.Troubles
	for _, service := range plain.Stats.Services {
		s.Stats.Services = append(s.Stats.Services, fleet.ServiceStats{Pods: service.Pods})
	}
	for _, state := range []breaker.State{breaker.StateClosed, breaker.StateHalfOpen, breaker.StateOpen, breaker.StateIsolated} {
		if state.String() == plain.State {
			s.State = state
		}
	}
	return nil
}

type counting struct {
	slog.Handler
	warnings *atomic.Int64
}

func (c counting) Handle(_ context.Context, r slog.Record) error {
	if r.Level >= slog.LevelWarn {
		c.warnings.Add(1)
	}
	return nil
}

// bePod is the program of a pod. It ends when its input does.
func bePod() error {
	pipeline, err := holdfast.New("checkout", breaker.Config{HalfOpenProbes: 1, OpenFor: 3 * time.Second, MaxOpenFor: 6 * time.Second})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var now said
	var warnings atomic.Int64
	var joined *fleet.Fleet
	if addr := os.Getenv(podRedis); addr != "none" {
		client := podClient(addr)
		defer client.Close() //nolint:errcheck // the process ends
		joined, err = holdfastfleet.Join(ctx, holdfastfleet.Redis(client), "shop",
			fleet.WithLogger(slog.New(counting{slog.NewTextHandler(io.Discard, nil), &warnings})))
		if err != nil {
			return err
		}
		defer joined.Leave()
		joined.Add(pipeline)
	}
	var mu sync.Mutex
	go func() {
		for ticker := time.NewTicker(each); ctx.Err() == nil; <-ticker.C {
			err := pipeline.Do(ctx, callBackend)
			mu.Lock()
			if err == nil {
				now.Good++
			} else {
				now.Bad++
				if strings.Contains(strings.ToLower(err.Error()), "redis") {
					now.NamesRedis = err.Error()
				}
			}
			mu.Unlock()
		}
	}()
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		mu.Lock()
		b := pipeline.Breakers()[0]
		now.State, now.Why, now.Warnings = b.State(), "", warnings.Load()
		if why := b.Why(); why != nil {
			now.Why = why.Error()
		}
		if joined != nil {
			now.Stats = joined.Stats()
		}
		line, err := json.Marshal(now)
		now = said{}
		mu.Unlock()
		if err != nil {
			return err
		}
		fmt.Println(string(line))
	}
	return nil
}

// podClient returns a client of the store: that of a Sentinel's master, or of an address.
func podClient(addr string) redis.UniversalClient {
	if sentinel, ok := strings.CutPrefix(addr, "sentinel "); ok {
		return redis.NewFailoverClient(&redis.FailoverOptions{MasterName: "shop", SentinelAddrs: []string{sentinel}})
	}
	return redis.NewClient(&redis.Options{Addr: addr})
}

// callBackend is the op of a pod.
func callBackend(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, os.Getenv(podBackend), nil)
	if err != nil {
		return err
	}
	request.Header.Set("Pod", os.Getenv(podName))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return resilience.MarkTransient(err)
	}
	defer response.Body.Close() //nolint:errcheck // nothing is lost
	if response.StatusCode != http.StatusOK {
		return resilience.MarkTransient(fmt.Errorf("status %d", response.StatusCode))
	}
	return nil
}

// podProcess is a pod, as the test sees it.
type podProcess struct {
	command *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Scanner
}

func startPod(t *testing.T, name, redisAddr, backend string) *podProcess {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	p := &podProcess{command: exec.Command(self, "-test.run=^$")} //nolint:noctx // its input ends it
	p.command.Env = append(os.Environ(), podRedis+"="+redisAddr, podBackend+"="+backend, podName+"="+name)
	p.command.Stderr = os.Stderr
	p.in, err = p.command.StdinPipe()
	require.NoError(t, err)
	out, err := p.command.StdoutPipe()
	require.NoError(t, err)
	p.out = bufio.NewScanner(out)
	require.NoError(t, p.command.Start())
	t.Cleanup(func() {
		_ = p.in.Close()
		_ = p.command.Wait()
	})
	return p
}

// ask returns what the pod says since it was last asked.
func (p *podProcess) ask(t *testing.T) (s said) {
	t.Helper()
	_, err := io.WriteString(p.in, "\n")
	require.NoError(t, err)
	require.True(t, p.out.Scan(), "the pod has died")
	require.NoError(t, json.Unmarshal(p.out.Bytes(), &s), p.out.Text())
	return s
}
