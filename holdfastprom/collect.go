package holdfastprom

import (
	"fmt"
	"slices"
	"strconv"
	"weak"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, append([]string{"pipeline"}, labels...), nil)
}

// What is read from the pipelines when it is asked for.
var (
	descInFlight      = desc("holdfast_calls_in_flight", "Calls begun and not ended.")
	descTokens        = desc("holdfast_budget_tokens", "Tokens in the bank of the retry budget.")
	descBurst         = desc("holdfast_budget_burst_tokens", "The most tokens that the bank holds.")
	descRatio         = desc("holdfast_budget_ratio", "Tokens that a call deposits.")
	descShadow        = desc("holdfast_budget_shadow", "1 if the budget only watches and refuses nothing, else 0.")
	descDeposits      = desc("holdfast_budget_deposits_total", "Deposits that found the bank less than full.")
	descWithdrawals   = desc("holdfast_budget_withdrawals_total", "Retries paid for, by the bank or the floor.", "source")
	descRefunds       = desc("holdfast_budget_refunds_total", "Tokens given back for retries that were never made.")
	descRefused       = desc("holdfast_budget_refused_total", "Retries refused by the budget.")
	descShadowRefused = desc("holdfast_budget_shadow_refused_total", "Retries that would have been refused, were the budget not in shadow.")
	descBreaker       = desc("holdfast_breaker_state", "1 for the state that the breaker is in, 0 for the others.", "breaker", "state")
	descInUse         = desc("holdfast_bulkhead_in_use", "Calls inside the bulkhead.", "bulkhead")
	descWaiting       = desc("holdfast_bulkhead_waiting", "Calls that wait to enter the bulkhead.", "bulkhead")
	descCapacity      = desc("holdfast_bulkhead_capacity", "The most calls that the bulkhead lets in.", "bulkhead")
	descLearned       = desc("holdfast_adaptive_success_ratio", "Share of successes among the attempts that an adaptive retry loop remembers.", "attempt")
	descStretch       = desc("holdfast_adaptive_stretch_ratio", "By how much an adaptive retry loop multiplies its base delay.")

	descKeys       = desc("holdfast_keyed_keys", "Keys that have a pipeline of their own.")
	descKeysOpen   = desc("holdfast_keyed_breakers_open", "Keys that have a breaker which is not closed: open, isolated or half-open.")
	descOverflowed = desc("holdfast_keyed_overflowed_total", "Calls of keys for which there was no room, so that they shared a pipeline.")

	descs = []*prometheus.Desc{
		descInFlight, descTokens, descBurst, descRatio, descShadow, descDeposits, descWithdrawals, descRefunds,
		descRefused, descShadowRefused, descBreaker, descInUse, descWaiting, descCapacity, descLearned, descStretch,
		descKeys, descKeysOpen, descOverflowed,
	}
)

// Describe sends all descriptions.
func (m *Metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, v := range m.vectors() {
		v.Describe(ch)
	}
	for _, d := range descs {
		ch <- d
	}
}

// Collect sends the counters, and how the pipelines stand at this moment. It holds up no call.
func (m *Metrics) Collect(ch chan<- prometheus.Metric) {
	for _, s := range m.all() {
		(&scrape{ch, s}).pipelines(s.alive())
	}
	for _, v := range m.vectors() {
		v.Collect(ch)
	}
}

// add notes that p reports here. It does not keep p alive.
func (s *series) add(p *holdfast.Pipeline) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pipelines = slices.DeleteFunc(s.pipelines, func(w weak.Pointer[holdfast.Pipeline]) bool {
		v := w.Value()
		return v == nil || v == p
	})
	s.pipelines = append(s.pipelines, weak.Make(p))
}

func (s *series) alive() (alive []*holdfast.Pipeline) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pipelines = slices.DeleteFunc(s.pipelines, func(w weak.Pointer[holdfast.Pipeline]) bool { return w.Value() == nil })
	for _, w := range s.pipelines {
		if p := w.Value(); p != nil {
			alive = append(alive, p)
		}
	}
	return alive
}

// forget makes sure that s looks up nothing any more.
func (s *series) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgotten = true
}

// scrape sends how the pipelines of one name stand.
type scrape struct {
	ch     chan<- prometheus.Metric
	series *series
}

func (s *scrape) send(d *prometheus.Desc, t prometheus.ValueType, v float64, labels ...string) {
	m, err := prometheus.NewConstMetric(d, t, v, append([]string{s.series.name}, labels...)...)
	if err != nil {
		m = prometheus.NewInvalidMetric(d, err)
	}
	s.ch <- m
}

func (s *scrape) gauge(d *prometheus.Desc, v float64, labels ...string) {
	s.send(d, prometheus.GaugeValue, v, labels...)
}

func (s *scrape) counter(d *prometheus.Desc, v uint64, labels ...string) {
	s.send(d, prometheus.CounterValue, float64(v), labels...)
}

// pipelines sends the sum of what several pipelines of one name have in use, and the state of
// the one that came last.
func (s *scrape) pipelines(all []*holdfast.Pipeline) {
	defer s.rescue()
	var live uint64
	var bulkheads []bulkhead.Stats
	var last holdfast.Snapshot
	for _, p := range all {
		last = p.Snapshot()
		s.series.foresee(&last)
		live += last.Live
		for i, b := range last.Bulkheads {
			if i == len(bulkheads) {
				bulkheads = append(bulkheads, bulkhead.Stats{})
			}
			bulkheads[i].InUse += b.InUse
			bulkheads[i].Waiting += b.Waiting
			bulkheads[i].MaxConcurrent += b.MaxConcurrent
		}
	}
	if len(all) == 0 {
		return
	}
	s.gauge(descInFlight, float64(live))
	for i, b := range bulkheads {
		place := strconv.Itoa(i + 1)
		s.gauge(descInUse, float64(b.InUse), place)
		s.gauge(descWaiting, float64(b.Waiting), place)
		s.gauge(descCapacity, float64(b.MaxConcurrent), place)
	}
	if b := all[len(all)-1].Budget(); b != nil {
		s.budget(b)
	}
	s.breakers(last.Breakers)
	if last.Learned != nil {
		s.learned(last.Learned)
	}
	if last.Keys != nil {
		s.keys(last.Keys)
	}
}

// rescue makes an error of the scrape from a panic of a Guard's String, which Snapshot asks.
// Collect has a goroutine of the registry's, where it would end the process.
func (s *scrape) rescue() {
	if p := recover(); p != nil {
		s.ch <- prometheus.NewInvalidMetric(descInFlight, fmt.Errorf("holdfastprom: pipeline %q: a stage panicked: %v", s.series.name, p))
	}
}

func (s *scrape) budget(b *budget.Budget) {
	stats, c := b.Stats(), b.Config()
	shadow := 0.0
	if c.Shadow {
		shadow = 1
	}
	s.gauge(descTokens, stats.Tokens)
	s.gauge(descBurst, float64(stats.Burst))
	s.gauge(descRatio, max(0, c.Ratio)) // -1 stands for none
	s.gauge(descShadow, shadow)
	s.counter(descDeposits, stats.Deposits)
	s.counter(descWithdrawals, stats.Withdrawals, "bank")
	s.counter(descWithdrawals, stats.FloorPaid, "floor")
	s.counter(descRefunds, stats.Refunds)
	s.counter(descRefused, stats.Refused)
	s.counter(descShadowRefused, stats.ShadowRefused)
}

func (s *scrape) keys(k *holdfast.KeyedStats) {
	s.gauge(descKeys, float64(k.Len))
	s.gauge(descKeysOpen, float64(k.Open))
	s.counter(descOverflowed, k.Overflowed)
}

// learned leaves out what the loop knows nothing about.
func (s *scrape) learned(l *retry.Learned) {
	s.gauge(descStretch, l.Stretch)
	for i, a := range l.Attempts {
		if a.Tries > 0 {
			s.gauge(descLearned, a.Rate(), strconv.Itoa(i+1))
		}
	}
}

func (s *scrape) breakers(all []holdfast.BreakerStats) {
	taken := map[string]bool{}
	for _, b := range all {
		name := label(b.Name)
		for n := 2; taken[name]; n++ {
			name = fmt.Sprintf("%s#%d", label(b.Name), n)
		}
		taken[name] = true
		for state := range unknownState {
			is := 0.0
			if state == b.State {
				is = 1
			}
			s.gauge(descBreaker, is, name, state.String())
		}
	}
}
