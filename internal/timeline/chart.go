package timeline

import (
	"fmt"
	"strings"
	"time"

	"github.com/media-gateway/holdfast/internal/plan"
	"github.com/media-gateway/holdfast/resilience"
)

// Chart is the drawing of one service, as data. It is safe for concurrent use.
type Chart struct {
	Name  string // the service's
	Chain string // its stages in words, as in Pipeline.String

	plan  plan.Plan
	worst plan.Schedule // every attempt takes all the time it may, and every pause is the longest
	quick plan.Schedule // every attempt fails at once, and every pause is its mean
	best  plan.Schedule // every attempt fails at once, and every pause is the shortest
}

// Of returns the chart of a pipeline of these stages, the outermost first. Its error is that of
// plan.Of.
func Of(name string, stages []resilience.Stage) (Chart, error) {
	p, err := plan.Of(stages)
	if err != nil {
		return Chart{}, err
	}
	p = p.OnlyPaid()
	return Chart{Name: name, Chain: chain(stages), plan: p, worst: p.Worst(), quick: p.Mean(0), best: p.Best()}, nil
}

// arrow stands between the stages of a chain.
const arrow = " → "

func chain(stages []resilience.Stage) string {
	var words []string
	for _, s := range stages {
		policy, err := s.Build()
		if err != nil {
			continue // plan.Of has refused it
		}
		if named, ok := policy.(fmt.Stringer); ok {
			words = append(words, named.String())
		} else {
			words = append(words, strings.TrimPrefix(fmt.Sprintf("%T", policy), "*"))
		}
	}
	return strings.Join(words, arrow)
}

// mostDrawn is how many attempts are drawn where no deadline bounds the axis.
const mostDrawn = 8

// row is one of the two schedules, as it is drawn.
type row struct {
	plan.Schedule
	title   string
	instant bool // its attempts take no time
}

func (c Chart) rows() []row {
	return []row{
		{c.worst, c.worstTitle(), false},
		{c.quick, c.quickTitle(), true},
	}
}

// running returns the attempts of a schedule that run and begin on the axis, and the first that
// begins beyond it, if there is one.
func (s scale) running(r plan.Schedule) (attempts []plan.Attempt, next *plan.Attempt) {
	for _, a := range r.Attempts[:r.Runs] {
		if a.Start >= s.end && a.Number > 1 {
			return attempts, &a
		}
		attempts = append(attempts, a)
	}
	return attempts, nil
}

// pauses calls draw for every pause on the axis, with the end of the attempt before it and the
// attempt after it.
func (s scale) pauses(r plan.Schedule, draw func(began time.Duration, before plan.Attempt)) {
	attempts, next := s.running(r)
	for i := 1; i < len(attempts); i++ {
		draw(attempts[i-1].End, attempts[i])
	}
	if next != nil {
		draw(attempts[len(attempts)-1].End, *next)
	}
}
