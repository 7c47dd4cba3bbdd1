package storm_test

import (
	"testing"

	"github.com/media-gateway/holdfast/storm"
)

// outcome is what a rival made of a trouble.
type outcome struct {
	goodput       float64 // the share of the calls that succeeded, of those begun while it is judged
	amplification float64 // attempts per call, over the whole run
	report        *storm.Report
}

// outcomes are those of the rivals, by name, in one trouble under one preset.
type outcomes map[string]outcome

func run(t *testing.T, n numbers, trouble trouble) outcomes {
	t.Helper()
	all := outcomes{}
	for _, r := range rivals {
		s, from := trouble.scenario(n)
		s.Name = r.name
		report := storm.Run(t, s, func() storm.Doer { return r.new(n) })
		judged := report.Between(from, s.For)
		all[r.name] = outcome{judged.Goodput(), report.Total.Amplification(), report}
	}
	return all
}
