package demo

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// summarize explains the tables to somebody who sees them for the first time. It describes the
// figures of this run, even if they are not what the demo is meant to show.
func summarize(r *Report) []string {
	if text := r.busy(); text != "" {
		return []string{text}
	}
	sentences := []string{r.everyday(), r.load(), r.recovery(), r.protection(), r.ranking()}
	return slices.DeleteFunc(sentences, func(s string) bool { return s == "" })
}

// leastHealthy is the goodput in percent below which the machine, and not a client, is to blame:
// backends that are well have time for all calls, and fail only a few.
const leastHealthy = 90

// busy says that the figures mean nothing, because the machine had too little time for the demo. It
// returns "" if they do.
func (r *Report) busy() string {
	single := r.client(nameSingle).Before
	if single.Calls == 0 || *single.GoodputPercent >= leastHealthy {
		return ""
	}
	return fmt.Sprintf("This machine was too busy for the demo: while the backends were well, only %s of the calls without retries "+
		"were answered in time. So the figures say nothing about the clients. Run it again when the machine has less to do.",
		percent(single.GoodputPercent))
}

// everyday describes what retries do about the few faults of a healthy backend.
func (r *Report) everyday() string {
	single, naive, holdfast := r.client(nameSingle).Before, r.client(nameNaive).Before, r.client(nameHoldfast).Before
	if single.Calls == 0 || naive.Calls == 0 || holdfast.Calls == 0 {
		return ""
	}
	verb := "made no difference to"
	switch s, n := *single.GoodputPercent, min(*naive.GoodputPercent, *holdfast.GoodputPercent); {
	case n > s:
		verb = "made up for"
	case n < s:
		verb = "did not make up for"
	}
	return fmt.Sprintf("While the backends were well, retries %s their occasional faults: goodput was %s without retries, "+
		"%s with naive ones, %s with Holdfast.", verb,
		percent(single.GoodputPercent), percent(naive.GoodputPercent), percent(holdfast.GoodputPercent))
}

// load describes what naive retries do to a backend in an outage.
func (r *Report) load() string {
	naive := r.client(nameNaive)
	if naive.During.Calls == 0 {
		return ""
	}
	amplification := perCall(naive.During)
	n := naive.requests()
	text := fmt.Sprintf("In the outage the naive client sent %.1f attempts for each call", amplification)
	if amplification < 1.1 {
		text += ", hardly more than without retries"
	}
	return text + fmt.Sprintf("; of all %d requests that its backends got, %.0f %% were turned away at a full queue, and %.0f %% "+
		"were worked on for a caller who had already left.", n.Received, part(n.Shed, n.Received), part(n.Wasted, n.Received))
}

// recovery compares the clients after the outage, when the backends are as fast as before.
func (r *Report) recovery() string {
	single, naive := r.client(nameSingle), r.client(nameNaive)
	if r.afterSeconds() < inSeconds(recoveredWindow) || single.After.Calls == 0 || naive.After.Calls == 0 {
		return ""
	}
	text := fmt.Sprintf("Once the backends were as fast as before, the client that never retries %s; the naive one %s",
		r.backText(single), r.backText(naive))
	load := float64(naive.After.Attempts) / r.afterSeconds() / float64(len(naive.Backends))
	switch {
	case naive.RecoverySeconds != nil:
	case load > r.Setup.CapacityPerBackend:
		text += fmt.Sprintf(": it went on sending each backend %.0f requests a second, more than the %.0f that it can serve, "+
			"so that retries alone kept the outage going", load, r.Setup.CapacityPerBackend)
	default:
		text += fmt.Sprintf(", though the %.0f requests a second that it sent each backend are less than the %.0f that it can serve",
			load, r.Setup.CapacityPerBackend)
	}
	return text + "."
}

// protection describes what the two clients with a breaker sent, and when they were back.
func (r *Report) protection() string {
	breaker, holdfast := r.client(nameNaiveBreaker), r.client(nameHoldfast)
	if breaker.During.Calls == 0 || holdfast.During.Calls == 0 {
		return ""
	}
	text := fmt.Sprintf("The breaker in front of naive retries brought the attempts in the outage to %.1f for each call, Holdfast to %.1f",
		perCall(breaker.During), perCall(holdfast.During))
	if holdfast.Denials != nil {
		text += fmt.Sprintf(" (it stopped calls and retries for %s)", reasons(holdfast.Denials))
	}
	if r.afterSeconds() >= inSeconds(recoveredWindow) && breaker.After.Calls > 0 && holdfast.After.Calls > 0 {
		text += fmt.Sprintf("; after it the former %s, the latter %s", r.backText(breaker), r.backText(holdfast))
	}
	return text + "."
}

// ranking orders the clients by the number of good calls.
func (r *Report) ranking() string {
	good := func(c ClientReport) int { return c.Outcomes[Good.String()] }
	clients := slices.Clone(r.Clients)
	slices.SortStableFunc(clients, func(a, b ClientReport) int { return cmp.Compare(good(b), good(a)) })
	var parts []string
	calls := 0
	for _, c := range clients {
		calls = max(calls, c.Calls)
		parts = append(parts, fmt.Sprintf("%s %d", c.Name, good(c)))
	}
	if calls == 0 {
		return ""
	}
	return fmt.Sprintf("Calls answered in time, of %d for each client: %s.", calls, strings.Join(parts, ", "))
}

// client returns the report of the client with this name, or an empty one.
func (r *Report) client(name string) ClientReport {
	i := slices.IndexFunc(r.Clients, func(c ClientReport) bool { return c.Name == name })
	if i < 0 {
		return ClientReport{}
	}
	return r.Clients[i]
}

// afterSeconds is how long calls arrived after the outage.
func (r *Report) afterSeconds() float64 {
	return r.RanSeconds - r.Setup.HealthySeconds - r.Setup.OutageSeconds
}

func (r *Report) backText(c ClientReport) string {
	switch {
	case c.RecoverySeconds == nil:
		return fmt.Sprintf("was not back at 99 %% goodput within the %s that were left", seconds(r.afterSeconds()))
	case *c.RecoverySeconds < 0.05: // seconds would round it to 0.0 s
		return "was back at 99 % goodput at once"
	}
	return fmt.Sprintf("was back at 99 %% goodput after %s", seconds(*c.RecoverySeconds))
}

func perCall(p PhaseReport) float64 { return float64(p.Attempts) / float64(p.Calls) }

func part(n, of uint64) float64 { return 100 * float64(n) / float64(max(of, 1)) }
