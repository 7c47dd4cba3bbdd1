package storm_test

import (
	"testing"

	"github.com/media-gateway/holdfast/storm"
)

// outcome is what a client made of a trouble.
type outcome struct {
	// after and since are the share of the calls that succeeded, of those begun once the trouble
	// was over, and since it began. They are equal if it lasts as long as calls begin.
	after, since  float64
	amplification float64 // attempts per call, over the whole run
}

// run plays a trouble with a client in one seed. There is an outcome for each of its columns.
func run(t *testing.T, n numbers, tr trouble, r rival, seed uint64) ([]outcome, *storm.Report) {
	t.Helper()
	p := tr.play(n)
	p.Name, p.Seed = r.name, seed
	newDoer := func() storm.Doer { return r.new(n) }
	if d := p.Server.Downstream; d != nil {
		d.NewDoer = newDoer // who is called by a client calls by one of the same kind
	}
	report := storm.Run(t, p.Scenario, newDoer)
	if tr.kinds == nil {
		return []outcome{p.judge(report)}, report
	}
	outcomes := make([]outcome, len(tr.kinds))
	for i := range tr.kinds {
		outcomes[i] = p.judge(report.Groups[i])
	}
	return outcomes, report
}

func (p played) judge(report *storm.Report) outcome {
	since := report.Between(p.begin, p.For)
	o := outcome{since: since.Goodput(), after: since.Goodput(), amplification: report.Total.Amplification()}
	if p.end > 0 {
		after := report.Between(p.end, p.For)
		o.after = after.Goodput()
	}
	return o
}
