package dashboard

// row is a part of the dashboard: panels that answer one question, next to each other.
type row struct {
	title  string
	panels []panel
}

type panel struct {
	title, description string
	unit               string // one of Grafana's
	targets            []target
	threshold          float64 // a dashed line; 0 for none
	share              bool    // the scale ends at 1
	stacked            bool
	states             bool // a state timeline
}

// target is a query. In it, @ stands for the choice of jobs and pipelines, and @job for that of
// jobs alone, for a fleet, which has no pipeline.
type target struct{ legend, expr string }

// rows is the dashboard, from top to bottom: is there trouble, why, and which stage has to do with
// it.
//
// "or 0 * ..." is for what has no series before it first happens: a pipeline that has the stage,
// and on which it did not happen, shows a zero.
var rows = []row{
	{"Overview", []panel{
		{
			title: "How many calls succeed?", unit: "reqps",
			description: "Calls that succeeded, retries included, against all calls (dashed). A gap between the two is what " +
				"callers did not get: go to \"Why did calls stop?\". If both fall, the traffic has gone, not the dependency.",
			targets: []target{
				{"{{pipeline}} succeeded", `sum by (pipeline) (rate(holdfast_calls_total{@,outcome="success"}[$__rate_interval]))`},
				{"{{pipeline}} all calls", `sum by (pipeline) (rate(holdfast_calls_total{@}[$__rate_interval]))`},
			},
		},
		{
			title: "Success ratio", unit: "percentunit", share: true,
			description: "The share of calls that succeeded in the end. Calls that their callers canceled, and permanent " +
				"errors, count as not succeeded here: \"Why did calls stop?\" tells them apart.",
			targets: []target{
				{"{{pipeline}}", `sum by (pipeline) (rate(holdfast_calls_total{@,outcome="success"}[$__rate_interval])) / (sum by (pipeline) (rate(holdfast_calls_total{@}[$__rate_interval])) > 0)`},
			},
		},
		{
			title: "Is it retrying?", unit: "suffix: ×", threshold: 1.5,
			description: "Amplification: attempts per call, which is how many times its load the dependency sees. 1 is no retries. " +
				"A budget of 10 % holds it near 1.1. Above the dashed line, at 1.5, HoldfastAmplificationHigh is near: look at the budget. " +
				"Below 1, calls are refused before the dependency is asked: look at the breaker, the bulkhead and the rate limit.",
			targets: []target{
				{"{{pipeline}}", `sum by (pipeline) (rate(holdfast_attempts_total{@}[$__rate_interval])) / (sum by (pipeline) (rate(holdfast_calls_total{@}[$__rate_interval])) > 0)`},
			},
		},
		{
			title: "Calls in flight", unit: "short",
			description: "Calls begun and not ended, pauses between attempts included. It rises when the dependency becomes slow, " +
				"before anything fails. If it only ever rises, a deadline is missing.",
			targets: []target{{"{{pipeline}}", `sum by (pipeline) (holdfast_calls_in_flight{@})`}},
		},
	}},
	{"Why did calls stop?", []panel{
		{
			title: "Why did calls stop?", unit: "reqps", stacked: true,
			description: "Calls that did not succeed, by outcome and reason. retries_exhausted, too_late: the dependency fails " +
				"or is slow. budget_exhausted: it fails for most callers, and retrying was stopped. breaker_open, bulkhead_full, " +
				"rate_limited: refused here. permanent: the caller's fault. unclassified: nobody has said what the error means, so it is not " +
				"retried. outcome_unknown: the call may have been carried out; find out before it is made again.",
			targets: []target{
				{"{{pipeline}}: {{outcome}}, {{reason}}", `sum by (pipeline, outcome, reason) (rate(holdfast_calls_total{@,outcome!="success"}[$__rate_interval]))`},
			},
		},
		{
			title: "Why was no further attempt made?", unit: "reqps", stacked: true,
			description: "Calls that would have been retried, and were not. too_late: the deadline leaves no room, so the attempts' " +
				"timeouts and pauses do not fit into it. retry_after_too_long: the dependency asked for a longer pause than is allowed.",
			targets: []target{
				{"{{pipeline}}: {{reason}}", `sum by (pipeline, reason) (rate(holdfast_denials_total{@,stage="retry"}[$__rate_interval]))`},
			},
		},
		{
			title: "What was refused without asking the dependency?", unit: "reqps", stacked: true,
			description: "Calls and attempts that a stage refused. The dependency never saw them, so that its own graphs " +
				"look better than its callers' do.",
			targets: []target{
				{"{{pipeline}}: {{stage}}, {{reason}}", `sum by (pipeline, stage, reason) (rate(holdfast_denials_total{@,stage!="retry"}[$__rate_interval]))`},
			},
		},
	}},
	{"What do errors mean?", []panel{
		{
			title: "How do attempts fail?", unit: "reqps", stacked: true,
			description: "Attempts that did not succeed, by what their error means. transient, overload: the dependency fails, or asks for " +
				"less. permanent: the caller's fault. canceled: the caller left. unclassified: see beside.",
			targets: []target{
				{"{{pipeline}}: {{verdict}}", `sum by (pipeline, verdict) (rate(holdfast_attempts_total{@,verdict!="success"}[$__rate_interval]))`},
			},
		},
		{
			title: "Which errors has nobody classified?", unit: "reqps",
			description: "Attempts that ended with an error that nobody has classified: not retried, and a failure to the breaker. The log and " +
				"/health name the errors. Say what they mean, by holdfast.Classify: then this is zero.",
			targets: []target{
				{"{{pipeline}}", `sum by (pipeline) (rate(holdfast_attempts_total{@,verdict="unclassified"}[$__rate_interval]))`},
			},
		},
	}},
	{"Does retrying help?", []panel{
		{
			title: "Which attempts succeed?", unit: "percentunit", share: true,
			description: "The share of first, second, third and further attempts that succeed. If the second hardly ever does, " +
				"retrying only adds load: let it be in an outage, else look at which errors are retried. An attempt number " +
				"that never succeeds is one too many.",
			targets: []target{
				{"{{pipeline}} attempt {{attempt}}", `sum by (pipeline, attempt) (rate(holdfast_attempts_total{@,verdict="success"}[$__rate_interval])) / (sum by (pipeline, attempt) (rate(holdfast_attempts_total{@}[$__rate_interval])) > 0)`},
			},
		},
		{
			title: "How many successful calls owe it to a retry?", unit: "percentunit",
			description: "The share of successful calls that needed more than one attempt: what callers would lose without " +
				"retries. Always zero: retries earn nothing. Rising for days: the dependency gets worse, and retries hide it.",
			targets: []target{
				{"{{pipeline}}", `sum by (pipeline) (rate(holdfast_attempts_total{@,attempt!="1",verdict="success"}[$__rate_interval])) / (sum by (pipeline) (rate(holdfast_calls_total{@,outcome="success"}[$__rate_interval])) > 0)`},
			},
		},
		{
			title: "Retries", unit: "reqps",
			description: "Retries decided, and those that failed once more. The second at the height of the first is load " +
				"without use.",
			targets: []target{
				{"{{pipeline}} retries", `sum by (pipeline) (rate(holdfast_retries_total{@}[$__rate_interval]))`},
				{"{{pipeline}} failed again", `sum by (pipeline) (rate(holdfast_attempts_total{@,attempt!="1",verdict!="success"}[$__rate_interval])) or 0 * sum by (pipeline) (holdfast_retries_total{@})`},
			},
		},
		{
			title: "How many calls wait for what was refused?", unit: "short",
			description: "Calls of a patient loop that the budget, an open breaker or a full bulkhead refused for now, and (dashed) how " +
				"many may wait. In an outage all do, up to the limit; then the others fail at once. Without an outage: see what refuses.",
			targets: []target{
				{"{{pipeline}} waiting", `sum by (pipeline) (holdfast_retry_waiting{@})`},
				{"{{pipeline}} most", `sum by (pipeline) (holdfast_retry_queue_limit{@})`},
			},
		},
		{
			title: "What do calls wait for?", unit: "ops",
			description: "Waits of patient calls, by what refused them. budget_exhausted: retries are rationed. breaker_open: the " +
				"dependency is left alone. bulkhead_full: too much is in flight.",
			targets: []target{
				{"{{pipeline}} {{reason}}", `sum by (pipeline, reason) (rate(holdfast_retry_waits_total{@}[$__rate_interval]))`},
			},
		},
	}},
	{"Latency", []panel{
		{
			title: "How long do calls take?", unit: "s",
			description: "Calls of every outcome, with their retries and pauses. A p99 at the pipeline's deadline means that " +
				"callers wait until it ends them. Faster than usual, with calls failing, is a breaker that refuses at once.",
			targets: quantiles("holdfast_call_duration_seconds", "0.5", "0.9", "0.99"),
		},
		{
			title: "How long do attempts take?", unit: "s",
			description: "What the dependency takes to answer, or an attempt's deadline to end it. Compare with an hour ago " +
				"before you change a timeout. An attempt's p99 near its deadline: the deadline cuts off good answers.",
			targets: quantiles("holdfast_attempt_duration_seconds", "0.5", "0.9", "0.99"),
		},
		{
			title: "How long are the pauses before retries?", unit: "s",
			description: "Backoff, jitter and the dependency's own retry-after included. It is what a retried call costs its caller " +
				"beside the attempts. Long pauses with a short deadline end as too_late.",
			targets: quantiles("holdfast_backoff_seconds", "0.5", "0.99"),
		},
	}},
	{"Retry budget", []panel{
		{
			title: "How much is in the bank?", unit: "short",
			description: "Tokens in the bank, against the most that it holds (dashed), summed over instances. Full: nothing to " +
				"see. Near zero: retries are paid by the floor or refused, which protects the dependency. It fills up as calls succeed again.",
			targets: []target{
				{"{{pipeline}} tokens", `sum by (pipeline) (holdfast_budget_tokens{@})`},
				{"{{pipeline}} most", `sum by (pipeline) (holdfast_budget_burst_tokens{@})`},
			},
		},
		{
			title: "Who pays for retries?", unit: "reqps",
			description: "bank: by what earlier successes deposited. floor: a trickle for when the bank is empty; in an outage it " +
				"is all there should be. given back: paid for, but never made.",
			targets: []target{
				{"{{pipeline}} {{source}}", `sum by (pipeline, source) (rate(holdfast_budget_withdrawals_total{@}[$__rate_interval]))`},
				{"{{pipeline}} given back", `sum by (pipeline) (rate(holdfast_budget_refunds_total{@}[$__rate_interval]))`},
			},
		},
		{
			title: "Does the budget bite?", unit: "reqps",
			description: "Retries that it refused, and (in shadow, dashed) those that it would have refused. Refusing in an outage " +
				"is its work. Refusing while all is well: Ratio or Burst is too small for the everyday failures.",
			targets: []target{
				{"{{pipeline}} refused", `sum by (pipeline) (rate(holdfast_budget_refused_total{@}[$__rate_interval]))`},
				{"{{pipeline}} would refuse (shadow)", `sum by (pipeline) (rate(holdfast_budget_shadow_refused_total{@}[$__rate_interval]))`},
			},
		},
		{
			title: "Deposits", unit: "reqps",
			description: "Calls that paid something in. None while the bank is full. None while it is empty either: no first " +
				"attempt succeeds, and the bank cannot fill.",
			targets: []target{{"{{pipeline}}", `sum by (pipeline) (rate(holdfast_budget_deposits_total{@}[$__rate_interval]))`}},
		},
	}},
	{"Breaker", []panel{
		{
			title: "Is the breaker open?", unit: "none", states: true,
			description: "The state of each breaker, in words; of several instances, the worst. Open and half-open in turn: it probes, " +
				"and the probes fail. isolated: someone did that by hand, and it stays until it is reset.",
			targets: []target{
				{"{{pipeline}} {{breaker}}", `max by (pipeline, breaker) (holdfast_breaker_state{@,state="half-open"} or 2 * holdfast_breaker_state{@,state="open"} or 3 * holdfast_breaker_state{@,state="isolated"})`},
			},
		},
		{
			title: "In how many instances?", unit: "short", stacked: true,
			description: "Breakers that are not closed. All instances: the dependency is down. One: that instance, or its way to " +
				"the dependency, is at fault.",
			targets: []target{
				{"{{pipeline}} {{state}}", `sum by (pipeline, state) (holdfast_breaker_state{@,state!="closed"})`},
			},
		},
		{
			title: "Breaker transitions", unit: "short",
			description: "Changes of state in each interval. half-open to open: a probe failed. closed to open again and again: " +
				"the dependency stands the probes, but not the traffic.",
			targets: []target{
				{"{{pipeline}} {{from}} to {{to}}", `sum by (pipeline, from, to) (increase(holdfast_breaker_transitions_total{@}[$__rate_interval]))`},
			},
		},
		{
			title: "What does the breaker count?", unit: "short",
			description: "Outcomes in its window, or of its probes, summed over instances; none while it is open. unclassified, of the failures: " +
				"nobody has said what these errors mean; the log names them. slow, of both: longer than slow_call_duration. excluded: says " +
				"nothing about the dependency.",
			targets: []target{
				{"{{pipeline}} {{outcome}}", `sum by (pipeline, outcome) (holdfast_breaker_outcomes{@})`},
			},
		},
		{
			title: "What does the breaker refuse?", unit: "reqps",
			description: "Calls and attempts that found it open, or busy probing. Each is a failure that came at once instead " +
				"of after a timeout, and load that the dependency was spared.",
			targets: []target{
				{"{{pipeline}}", `sum by (pipeline) (rate(holdfast_denials_total{@,stage="breaker"}[$__rate_interval])) or 0 * max by (pipeline) (holdfast_breaker_state{@})`},
			},
		},
	}},
	{"Keys", []panel{
		{
			title: "How many keys are in trouble?", unit: "short",
			description: "Of a Keyed: keys (hosts, shards, tenants) that have a breaker which is not closed, against all that have a " +
				"pipeline (dashed), summed over instances. The log names them. The breakers above are not theirs.",
			targets: []target{
				{"{{pipeline}} in trouble", `sum by (pipeline) (holdfast_keyed_breakers_open{@})`},
				{"{{pipeline}} all keys", `sum by (pipeline) (holdfast_keyed_keys{@})`},
			},
		},
		{
			title: "How many calls found no room for their key?", unit: "reqps",
			description: "Calls of keys beyond Size, which share one breaker and one budget. Above zero, whoever fills the Keyed with " +
				"keys in trouble can have others refused: Size is too small.",
			targets: []target{
				{"{{pipeline}}", `sum by (pipeline) (rate(holdfast_keyed_overflowed_total{@}[$__rate_interval]))`},
			},
		},
	}},
	{"Bulkhead", []panel{
		{
			title: "How full is the bulkhead?", unit: "percentunit", share: true,
			description: "Calls inside, of the most that it lets in. Near 100 %: the dependency has become slow (see the latency of " +
				"attempts), or the traffic has outgrown it.",
			targets: []target{
				{"{{pipeline}} {{bulkhead}}", `sum by (pipeline, bulkhead) (holdfast_bulkhead_in_use{@}) / (sum by (pipeline, bulkhead) (holdfast_bulkhead_capacity{@}) > 0)`},
			},
		},
		{
			title: "What limit has an adaptive bulkhead found?", unit: "short",
			description: "The limit of what is in flight, and what is. No line: there is no limit, since nothing says that the dependency " +
				"has too much to do. A limit for minutes: it has. The log says when it was cut, and why.",
			targets: []target{
				{"{{pipeline}} {{bulkhead}} limit", `sum by (pipeline, bulkhead) (holdfast_bulkhead_limit{@})`},
				{"{{pipeline}} {{bulkhead}} in flight", `sum by (pipeline, bulkhead) (holdfast_bulkhead_in_use{@} and on (job, instance, pipeline, bulkhead) holdfast_bulkhead_limit{@})`},
			},
		},
		{
			title: "How many wait to enter?", unit: "short",
			description: "Calls that wait for a place. They spend their deadline on it: a queue that does not empty only " +
				"delays the refusal.",
			targets: []target{{"{{pipeline}} {{bulkhead}}", `sum by (pipeline, bulkhead) (holdfast_bulkhead_waiting{@})`}},
		},
		{
			title: "What does the bulkhead refuse?", unit: "reqps",
			description: "Calls that found no place. A few in a burst are its work. For minutes: see how full it is, and why.",
			targets: []target{
				{"{{pipeline}}", `sum by (pipeline) (rate(holdfast_denials_total{@,stage="bulkhead"}[$__rate_interval])) or 0 * max by (pipeline) (holdfast_bulkhead_in_use{@})`},
			},
		},
	}},
	{"Fleet", []panel{
		{
			title: "How many pods does the fleet hear of?", unit: "short",
			description: "Pods of each fleet that follow the service, as they hear of each other (dashed: the pod that hears of the " +
				"fewest). The two differ: the fleet has come apart into two, as two stores do it. Fewer than there are: some have " +
				"no news, or do not follow it.",
			targets: []target{
				{"{{fleet}} {{service}}", `max by (fleet, service) (holdfast_fleet_pods{@job})`},
				{"{{fleet}} {{service}} fewest", `min by (fleet, service) (holdfast_fleet_pods{@job})`},
			},
		},
		{
			title: "How many pods see trouble?", unit: "short",
			description: "Pods that have outcomes (dashed), those of them that are failing, and those whose breaker is not closed. Two " +
				"failing, and half of those with outcomes, is what it takes to open the breakers of others whose calls fail too. One alone: look at that pod.",
			targets: []target{
				{"{{fleet}} {{service}} failing", `max by (fleet, service) (holdfast_fleet_pods_failing{@job})`},
				{"{{fleet}} {{service}} open", `max by (fleet, service) (holdfast_fleet_pods_open{@job})`},
				{"{{fleet}} {{service}} with outcomes", `max by (fleet, service) (holdfast_fleet_pods_speaking{@job})`},
			},
		},
		{
			title: "How many breakers does the fleet open?", unit: "short",
			description: "Breakers that were opened on the fleet's advice in each interval, before they would have found out by themselves. " +
				"The breaker's Why in the log begins with \"fleet:\". None in an outage: each pod sees enough by itself, or is apart.",
			targets: []target{
				{"{{fleet}}", `sum by (fleet) (increase(holdfast_fleet_advised_total{@job}[$__rate_interval]))`},
			},
		},
		{
			title: "Who probes, and who goes by itself?", unit: "short",
			description: "Pods that hold the lease to probe: one at a time. And pods that go by themselves for a minute, since their probes " +
				"failed while those of others succeeded: look at that pod's network.",
			targets: []target{
				{"{{fleet}} {{service}} probing", `sum by (fleet, service) (holdfast_fleet_probing{@job})`},
				{"{{instance}}: {{fleet}} {{service}} by itself", `holdfast_fleet_banned{@job} > 0`},
			},
		},
	}},
	{"The fleet's store", []panel{
		{
			title: "How many pods are apart from the store?", unit: "short",
			description: "Pods that have had no news for three ticks, so that every breaker goes by itself. All of them: the store is down. " +
				"Some: their way to it is. Calls notice nothing.",
			targets: []target{{"{{fleet}}", `sum by (fleet) (holdfast_fleet_apart{@job})`}},
		},
		{
			title: "Which share of the ticks has no news?", unit: "percentunit", share: true,
			description: "Of the ticks, those in which the store did not answer in time, or had nothing that could be used. A few are " +
				"harmless: a pod is apart after three in a row. Many: the store is slow, or is asked by too many.",
			targets: []target{
				{"{{fleet}}", `sum by (fleet) (rate(holdfast_fleet_misses_total{@job}[$__rate_interval])) / (sum by (fleet) (rate(holdfast_fleet_ticks_total{@job}[$__rate_interval])) > 0)`},
			},
		},
		{
			title: "How old are the news?", unit: "s",
			description: "The age of what a pod knows of the others, of the pod with the oldest. Below a second, as a rule. It grows " +
				"while a pod is apart.",
			targets: []target{{"{{fleet}} {{service}}", `max by (fleet, service) (holdfast_fleet_news_age_seconds{@job})`}},
		},
		{
			title: "What does the fleet refuse?", unit: "ops",
			description: "Cells and digests that counted for nothing: of another version of Holdfast, as during a rollout, or made by somebody " +
				"else who can write to the store. Not zero for long: find out who writes there.",
			targets: []target{{"{{fleet}}", `sum by (fleet) (rate(holdfast_fleet_refused_total{@job}[$__rate_interval]))`}},
		},
	}},
	{"Configuration file", []panel{
		{
			title: "How many instances refuse the file?", unit: "short",
			description: "Instances whose configuration file is wrong, or not there. They go on with the last good one, but could not start " +
				"again. Not zero: mend the file, and restart nothing.",
			targets: []target{{"{{job}} {{path}}", `sum by (job, path) (holdfast_config_last_reload_successful{@job} == bool 0)`}},
		},
		{
			title: "How long have the numbers been in force?", unit: "s",
			description: "The time since a file was last put into force, in the instance where that is the longest ago, and (dashed) where " +
				"it is the shortest. It falls to zero with each change. The two stay apart after a change: some instances have not seen it.",
			targets: []target{
				{"{{job}} {{path}}", `time() - min by (job, path) (holdfast_config_last_reload_success_timestamp_seconds{@job})`},
				{"{{job}} {{path}} newest", `time() - max by (job, path) (holdfast_config_last_reload_success_timestamp_seconds{@job})`},
			},
		},
		{
			title: "How often does the file change?", unit: "short",
			description: "Files that were read anew in each interval, by what came of it. What changed is in the log, from what to what: " +
				"\"the configuration changed\".",
			targets: []target{
				{"{{path}} {{result}}", `sum by (path, result) (increase(holdfast_config_reloads_total{@job}[$__rate_interval]))`},
			},
		},
	}},
}

// updates marks when somebody changed a pipeline, for two minutes. The first change has no
// series before it, so that its appearance is what there is to see.
const updates = `sum by (pipeline, kind) (increase(holdfast_updates_total{@}[2m])) > 0` +
	` or sum by (pipeline, kind) (holdfast_updates_total{@} unless holdfast_updates_total{@} offset 2m)`

func quantiles(metric string, qs ...string) []target {
	var targets []target
	for _, q := range qs {
		targets = append(targets, target{
			"{{pipeline}} p" + percent[q],
			`histogram_quantile(` + q + `, sum by (pipeline, le) (rate(` + metric + `_bucket{@}[$__rate_interval])))`,
		})
	}
	return targets
}

var percent = map[string]string{"0.5": "50", "0.9": "90", "0.99": "99"}
