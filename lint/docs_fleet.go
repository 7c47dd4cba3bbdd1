package lint

var fleetDocs = []Doc{
	{onItsStore, Warning, "A fleet that depends on what it watches", `
The calls of this service go to the Redis that the fleet stands on (fleet.store in a file,
lint.Options.Store in code). When that Redis is down, or slow, the fleet has no news, and after
three ticks every breaker goes by itself: so the fleet is gone just when this breaker would need it.
It does no harm to calls, but whoever reads breaker.fleet: on believes in something that is not
there.

The fix takes the service out of the fleet: its breaker and its budget go by themselves. Or give the
fleet a Redis of its own.`},
	{fewPods, Info, "A fleet of few pods", `
A fleet opens breakers sooner because the outcomes of all pods count together, and spares the
dependency the probes because one pod probes for all. Both grow with the number of pods. With fewer
than ten, each pod's breaker sees an outage nearly as soon by itself, a few probes more do no harm,
and the fleet is one more thing that can fail. (Two pods that do not agree open nothing: a fleet of
three is seldom of use at all.)

The number of pods is that of fleet.pods, or of -pods. It is reported once for all services of a
file. Silence it if more pods are to come.`},
	{keysAlone, Info, "Keys that no fleet follows", `
The stages of a holdfast.Keyed are built for each key. A fleet follows none of those breakers, and
pools none of those budgets: there may be too many, strangers may choose the keys, and one key is
often seen by one pod only. So Fleet has no effect in their Configs. It is no error, since the
Configs may come from a file whose defaults have breaker.fleet: on.

A stage that is given to NewKeyed already built (breaker.New) is shared by all keys. A fleet follows
that one with Fleet.Add(keyed.Total()).`},
}
