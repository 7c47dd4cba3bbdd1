package lint

var hopDocs = []Doc{
	{cycleOfCalls, Error, "Services that call each other in a circle", `
By the calls in the file, a request may come back to a service that it has passed. With retries on
the way, one request can become any number of requests. Services can also deadlock: each waits for
places that the other holds.

If the calls are of different operations that do not call each other, name these as services of
their own. The figures of other findings leave out the call that closes the circle.`},
	{unknownService, Error, "A call of a service that is not there", `
calls names a service that the file does not have, so the linter cannot check the way to it.`},
	{layersUnlimited, Warning, "Two layers retry, without budgets", `
A service retries, and so does another one that it calls, directly or through services that do not
retry. If the dependency of the inner one is down, each attempt of the outer one is a whole call of
the inner one: attempts multiply,

    attempts = outer × inner (× calls per call)

and nothing bounds that, since at least one of the two has no budget, or one in shadow.

Retry at one layer: the one next to what fails. It knows best what is worth a retry, and waits
least. The outer one should pass the error on (retry.max_retries: none). Budgets at both bound it
too. Apply this fix before those for the attempts of the outer one and their time: without retries
it needs none of them.

Silence it if the outer one only retries errors that the inner one cannot return.`},
	{layersLimited, Info, "Two layers retry, with budgets", `
As HF052, but both have a budget: in a long outage their retries fall to their floors. While their
banks last, and while only some of the calls fail, attempts still multiply, up to (1 + ratio) × (1 +
ratio).

Retry at one layer, if you can: the one next to what fails. Then a call of the outer one is one
attempt, which may have all the time: the fix turns its attempt_deadline off if the inner one's
calls need that.`},
	{hopsMultiply, Info, "How retries multiply on the way", `
On a path through several services that retry, each attempt of one is a call of the next:

    attempts per request = Π (attempts of each hop × calls per call)

This is the maximum, on the path with the most attempts: all attempts fail at once, and each service
makes as many as fit before its own deadline. With budgets, in a long outage, the factor of each hop
is at most 1 + floor / rps, once its burst is spent (plus the ratio, if arrivals deposit).

It is reported for the worst of all paths that begin at one service. It is for information: HF052
and HF053 say which layer should not retry.`},
	{outlasts, Info, "A call that goes on when nobody waits", `
An attempt at the outer service ends at its attempt_deadline (or deadline), but the call that it
made may take longer. If the ctx's deadline is passed on (gRPC does that, HTTP by itself does not),
the later retries of the inner one never run. If not, the inner one continues to work for a caller
that is gone, and may be called again meanwhile.

    the longest call of the inner ≤ attempt_deadline of the outer

A patient inner one (retry.patient) answers later: it also waits for its places, and for its breaker
to probe. That is in the longest call. Of two that wait, only the inner one should be patient.

The fix makes the outer one's attempt_deadline that long, if all its attempts then fit into its
deadline. Else, if both retry, it makes the outer one's call one attempt with all the time. Else it
shortens the inner one's call to what its least patient caller waits. There is no fix if another
finding changes the same settings: fix that one first.

Silence it if the deadline is passed on.`},
}

var silenceDocs = []Doc{
	{unreadable, Error, "Stages that cannot be read", `
The stages of a service have an error, so the linter cannot check them. holdfast.New would refuse
them too.`},
	{unknownCode, Info, "A silence for a code that does not exist", `
lint.ignore names a code that does not exist: most likely a typing error.`},
	{idleSilence, Info, "A silence that silences nothing", `
lint.ignore names a code of which the service has no finding: it was fixed, and the silence stayed.
Remove it, so that it does not hide the next one. Codes that depend on -pods or on other services
(HF025, HF026, HF054, HF060, HF061) may stay.`},
	{noReason, Info, "A silence without a reason", `
The next reader of the file wants to know why a finding does not matter. Without a reason it is not
silenced.`},
}
