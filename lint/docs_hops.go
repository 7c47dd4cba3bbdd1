package lint

var hopDocs = []Doc{
	{cycleOfCalls, Error, "Services that call each other in a circle", `
By the calls in the file, one request may come back to a service that it has passed. With retries on the way,
one request can become any number of them, and a deadlock is near: each waits for places that the other holds.

If the edges are for different operations that do not call on, name them as services of their own. The figures of
other findings leave the edge out that closes the circle.`},
	{unknownService, Error, "A call of a service that is not there", `
calls names a service that the file does not have, so nothing can be said about the way to it.`},
	{layersUnlimited, Warning, "Two layers retry, without budgets", `
One service retries calls, and another one that it reaches, directly or through some that do not, retries as well. If
the inner dependency is down, each attempt of the outer one is a whole call of the inner: attempts multiply,

    attempts = outer × inner (× calls per call)

and as at least one of the two has no budget, or one in shadow, nothing bounds that.

Retry at one layer, the one next to what fails: it knows best what is worth it, and waits least. The outer one should
pass the error on (retry.max_retries: none). Budgets at both bound it too. Take this fix before those that are about the outer
one's attempts and their time: without retries it needs none of them.

Silence it if the outer one retries errors only that the inner cannot return.`},
	{layersLimited, Info, "Two layers retry, with budgets", `
As HF052, but both have a budget: in a long outage they fade to their floors. For a burst, and while only a part of
the calls fail, attempts still multiply, up to (1 + ratio) × (1 + ratio).

Retry at one layer, if you can: the one next to what fails. An attempt of the outer one is then its whole call, and may have all
its time: the fix takes its attempt_deadline off where the inner one's calls need that.`},
	{hopsMultiply, Info, "How retries multiply on the way", `
On a way through several services that retry, each attempt of one is a call of the next:

    attempts per request = Π (attempts of each hop × calls per call)

It is the most there can be, on the way on which it is most: with all attempts failing at once, and as many as fit
before each service's own deadline. With budgets, in a long outage, each hop's factor is 1 + floor / rps
(and the ratio, where arrivals deposit) at the most, once its burst is spent.

It is told of the worst of all ways that begin at one service. It is a figure to know; HF052 and HF053 say which layer should not retry.`},
	{outlasts, Info, "A call that goes on when nobody waits", `
An attempt at the outer service ends at its attempt_deadline (or deadline); the call that is made for it may
take longer. If the ctx's deadline is passed on (gRPC does, HTTP by itself does not), the later retries of the inner one never run;
if not, it works on for a caller that is gone, and perhaps is asked again meanwhile.

    the longest call of the inner ≤ attempt_deadline of the outer

The fix gives attempts of the outer one that long, if they all fit into its deadline; or, if both retry, makes it one attempt
with all its time; and else shortens the inner one's call to what its hastiest caller waits. It is left out where another finding
changes the same settings: mend that one first.

Silence it if the deadline is passed on.`},
}

var silenceDocs = []Doc{
	{unreadable, Error, "Stages that cannot be read", `
The stages of a service have an error, so nothing can be said about them; holdfast.New would refuse them too.`},
	{unknownCode, Info, "A silence for a code that does not exist", `
lint.ignore names a code that no finding has: most likely a slip.`},
	{idleSilence, Info, "A silence that silences nothing", `
lint.ignore names a code that the service has no finding of: it was mended, and the silence stayed. Take it out, so
that it does not hide the next one. Codes that come and go with -pods or other services (HF025, HF026, HF054) may stay.`},
	{noReason, Info, "A silence without a reason", `
Whoever reads the file next wants to know why a finding is of no concern. Without a reason it is not silenced.`},
}
