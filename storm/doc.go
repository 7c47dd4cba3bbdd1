// Package storm is a laboratory for bad minutes. It plays an outage, an overload or a slow
// dependency to a Pipeline, in the virtual time of testing/synctest and with the code that runs in
// production, and reports what became of the calls: how many did their callers any good, how much
// load the retries added, how soon all was well again.
//
// A [Scenario] says when calls begin ([Load]), what answers them ([Server]) and what goes wrong
// ([Trigger]). [Run] takes the calls through a [Doer], which is a *holdfast.Pipeline or any other
// client in a few lines, and returns a [Report]. It is used from tests:
//
//	report := storm.Run(t, storm.Scenario{
//		Load:     storm.Poisson(200),
//		For:      time.Minute,
//		Server:   storm.Server{Workers: 20, Service: storm.Exponential(80 * time.Millisecond)},
//		Triggers: []storm.Trigger{{At: 20 * time.Second, For: 10 * time.Second, ErrorRatio: 1}},
//	}, func() storm.Doer { return holdfast.Must(holdfast.New("payments", holdfast.Critical()...)) })
//	report.RequireRecoversWithin(t, 10*time.Second)
//
// [Play] is for commands, where no test runs. [CriticalDuration] finds the longest trouble after
// which the calls come back.
//
// The same seed gives the same report, byte for byte: the scenario's chances are drawn from it, and
// so are, as long as the storm lasts, the jitter of retries and the open times of breakers. What
// draws from math/rand's global source itself, as other libraries do, varies from run to run.
package storm
