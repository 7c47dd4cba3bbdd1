package holdfastdash

import (
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// A change by hand stands in each log once: in the dashboard's, and in that of each observer. One
// pipeline has an observer that logs to the same log, and the other has none.
func TestAChangeByHandIsLoggedOnce(t *testing.T) {
	const changed = `msg="pipeline changed by hand" pipeline=`
	ours, theirs := newLog(), newLog()
	log := ours.logger()
	stages := []resilience.Stage{budget.Config{}, retry.Config{}, breaker.Config{Name: "bank"}}
	observer := resilience.NewLogObserver(log)
	hosts, err := holdfast.NewKeyed[string]("hosts", holdfast.KeyedConfig{}, append([]resilience.Stage{holdfast.Observe(observer)}, stages...)...)
	require.NoError(t, err)
	k := sit(t, newDashboard(t, []*holdfast.Pipeline{
		newPipeline(t, "observed", append([]resilience.Stage{holdfast.Observe(observer, resilience.NewLogObserver(theirs.logger()))}, stages...)...),
		newPipeline(t, "plain", stages...),
		hosts.Overflow(),
	}, WithAuthorizer(byHeader), WithLogger(log)))
	for _, c := range []struct {
		name, inLog, breaker, what string
		theirs                     int
	}{{"observed", "observed", "bank", `"budget ratio"`, 3}, {"plain", "plain", "bank", "budget.ratio", 0}, {hosts.Overflow().Name(), "hosts", "bank (overflow)", `"budget ratio"`, 0}} {
		before, theirsBefore := ours.count(changed), theirs.count(changed)
		for _, order := range []string{
			`"values":{"budget.ratio":"0.25","budget.floor":"0"},"was":{"budget.ratio":"0.1","budget.floor":"1"}`, `"isolate":["` + c.breaker + `"]`,
		} {
			answer := k.send(k.order(`{"pipeline":"` + c.name + `",` + order + `}`))
			require.Equal(t, http.StatusOK, answer.Code, answer.Body)
		}
		require.Equal(t, 3, ours.count(changed)-before, c.name)
		require.Equal(t, c.theirs, theirs.count(changed)-theirsBefore, "%s: another log has it too", c.name)
		require.Equal(t, 1, ours.count(changed+c.inLog+` what=`+c.what+` from=0.1 to=0.25 by=mary`), c.name)
	}
	// The same again, and back: each is a change of its own.
	for i, order := range []string{`"reset":["bank"]`, `"isolate":["bank"]`, `"reset":["bank"]`} {
		before := ours.count(changed)
		require.Equal(t, http.StatusOK, k.send(k.order(`{"pipeline":"observed",`+order+`}`)).Code)
		require.Equal(t, 1, ours.count(changed)-before, i)
	}
	// A change by code is logged by the observer, as ever.
	before := ours.count(changed)
	_, err = k.d.source.find("observed").Tune(t.Context(), holdfast.Tuning{By: "cron", Isolate: []string{"bank"}})
	require.NoError(t, err)
	require.Equal(t, 1, ours.count(changed)-before)
}

// An observer that panics takes no change out of the log.
func TestAChangeIsLoggedAlthoughAnObserverPanics(t *testing.T) {
	log := newLog()
	panics := resilience.ObserverFunc(func(_ context.Context, e resilience.Event) {
		if e.Change != nil {
			panic("no room")
		}
	})
	k := sit(t, newDashboard(t, []*holdfast.Pipeline{
		newPipeline(t, "payments", holdfast.Observe(panics, resilience.NewLogObserver(log.logger())), budget.Config{}, retry.Config{}),
	}, WithAuthorizer(byHeader), WithLogger(log.logger())))
	require.PanicsWithValue(t, "no room", func() {
		k.send(k.order(`{"pipeline":"payments","values":{"budget.ratio":"0.25"},"was":{"budget.ratio":"0.1"}}`))
	})
	require.Equal(t, 0.25, k.d.source.find("payments").Budget().Config().Ratio) //nolint:testifylint // exactly
	require.Equal(t, 1, log.count("changed by hand"))
	require.Equal(t, 1, log.count(`by=mary`))
	require.Equal(t, 1, log.count(`\"budget.ratio\":\"0.25\"`))
}
