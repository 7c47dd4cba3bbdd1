package timeline

import (
	"encoding/json"
	"time"

	"github.com/media-gateway/holdfast/internal/plan"
)

// mostListed is how many attempts are listed in JSON.
const mostListed = 100

// MarshalJSON returns the plan. Times are in seconds; null means no limit, or not known. The keys
// are stable.
func (c Chart) MarshalJSON() ([]byte, error) {
	p := c.plan
	j := planJSON{
		Deadline: limit(p.Deadline), AttemptDeadline: limit(p.AttemptDeadline),
		MaxAttempts: attempts(p.Attempts()), PossibleAttempts: attempts(p.MostAttempts()),
		Pauses: []pauseJSON{},
		Worst:  scheduleOf(c.worst), Quick: scheduleOf(c.quick),
		Notes: c.notes(c.axis()),
	}
	if j.Notes == nil {
		j.Notes = []string{}
	}
	listed := max(len(j.Worst.Attempts), len(j.Quick.Attempts))
	for i := range listed - 1 {
		j.Pauses = append(j.Pauses, pauseOf(i+2, p.Pause(i)))
	}
	return json.Marshal(j)
}

type planJSON struct {
	Deadline         *float64     `json:"deadline_seconds"`         // null: none
	AttemptDeadline  *float64     `json:"attempt_deadline_seconds"` // null: none
	MaxAttempts      *int         `json:"max_attempts"`             // 1 and the retries; null: no limit
	PossibleAttempts *int         `json:"possible_attempts"`        // that the deadline leaves room for, and the budget pays for at all; null: no limit
	Pauses           []pauseJSON  `json:"pauses"`
	Worst            scheduleJSON `json:"worst_case"`    // every attempt takes all it may, every pause is the longest
	Quick            scheduleJSON `json:"fails_at_once"` // every attempt fails at once, every pause is its mean
	Notes            []string     `json:"notes"`
}

type pauseJSON struct {
	Before   int      `json:"before_attempt"`
	Shortest *float64 `json:"shortest_seconds"` // null: not known
	Mean     *float64 `json:"mean_seconds"`
	Longest  *float64 `json:"longest_seconds"`
}

type scheduleJSON struct {
	Attempts []attemptJSON `json:"attempts"`    // at most 100
	Runs     int           `json:"runs"`        // how many of them run
	End      *float64      `json:"end_seconds"` // null: never
	Ending   plan.Ending   `json:"ending"`
	Needed   *float64      `json:"needed_seconds"` // for all attempts, whatever the deadline; null: no limit
	More     bool          `json:"more"`           // there may be attempts beyond those listed
}

type attemptJSON struct {
	Number int      `json:"number"`
	Start  *float64 `json:"start_seconds"` // see plan.Attempt; null: never
	End    *float64 `json:"end_seconds"`
	Runs   bool     `json:"runs"`
	Cut    bool     `json:"cut"` // by the call's deadline
}

func scheduleOf(s plan.Schedule) scheduleJSON {
	j := scheduleJSON{Attempts: []attemptJSON{}, Runs: s.Runs, End: known(s.End), Ending: s.Ending, Needed: known(s.Needed), More: s.More}
	for i, a := range s.Attempts {
		if i == mostListed {
			j.More = true
			break
		}
		j.Attempts = append(j.Attempts, attemptJSON{a.Number, known(a.Start), known(a.End), a.Runs, a.Cut})
	}
	return j
}

func pauseOf(before int, p plan.Pause) pauseJSON {
	if !p.Known {
		return pauseJSON{Before: before}
	}
	return pauseJSON{before, known(p.Shortest), known(p.Mean), known(p.Longest)}
}

// known returns a time in seconds, nil for plan.Forever.
func known(d time.Duration) *float64 {
	if d == plan.Forever {
		return nil
	}
	return new(d.Seconds())
}

// limit returns a limit in seconds, nil for none.
func limit(d time.Duration) *float64 {
	if d == 0 {
		return nil
	}
	return known(d)
}

func attempts(n int) *int {
	if n == plan.Unlimited {
		return nil
	}
	return &n
}
