package lint_test

import (
	"time"

	"github.com/media-gateway/holdfast/lint"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/ratelimit"
	"github.com/media-gateway/holdfast/resilience/retry"
)

const (
	ms  = time.Millisecond
	sec = time.Second
)

// sound is a service without findings. A test changes what it needs.
func sound(change func(f *file)) map[string]file {
	f := file{
		deadline: 2 * sec, attempt: 500 * ms,
		budget:  &budget.Config{Ratio: 0.2, Floor: 0.5, Burst: 5},
		retry:   &retry.Config{MaxRetries: 2, BaseDelay: 50 * ms, Jitter: retry.FullJitter},
		breaker: &breaker.Config{FailureRatio: 0.8, ConsecutiveFailures: 20, OpenFor: sec, MaxOpenFor: 2 * sec},
	}
	change(&f)
	return map[string]file{"payments": f}
}

// limited is sound behind a rate limit.
func limited(change func(f *file, l *ratelimit.Config)) map[string]file {
	return sound(func(f *file) {
		l := ratelimit.Config{Rate: 100}
		change(f, &l)
		f.ratelimit = &l
	})
}

// chain is three services, each calling the next.
func chain(change func(name string, f *file)) map[string]file {
	all := map[string]file{}
	for i, name := range []string{"gateway", "checkout", "payments"} {
		f := sound(func(f *file) {
			f.retry.MaxRetries = 5 - 2*i + i/2 // 5, 3, 2
			f.deadline, f.attempt = 100*sec>>(4*i), 10*sec>>(4*i)
		})["payments"]
		if i < 2 {
			f.calls = []lint.Call{{Service: []string{"checkout", "payments"}[i]}}
		}
		change(name, &f)
		all[name] = f
	}
	return all
}

// cases has, for every code, services that trigger it, the text of the finding, and services that
// nearly trigger it but must not.
var cases = map[string]struct {
	finds  map[string]file
	reads  string
	spares map[string]file
	pods   int
	noFix  bool // there is nothing to change
}{
	"HF001": {
		finds:  sound(func(f *file) { f.retry.MaxRetries = 5 }),
		reads:  "5 retries need up to 4.55 s; the deadline is 2 s: the 4th and 5th can never run if attempts take their whole 500 ms",
		spares: sound(func(f *file) { f.retry.MaxRetries = 3 }),
	},
	"HF002": {
		finds: sound(func(f *file) {
			f.retry = &retry.Config{MaxRetries: 4, BaseDelay: sec, Jitter: retry.AdditiveJitter(0.3), MinAttempt: 100 * ms}
		}),
		reads:  "of 4 retries, the 2nd to 4th can never run, even if every attempt fails at once: the pauses before the 2nd take at least 3 s, and the deadline is 2 s",
		spares: sound(func(f *file) { f.retry.BaseDelay, f.retry.Jitter = 400*ms, retry.AdditiveJitter(0.3) }),
	},
	"HF003": {
		finds:  sound(func(f *file) { f.retry.MaxRetries = 3 }),
		reads:  "the 3rd retry may have only 150 ms of its 500 ms before the deadline of 2 s, if the attempts before it take theirs in full",
		spares: sound(func(f *file) { f.retry.MaxRetries, f.deadline = 3, 2100*ms }),
	},
	"HF004": {
		finds:  sound(func(f *file) { f.attempt = 0 }),
		reads:  "without an attempt_deadline, an attempt that hangs takes the whole 2 s of the call, and nothing is left for 2 retries",
		spares: sound(func(f *file) { f.attempt, f.retry.MaxRetries = 0, retry.None }),
	},
	"HF005": {
		finds:  sound(func(f *file) { f.deadline, f.attempt = 0, 0 }),
		reads:  "there is no deadline, and attempts have no deadline either: nothing but its caller ends a call",
		spares: sound(func(f *file) { f.deadline = 0 }),
	},
	"HF006": {
		finds:  sound(func(f *file) { f.attempt, f.retry.MaxRetries = 1900*ms, 1 }),
		reads:  "an attempt may take 1.9 s of the call's 2 s: one that hangs leaves 100 ms for 1 retry",
		spares: sound(func(f *file) { f.attempt = 1600 * ms }),
	},
	"HF007": {
		finds:  sound(func(f *file) { f.retry.MinAttempt = 501 * ms }),
		reads:  "min_attempt 501 ms is more than an attempt may take (500 ms), so retries are given up that had all the time there is",
		spares: sound(func(f *file) { f.retry.MinAttempt = 500 * ms }),
	},
	"HF008": {
		finds:  sound(func(f *file) { f.deadline = 0 }),
		reads:  "there is no deadline; attempts and pauses bound a call, at 1.65 s",
		spares: sound(func(f *file) { f.deadline, f.attempt = 0, 0 }),
	},
	"HF009": {
		finds:  sound(func(f *file) { f.attempt, f.retry.MaxRetries = 400*ms, 4 }),
		reads:  "4 retries need up to 2.75 s; the deadline is 2 s: if attempts take their whole 400 ms, the 4th can run only where chance makes pauses short",
		spares: sound(func(f *file) { f.attempt, f.retry.MaxRetries = 400*ms, 5 }),
	},
	"HF010": {
		finds:  sound(func(f *file) { f.retry.Jitter = retry.NoJitter }),
		reads:  "no jitter: callers that fail together all come back together, 50 ms later",
		spares: sound(func(f *file) { f.retry.Jitter, f.retry.MaxRetries = retry.NoJitter, retry.None }),
	},
	"HF011": {
		finds:  sound(func(f *file) { f.retry.BaseDelay, f.retry.MaxDelay = 200*time.Microsecond, 20*ms }),
		reads:  "jitter moves no pause by more than 400 µs: callers that fail together come back together",
		spares: sound(func(f *file) { f.retry.BaseDelay = 500 * time.Microsecond }),
	},
	"HF012": {
		finds:  sound(func(f *file) { f.retry.MaxRetries, f.deadline, f.budget = retry.Unlimited, 0, nil }),
		reads:  "retries have no limit: not by number, by a deadline, nor by a budget that refuses",
		spares: sound(func(f *file) { f.retry.MaxRetries, f.deadline = retry.Unlimited, 0 }),
	},
	"HF013": {
		finds:  sound(func(f *file) { f.budget = nil }),
		reads:  "no budget: in an outage every call becomes up to 3 attempts",
		spares: sound(func(f *file) { f.budget, f.retry = nil, nil }),
	},
	"HF014": {
		finds: sound(func(f *file) { f.retry.Backoff = retry.BackoffFunc(func(int) time.Duration { return 0 }) }),
		reads: "code of your own makes the pauses; they are taken for 0 here", noFix: true,
		spares: sound(func(f *file) { f.retry.Backoff = retry.Fibonacci }),
	},
	"HF015": {
		finds:  sound(func(f *file) { f.budget.Ratio, f.budget.Floor, f.budget.Initial = -1, -1, -1 }),
		reads:  "the budget has neither a ratio nor a floor, and its bank begins empty: none of the 2 retries is ever paid for",
		spares: sound(func(f *file) { f.budget.Ratio, f.budget.Floor, f.budget.Initial = -1, 0.01, -1 }),
	},
	"HF016": {
		finds: sound(func(f *file) {
			f.retry.Patient, f.budget.Shadow, f.breakerPerCall = true, true, true
		}),
		reads:  "the loop is patient, and no call of it ever waits: neither a budget nor a stage inside the loop refuses anything",
		spares: sound(func(f *file) { f.retry.Patient, f.budget = true, nil }), // the breaker refuses
	},
	"HF017": {
		finds:  sound(func(f *file) { f.retry.QueueLimit = 50 }),
		reads:  "queue_limit lets 50 calls wait, and none does: the loop is not patient",
		spares: sound(func(f *file) { f.retry.QueueLimit, f.retry.Patient = 50, true }),
	},
	"HF018": {
		finds:  sound(func(f *file) { f.retry.QueueLimit, f.retry.Patient = -1, true }),
		reads:  "while all is refused each call waits for 75 ms on average, and nothing bounds how many do",
		spares: sound(func(f *file) { f.retry.QueueLimit, f.retry.Patient, f.rps = -1, true, 200 }),
	},
	"HF019": {
		finds:  sound(func(f *file) { f.retry.QueueLimit, f.retry.Patient, f.rps = 10, true, 200 }),
		reads:  "while all is refused at 200/s, each call waits for 75 ms on average, which makes 15 calls at once: 10 may, and the others fail at once",
		spares: sound(func(f *file) { f.retry.QueueLimit, f.retry.Patient, f.rps = 15, true, 200 }),
	},
	"HF020": {
		finds:  sound(func(f *file) { f.budget.Shadow = true }),
		reads:  "the budget is in shadow: it counts what it would refuse, and in an outage every call becomes up to 3 attempts",
		spares: sound(func(f *file) { f.budget.Shadow, f.retry.MaxRetries = true, retry.None }),
	},
	"HF021": {
		finds:  sound(func(f *file) { f.budget.Floor, f.rps = 1, 2 }),
		reads:  "the floor of 1/s dwarfs what the ratio pays for at 2/s (0.4/s): in an outage it allows up to 0.5 retries per call",
		spares: sound(func(f *file) { f.budget.Floor, f.rps = 1, 5 }),
	},
	"HF022": {
		finds:  sound(func(f *file) { f.budget.Burst, f.rps = 10_000, 100 }),
		reads:  "a full bank of 10000 pays for every retry of the first 50 s of an outage at 100/s: as good as no budget, for that long",
		spares: sound(func(f *file) { f.budget.Burst, f.rps = 1900, 100 }),
	},
	"HF023": {
		finds:  sound(func(f *file) { f.budget.Ratio = 20 }),
		reads:  "ratio 20: even where half of the first attempts fail, the budget pays for that many retries of each, so it limits little",
		spares: sound(func(f *file) { f.budget.Ratio, f.budget.SlowCost = 4.99, 5 }),
	},
	"HF024": {
		finds:  sound(func(f *file) { f.budget.DepositOn = budget.Arrival }),
		reads:  "calls deposit whether they succeed or not: in an outage the budget goes on paying for 0.2 retries per call",
		spares: sound(func(f *file) { f.budget.DepositOn, f.budget.Ratio = budget.Arrival, -1 }),
	},
	"HF025": {
		finds:  sound(func(f *file) { f.rps = 100 }),
		reads:  "in an outage at 100/s there are up to 1.005 attempts per call, once the bank's 5 retries are spent; without the budget up to 3",
		spares: sound(func(*file) {}), noFix: true,
	},
	"HF026": {
		finds:  sound(func(f *file) { f.rps = 100 }),
		reads:  "in an outage the banks of 200 instances pay for up to 1000 retries at once, and their floors for 100/s after that, beside 20000/s calls: up to 1.005 attempts per call, and without the budget up to 3",
		spares: sound(func(f *file) { f.retry.MaxRetries = retry.None }), noFix: true, pods: 200,
	},
	"HF027": {
		finds:  sound(func(f *file) { f.budget.Ratio, f.budget.Floor = -1, -1 }),
		reads:  "the budget has neither a ratio nor a floor: it pays for 5 retries in the life of the process, and for none after that",
		spares: sound(func(f *file) { f.budget.Ratio, f.budget.Floor = 0.01, -1 }),
	},
	"HF028": {
		finds:  sound(func(f *file) { f.breaker.Window = 500 * ms }),
		reads:  "an attempt may take 500 ms and the window is 500 ms: failure_ratio never counts one that hangs, and only 20 failures in a row open the breaker",
		spares: sound(func(f *file) { f.breaker.Window = sec }),
	},
	"HF029": {
		finds: sound(func(f *file) { f.rps, f.budget.Floor = 0.1, -1 }),
		reads: "at 0.1/s the window of 10 s holds at most 3 outcomes, of which failure_ratio needs 20, and it takes about 2.5 min of an outage until 20 failures in a row open the breaker",
		spares: sound(func(f *file) {
			f.rps, f.budget.Floor, f.breaker.ConsecutiveFailures = 0.1, -1, 5
		}),
	},
	"HF030": {
		finds:  sound(func(f *file) { f.breaker.Window, f.breaker.ConsecutiveFailures = 500*ms, -1 }),
		reads:  "an attempt may take 500 ms and the window is 500 ms: the outcome of one that hangs is forgotten before it is known, so hanging never opens the breaker",
		spares: sound(func(f *file) { f.breaker.Window = 500 * ms }),
	},
	"HF031": {
		finds:  sound(func(f *file) { f.rps, f.breaker.ConsecutiveFailures = 0.1, -1 }),
		reads:  "at 0.1/s the window of 10 s holds at most 3 outcomes of an outage on average; failure_ratio counts from 20 on, so the breaker practically never opens",
		spares: sound(func(f *file) { f.rps, f.breaker.ConsecutiveFailures = 0.1, 20 }),
	},
	"HF032": {
		finds: sound(func(f *file) {
			f.rps, f.breaker.MinRequests, f.breaker.ConsecutiveFailures, f.breakerPerCall = 1, 30, 8, true
		}),
		reads:  "at 1/s the window of 10 s holds at most 10 outcomes of an outage on average; failure_ratio counts from 30 on, so only 8 failures in a row open the breaker",
		spares: sound(func(f *file) { f.rps, f.breaker.MinRequests, f.breakerPerCall = 1, 20, true }),
	},
	"HF033": {
		finds: sound(func(f *file) {
			f.deadline, f.attempt, f.rps, f.retry.MaxRetries, f.breaker.ConsecutiveFailures = 20*sec, 9500*ms, 4, retry.None, -1
		}),
		reads: "attempts that hang take 9.5 s of the window of 10 s, so at 4/s it holds at most 2 outcomes of them on average; failure_ratio counts from 20 on, so hanging practically never opens the breaker",
		spares: sound(func(f *file) {
			f.deadline, f.attempt, f.rps, f.retry.MaxRetries = 20*sec, 9500*ms, 4, retry.None
		}),
	},
	"HF034": {
		finds:  sound(func(f *file) { f.breaker.ConsecutiveFailures, f.rps = 3, 200 }),
		reads:  "where 10 % of the attempts fail, 3 failures in a row come about once in 1100 attempts (5.5 s at 200/s): an ordinary bad day opens the breaker",
		spares: sound(func(f *file) { f.breaker.ConsecutiveFailures, f.rps = 6, 200 }), // once in 93 minutes
	},
	"HF035": {
		finds:  sound(func(f *file) { f.breaker.ConsecutiveFailures, f.rps = 10, 200 }),
		reads:  "where 50 % of the attempts fail, 10 failures in a row come about once in 2000 attempts (10 s at 200/s) and open the breaker, though failure_ratio bears 80 %",
		spares: sound(func(f *file) { f.breaker.ConsecutiveFailures, f.breaker.FailureRatio, f.rps = 10, 0.5, 200 }),
	},
	"HF036": {
		finds:  sound(func(f *file) { f.breaker.ProbeTimeout = 400 * ms }),
		reads:  "a probe may take 500 ms, and counts as failed after 400 ms: a dependency that answers slowly may never close the breaker",
		spares: sound(func(f *file) { f.breaker.ProbeTimeout = 500 * ms }),
	},
	"HF037": {
		finds:  sound(func(f *file) { f.breaker.ProbeTimeout, f.deadline, f.attempt = -1, 0, 0 }),
		reads:  "neither probe_timeout nor a deadline ends a probe: one that hangs keeps the breaker half-open, and all other calls out, for ever",
		spares: sound(func(f *file) { f.breaker.ProbeTimeout = -1 }),
	},
	"HF038": {
		finds:  sound(func(f *file) { f.breaker.HalfOpenProbes, f.breaker.FailureRatio = 20, -1 }),
		reads:  "20 probes in a row have to succeed: where 10 % of the attempts fail, that is one round in 8.2",
		spares: sound(func(f *file) { f.breaker.HalfOpenProbes = 20 }),
	},
	"HF039": {
		finds:  sound(func(f *file) { f.breaker.MaxOpenFor, f.rps = time.Minute, 200 }),
		reads:  "after a long outage the breaker may keep calls out for up to 75 s after the dependency is back, 15000 calls at 200/s",
		spares: sound(func(f *file) { f.breaker.MaxOpenFor, f.rps = 30*sec, 200 }),
	},
	"HF040": {
		finds:  sound(func(f *file) { f.bulkhead, f.rps = &bulkhead.Config{}, 200 }),
		reads:  "64 places at 200/s are full, and refuse calls, once a call takes 320 ms on average, of the 1.65 s that it may take",
		spares: sound(func(f *file) { f.bulkhead, f.rps = &bulkhead.Config{MaxConcurrent: 330}, 200 }),
	},
	"HF041": {
		finds:  sound(func(f *file) { f.bulkhead, f.rps = &bulkhead.Config{MaxConcurrent: 2000}, 200 }),
		reads:  "at 200/s no more than 330 are in flight on average even if all hang for their whole 1.65 s: 2000 places are never full",
		spares: sound(func(f *file) { f.bulkhead, f.rps = &bulkhead.Config{MaxConcurrent: 700}, 200 }),
	},
	"HF042": {
		finds: sound(func(f *file) { f.bulkhead, f.bulkheadOutermost = &bulkhead.Config{MaxWait: -1}, true }),
		reads: "calls wait for one of 64 places as long as their callers let them: neither a deadline here nor queue_limit bounds the queue",
		spares: sound(func(f *file) {
			f.bulkhead, f.bulkheadOutermost = &bulkhead.Config{MaxWait: -1, QueueLimit: 100}, true
		}),
	},
	"HF043": {
		finds:  sound(func(f *file) { f.bulkhead = &bulkhead.Config{MaxWait: -1} }),
		reads:  "a call may wait for a place in the bulkhead until its deadline of 2 s is over, or nearly so, and then it is too late to make it",
		spares: sound(func(f *file) { f.bulkhead = &bulkhead.Config{MaxWait: 1999 * ms} }),
	},
	"HF044": {
		finds:  sound(func(f *file) { f.bulkhead = &bulkhead.Config{QueueLimit: 100} }),
		reads:  "a queue of 100 calls, and none can wait in it: max_wait is 0 s",
		spares: sound(func(f *file) { f.bulkhead = &bulkhead.Config{QueueLimit: 100, MaxWait: ms} }),
	},
	"HF045": {
		finds:  sound(func(f *file) { f.breaker.SlowCallDuration = 500 * ms }),
		reads:  "an attempt may take 500 ms, and is slow beyond 500 ms: what is in time never is, so slow calls never open the breaker",
		spares: sound(func(f *file) { f.breaker.SlowCallDuration = 499 * ms }),
	},
	"HF046": {
		finds:  sound(func(f *file) { f.breaker.IgnoreUnclassified = true }),
		reads:  "errors that nobody has classified are left out: an outage that shows itself in such errors never opens the breaker",
		spares: sound(func(f *file) { f.breaker.IgnoreUnclassified = false }),
	},
	"HF047": {
		finds:  limited(func(f *file, l *ratelimit.Config) { f.rps, l.Rate, l.Burst = 200, 50, 100 }),
		reads:  "200/s arrive, and 50/s pass: 75 % of the calls are refused, or wait in vain",
		spares: limited(func(f *file, l *ratelimit.Config) { f.rps, l.Rate = 200, 200 }),
	},
	"HF048": {
		finds:  limited(func(_ *file, l *ratelimit.Config) { l.Rate = 200 }),
		reads:  "the limit of 200/s counts calls, and each may become up to 3 attempts: the dependency may get up to 600/s",
		spares: limited(func(f *file, _ *ratelimit.Config) { f.retry.MaxRetries = retry.None }),
		noFix:  true, // only the dependency knows whether retries count
	},
	"HF049": {
		finds:  limited(func(_ *file, l *ratelimit.Config) { l.Rate, l.MaxWait = 0.3, 3*sec }),
		reads:  "a call may wait 3 s for a token, and tokens come 3.333 s apart: most that find none cannot wait for the next",
		spares: limited(func(_ *file, l *ratelimit.Config) { l.Rate, l.MaxWait = 0.5, 2*sec }),
	},
	"HF050": {
		finds: chain(func(name string, f *file) {
			if name == "payments" {
				f.calls = []lint.Call{{Service: "gateway"}}
			}
		}),
		reads:  "services call each other in a circle: checkout → payments → gateway → checkout; a retry of one comes back to it",
		spares: chain(func(string, *file) {}),
	},
	"HF051": {
		finds:  sound(func(f *file) { f.calls = []lint.Call{{Service: "ledger"}} }),
		reads:  `calls "ledger", and there is no such service`,
		spares: chain(func(string, *file) {}),
	},
	"HF052": {
		finds: chain(func(name string, f *file) {
			if name == "checkout" {
				f.retry.MaxRetries = retry.None // it does not retry, and passes calls on
			}
			if name == "payments" {
				f.budget = nil
			}
		}),
		reads:  "gateway retries, and so does payments, which it reaches: up to 6 × 3 = 18 attempts at payments for one request; payments has no budget that limits it",
		spares: chain(func(string, *file) {}),
	},
	"HF053": {
		finds: chain(func(name string, f *file) {
			if name == "payments" {
				f.retry.MaxRetries = retry.None
			}
		}),
		reads: "gateway retries, and so does checkout, which it reaches: up to 6 × 4 = 24 attempts at checkout for one request; their budgets bound it in a long outage",
		spares: chain(func(name string, f *file) {
			if name != "payments" {
				f.retry.MaxRetries = retry.None
			}
		}),
	},
	"HF054": {
		finds: chain(func(_ string, f *file) { f.rps = 100 }),
		reads: "gateway → checkout → payments: up to 6 × 4 × 3 = 72 attempts for one request if payments is down; with the budgets up to 1.015, once the banks are spent",
		spares: chain(func(name string, f *file) {
			if name != "payments" {
				f.retry.MaxRetries = retry.None
			}
		}),
		noFix: true,
	},
	"HF055": {
		finds: chain(func(name string, f *file) {
			if name == "checkout" {
				f.deadline, f.attempt = 30*sec, 11*sec
			}
		}),
		reads:  "an attempt at gateway is given up after 10 s, and the call of checkout that is made for it may go on for up to 30 s",
		spares: chain(func(string, *file) {}),
	},
	"HF060": {
		finds:  sound(func(f *file) { f.store, f.breaker.Fleet, f.budget.Fleet = true, true, true }),
		reads:  "its calls go to the store that the fleet stands on: when that is down, there is no fleet to open its breaker or to pool its budget",
		spares: sound(func(f *file) { f.store = true }),
	},
	"HF061": {
		finds:  sound(func(f *file) { f.breaker.Fleet = true }),
		reads:  "a fleet of 9 instances shares its breaker: with fewer than 10, each one's own does nearly as well",
		spares: sound(func(f *file) { f.budget.Fleet = true }), pods: 9,
	},
	"HF062": {
		finds:  sound(func(f *file) { f.keyed, f.breaker.Fleet, f.budget.Fleet = true, true, true }),
		reads:  "each key has a breaker and a budget of its own, and no fleet takes care of those: breaker.fleet and budget.fleet have no effect",
		spares: sound(func(f *file) { f.breaker.Fleet, f.budget.Fleet = true, true }),
	},
	"HF090": {
		finds: sound(func(f *file) { f.retry.BaseDelay, f.breaker.Window = -1, -1 }),
		reads: "its stages cannot be read: stage 3: retry: BaseDelay is -1ns; want a positive duration, or 0 for the default (100ms); stage 4: breaker: Window is -1ns; want a positive duration, or 0 for the default (10s)", noFix: true,
		spares: sound(func(*file) {}),
	},
	"HF091": {
		finds:  sound(func(f *file) { f.silenced = []lint.Silence{{Code: "HF999", Reason: "no"}} }),
		reads:  `"HF999" is silenced, and no finding has that code`,
		spares: sound(func(f *file) { f.silenced = []lint.Silence{{Code: "HF001", Reason: "no"}} }),
	},
	"HF092": {
		finds: sound(func(f *file) { f.silenced = []lint.Silence{{Code: "HF001", Reason: "was so once"}} }),
		reads: "HF001 is silenced, and there is no such finding",
		spares: sound(func(f *file) {
			f.retry.MaxRetries, f.silenced = 5, []lint.Silence{{Code: "HF001", Reason: "failures come at once"}}
		}),
	},
	"HF093": {
		finds: sound(func(f *file) { f.retry.MaxRetries, f.silenced = 5, []lint.Silence{{Code: "HF001", Reason: " "}} }),
		reads: "HF001 is silenced without a reason, so it is not silenced", noFix: true,
		spares: sound(func(f *file) {
			f.retry.MaxRetries, f.silenced = 5, []lint.Silence{{Code: "HF001", Reason: "failures come at once"}}
		}),
	},
}
