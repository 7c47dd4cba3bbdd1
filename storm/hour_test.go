package storm_test

import (
	"bytes"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/storm"
)

// What an hour of 1,000 calls a second costs, with an outage in it. It measures and does not judge:
//
//	HOLDFAST_STORM_HOUR=1 go test -v -run TestAnHour ./storm
//
// HOLDFAST_STORM_HOUR is how many hours.
func TestAnHour(t *testing.T) {
	text := os.Getenv("HOLDFAST_STORM_HOUR")
	if text == "" {
		t.Skip("HOLDFAST_STORM_HOUR is not set")
	}
	hours, err := strconv.ParseFloat(text, 64)
	require.NoError(t, err, "HOLDFAST_STORM_HOUR")
	length := time.Duration(hours * float64(time.Hour))
	critical := func() storm.Doer { return holdfast.Must(holdfast.New("p", holdfast.Critical()...)) }
	for _, c := range []struct {
		name    string
		newDoer func() storm.Doer
	}{{"no retries", bare}, {"critical", critical}} {
		start, before := time.Now(), processorTime()
		r := storm.Run(t, storm.Scenario{
			Load: storm.Poisson(1000), For: length, Deadline: 2 * time.Second, Clients: 10,
			Server:   storm.Server{Workers: 100, Service: storm.Exponential(50 * time.Millisecond), Hop: storm.Exponential(time.Millisecond)},
			Triggers: []storm.Trigger{{At: length / 3, For: length / 60, ErrorRatio: 1}},
		}, c.newDoer)
		took, processor := time.Since(start), processorTime()-before
		runtime.GC()
		var memory runtime.MemStats
		runtime.ReadMemStats(&memory)
		t.Logf("%s: %d calls in %v (%v of processor), %.1f µs each; %d MB live at the end, %s MB at most so far (resident)", c.name, r.Total.Calls,
			took.Round(time.Millisecond), processor.Round(time.Millisecond), float64(took.Microseconds())/float64(r.Total.Calls), memory.HeapAlloc>>20, peak())
		runtime.KeepAlive(r)
	}
}

// processorTime is what the process has had of the processors, where the system tells.
func processorTime() time.Duration {
	stat, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

// peak is how many MB the process has had at most, where the system tells.
func peak() string {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return "an unknown number of"
	}
	m := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)
	if m == nil {
		return "an unknown number of"
	}
	kB, _ := strconv.Atoi(string(m[1]))
	return strconv.Itoa(kB >> 10)
}
