// Package fleet lets the pods of a program act as one, through a store such as Redis: their
// breakers open together, one pod probes for all, and budgets share their tokens.
//
//	f, err := holdfastfleet.Join(ctx, holdfastfleet.Redis(client), "checkout")
//	…
//	defer f.Leave()
//	f.Follow(services) // what has fleet: on; or name services, or f.Add(pipelines...)
//
// # What it does
//
// Twice a second a pod stores what it has counted, for each breaker that it follows, and hears what
// all pods have counted together.
//
//   - It opens its breaker if its own calls fail, the outcomes of all pods reach the breaker's own
//     numbers, and at least two pods, and half of those with outcomes, are failing. A pod that had a
//     success since the last tick, or whose latest call succeeded, does not open. Breaker.Why says
//     "fleet: 37 of 41 pods, 212 of 215 outcomes failed".
//   - One pod at a time holds a lease, and its breaker probes. The others wait. When a probe
//     succeeds, the others probe within a second, at random. When a round fails, nobody probes for a
//     second, and then another pod does. A breaker with MinOpenFor probes by itself for the first
//     five seconds.
//   - A pod whose probes fail while others succeed goes by itself for a minute.
//   - A budget with Fleet set that runs dry gets tokens which full banks of other pods would have
//     dropped. The pods with traffic divide its Floor. All together never pay for more retries than
//     they would by themselves.
//
// States are not shared: one pod with a broken network opens no other's breaker.
//
// # For all pods at once
//
// With a key ([WithKey]) a human can isolate, reset and tune a service in all pods:
// [Fleet.Isolate], [Fleet.Reset], [Fleet.Tune], [Fleet.Withdraw]. Orders are signed, say who and
// why, and end by themselves. What somebody does by hand on one pod stands above them.
//
// # What it does not do
//
// Nothing of it is on a call's way, and no error of the store reaches a call. After three ticks
// without news, a tick being half a second, every breaker goes by itself, as without a fleet, and
// every floor is whole. The log says so once, and [Fleet.Stats] goes on saying so.
//
// # What is not of this protocol
//
// A cell or digest of another version, or one that is malformed or too long, counts for nothing;
// [Stats.Refused] counts them. Whoever can write to the store can still make up pods. They can open
// no breaker but one whose own calls fail. They can keep breakers that are open from probing, for a
// minute or ten times MaxOpenFor. Orders they can only delete, or play back to a pod that has just
// joined and knows no later one, until it hears of that or the order's time is over.
package fleet
