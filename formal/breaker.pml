/*
 * The circuit breaker of resilience/breaker, as machine.go, round.go and probes.go have it.
 * README.md says what is proven with it, and within what bounds. check.sh runs it.
 *
 * Time is a number of ticks. A window or a round of probes has an id, which stands for the pointer
 * that the Go code compares. An id is used again only when no call holds it, as with pointers.
 *
 * Each operation that the Go code does under the machine's lock is one atomic step here. A failure
 * that opens a closed breaker is two: it is counted under the window's lock, and then it trips the
 * machine. -DONE_STEP makes that one step, for runs that are replayed against the Go code.
 *
 * The lines that begin with @ are what formal/breaker_test.go replays.
 */

/* The bounds. */
#ifndef CALLS
#define CALLS 2 /* calls at once */
#endif
#ifndef PROBES
#define PROBES 2 /* HalfOpenProbes */
#endif
#ifndef MIN_GOOD
#define MIN_GOOD 0 /* MinSuccesses; 0: off, and one failure loses a round */
#endif
#ifndef HANDS
#define HANDS 2 /* how often somebody isolates, resets or updates */
#endif
#ifndef REST
#define REST 0 /* steps between; more only where runs are drawn at random */
#endif
#ifndef GIVE_UPS
#define GIVE_UPS 2 /* callers who give up while the dependency is well */
#endif
#ifndef WELL
#define WELL true /* the dependency may be well from some time on */
#endif
#define ROW 2 /* ConsecutiveFailures; the ratios are off */
#define TIMEOUT 2 /* ProbeTimeout, in ticks */
#define PAUSE 1 /* OpenFor, in ticks */
#define MAX_PAUSE 2 /* MaxOpenFor */
#ifndef SCRATCH
#define SCRATCH hidden /* no part of the state */
#endif
#define OLDEST (TIMEOUT + MAX_PAUSE) /* beyond it, the age of a place makes no difference */

/* The mistakes. Each breaks one rule, and has to be found. */
#ifndef STALE_PROBE
#define STALE_PROBE 0 /* a probe's failure counts after its round is over */
#endif
#ifndef STALE_CALL
#define STALE_CALL 0 /* a call's failure opens the breaker after its window is over */
#endif
#ifndef HANGS_FOREVER
#define HANGS_FOREVER 0 /* ProbeTimeout ends nothing */
#endif
#ifndef TIME_RENEWED
#define TIME_RENEWED 0 /* a probe without an outcome leaves its place, but not its time */
#endif
#ifndef GATE_FORGETS
#define GATE_FORGETS 0 /* a probe that has its outcome makes room for one more */
#endif
#ifndef NO_MARK
#define NO_MARK 0 /* a call inside a probe is not known as a part of it */
#endif
#ifndef ISOLATE_KEEPS
#define ISOLATE_KEEPS 0 /* Isolate leaves the round in force */
#endif

mtype = { closed, open, halfopen, isolated }
mtype = { idle, normal, trips, probe, hung }
mtype = { ok, fail, none }
mtype = { part, refused, passes }

/* The status, and what its window or round holds. */
mtype state = closed
byte id = 1 /* of the window or round; 0 while open or isolated */
byte row[CALLS + 2] /* of a window, by its id: failures in a row */
byte left /* open: ticks until it is due */
bit failed /* of the rounds since it was closed; more than one doubles no further */
byte good, bad /* half-open: outcomes */
byte gate /* half-open: probes that gobreaker counts */
byte places /* half-open: those that are taken, the oldest first */
byte age[PROBES] /* of a place, in ticks */
byte who[PROBES] /* the call there plus 1; 0: it ended without an outcome */

/* The calls. */
mtype phase[CALLS] = idle
byte ref[CALLS] /* the id of the window or round that the call is of */
bool sick[CALLS] /* it began while the dependency was not well */
byte again[CALLS] /* 1: it passed the breaker once more; 2: and was refused there */
byte ran[CALLS] /* ticks, of a probe of a dependency that is well */

/* The world. */
bool well /* the dependency is, from now on */
byte hands, giveUps

/* Only the claims read these. */
bool fresh[CALLS] /* no change of state since the call passed the breaker */
bool byHand /* Isolate, and no Reset since */
bool wrong /* a claim was broken */

SCRATCH byte i, n, over /* written before they are read, in each step */

#define PAUSE_NOW (failed -> MAX_PAUSE : PAUSE)
#define EXPIRED (!HANGS_FOREVER && state == halfopen && places > 0 && age[0] >= TIMEOUT)

inline claim(holds) {
	if
	:: holds
	:: else -> wrong = true
	fi
}

/* forget empties the window of that id when it is over, or, where that makes a difference, when no
   call holds it any more. */
inline forget(is) {
	n = 0
	for (i : 0 .. CALLS - 1) {
		if
		:: phase[i] != idle && ref[i] == is -> n++
		:: else
		fi
	}
	if
	:: n == 0 || !STALE_CALL -> row[is] = 0
	:: else
	fi
}

/* set stores a status. What was counted, and the calls in flight, are of the one before. */
inline set(to) {
	state = to
	forget(id)
	good = 0; bad = 0; gate = 0; places = 0; left = 0
	for (i : 0 .. PROBES - 1) { age[i] = 0; who[i] = 0 }
	for (i : 0 .. CALLS - 1) { fresh[i] = false }
	if
	:: to == closed || to == halfopen ->
		id = 0
		do
		:: id++
			n = 0
			for (i : 0 .. CALLS - 1) {
				if
				:: phase[i] != idle && ref[i] == id -> n++
				:: else
				fi
			}
			if
			:: n == 0 -> break
			:: else
			fi
		od
	:: else -> id = 0
	fi
	claim(byHand == (state == isolated)) /* isolated stays isolated until Reset */
}

/* opens follows a closed breaker, or a round that failed so many ticks ago. */
inline opens(ago) {
	failed = (state == closed -> 0 : 1)
	set(open)
	left = (PAUSE_NOW > ago -> PAUSE_NOW - ago : 0)
}

inline closes() {
	failed = 0
	set(closed)
}

/* settle ends a round whose time was over, at the moment at which it was. */
inline settle() {
	if
	:: EXPIRED ->
		over = age[0] - TIMEOUT
		opens(over)
	:: else
	fi
}

/* drop takes a place away. */
inline drop(at) {
	for (i : at .. PROBES - 1) {
		if
		:: i + 1 < PROBES -> age[i] = age[i + 1]; who[i] = who[i + 1]
		:: else -> age[i] = 0; who[i] = 0
		fi
	}
	places--
}

/* find sets n to the place of a call. */
inline find(c) {
	n = 0
	do
	:: n < places && who[n] != c + 1 -> n++
	:: else -> break
	od
	assert(n < places)
}

/* enter asks for admission. It sets came to passes (counted as closed), probe, part or refused. */
inline enter(c, inner, came) {
	settle()
	if
	:: state == closed -> came = passes
	:: state == isolated || state == open && left > 0 -> came = refused
	:: else ->
		if
		:: inner && !NO_MARK && phase[c] == probe && ref[c] == id -> came = part
		:: else ->
			if
			:: state == open -> set(halfopen) /* the first is never refused */
			:: else
			fi
			if
			:: gate >= PROBES -> came = refused
			:: else ->
				gate++
				came = probe
				n = 0
				do
				:: n < places && who[n] != 0 -> n++
				:: else -> break
				od
				if
				:: n == places -> places++; age[n] = 0
				:: else
				fi
				who[n] = (inner -> CALLS + 1 : c + 1)
				/* No more than HalfOpenProbes are under way or have their outcome. */
				over = good + bad + 1
				for (i : 0 .. CALLS - 1) {
					if
					:: (phase[i] == probe || phase[i] == hung) && fresh[i] -> over++
					:: else
					fi
				}
				claim(over <= PROBES)
			fi
		fi
	fi
	claim(came == refused || !byHand) /* isolated keeps every call out */
}

#if MIN_GOOD
#define LOST (bad > PROBES - MIN_GOOD)
#define WON (good == MIN_GOOD)
#else
#define LOST (bad > 0)
#define WON (good + bad == PROBES)
#endif

/* counts counts what came of a probe at place n of the round in force. */
inline counts(o) {
	if
	:: o == none ->
		gate--
		if
		:: TIME_RENEWED -> drop(n)
		:: else -> who[n] = 0
		fi
	:: else ->
		if
		:: o == ok -> good++
		:: else -> bad++
		fi
		if
		:: LOST -> opens(0)
		:: !LOST && WON -> closes()
		:: else ->
			drop(n)
			if
			:: GATE_FORGETS -> gate--
			:: else
			fi
		fi
	fi
}

/* leave says what came of a probe. */
inline leave(c, o) {
	settle()
	if
	:: ref[c] == id ->
		claim(fresh[c]) /* a stale result changes nothing */
		find(c)
		counts(o)
	:: STALE_PROBE && ref[c] != id && o == fail ->
		opens(0)
		claim(fresh[c])
	:: else
	fi
	phase[c] = idle
}

/* tally counts what came of a call that a closed breaker let pass, in the window that was in force
   then. Nobody asks one that is over, so it need not be counted there. */
inline tally(c, o) {
	phase[c] = idle
	if
	:: ref[c] != id && !STALE_CALL
	:: (ref[c] == id || STALE_CALL) && o == ok -> row[ref[c]] = 0
	:: (ref[c] == id || STALE_CALL) && o == fail ->
		if
		:: row[ref[c]] < ROW -> row[ref[c]]++
		:: else
		fi
		if
		:: row[ref[c]] == ROW -> phase[c] = trips
		:: else
		fi
	:: else
	fi
#ifdef ONE_STEP
	if
	:: phase[c] == trips -> opensWindow(c)
	:: else
	fi
#endif
}

inline opensWindow(c) {
	if
	:: ref[c] == id || STALE_CALL ->
		claim(fresh[c])
		phase[c] = idle
		opens(0)
	:: else -> phase[c] = idle
	fi
}

/* outcome picks how a call ends. Of a dependency that is well all succeed, but for some callers who
   give up. A call that was refused inside says nothing about the dependency. */
inline outcome(c, o) {
	if
	:: again[c] != 2 && (sick[c] || !well) -> o = fail
	:: again[c] != 2 -> o = ok
	:: again[c] == 2 || sick[c] || !well -> o = none
	:: again[c] != 2 && !sick[c] && well && giveUps < GIVE_UPS -> giveUps++; o = none
	fi
}

/* reset forgets what a call that is over has left. */
inline reset(c) {
	if
	:: phase[c] == idle ->
		if
		:: ref[c] != id -> forget(ref[c])
		:: else
		fi
		ref[c] = 0; sick[c] = false; again[c] = 0; ran[c] = 0; fresh[c] = false
	:: else
	fi
}

/* say prints an event, and what State and Counts say after it. Then the claims are looked at: so a
   counter-example ends with the event that breaks one. */
#define SEEN_OPEN (age[0] - TIMEOUT >= MAX_PAUSE -> halfopen : open)
#define SEEN (EXPIRED -> SEEN_OPEN : (state == open && left == 0 -> halfopen : state))
#define say(args) \
	printf args; printf(" | %e %d %d %d\n", SEEN, (state == closed -> row[id] : 0), (EXPIRED -> 0 : good), (EXPIRED -> 0 : bad)); \
	assert(!wrong)

proctype call(byte c) {
	mtype came, o
	do
	:: atomic { phase[c] == idle ->
		enter(c, false, came)
		if
		:: came == refused
		:: else ->
			phase[c] = (came == probe -> probe : normal)
			ref[c] = id
			fresh[c] = true
			sick[c] = !well
		fi
		say(("@ begin %d %e", c, came))
		came = 0
	}
	:: atomic { phase[c] == probe && sick[c] && again[c] != 2 -> phase[c] = hung; say(("@ hangs %d 0", c)) }
	:: atomic { phase[c] == normal || phase[c] == probe || phase[c] == hung && !fresh[c] ->
		outcome(c, o)
		if
		:: phase[c] == normal -> tally(c, o)
		:: else -> leave(c, o)
		fi
		say(("@ end %d %e", c, o))
		reset(c)
		o = 0
	}
	:: atomic { phase[c] == trips -> opensWindow(c); reset(c); assert(!wrong) }
	:: atomic { (phase[c] == normal || phase[c] == probe) && again[c] == 0 ->
		/* It passes the breaker once more, under its own ctx, and what is inside ends at once. */
		again[c] = 1
		enter(c, true, came)
		if
		:: came == refused -> again[c] = 2; o = none
		:: came == part -> o = none
		:: came == passes || came == probe ->
			if
			:: o = ok
			:: !well -> o = fail
			:: !well -> o = none
			fi
			if
			:: came == passes && o == ok -> row[id] = 0
			:: came == passes && o == fail ->
				row[id]++
				if
				:: row[id] == ROW -> opens(0)
				:: else
				fi
			:: came == probe -> find(CALLS); counts(o)
			:: else
			fi
		fi
		say(("@ again %d %e %e", c, came, o))
		came = 0; o = 0
	}
	od
}

/* The clock does not wait for calls, but a dependency that is well answers a probe within a tick. */
proctype clock() {
	do
	:: atomic { (state == open && left > 0 || state == halfopen && places > 0 && age[0] < OLDEST) ->
		n = 0
		for (i : 0 .. CALLS - 1) {
			if
			:: phase[i] == probe && well && !sick[i] && ran[i] > 0 -> n++
			:: else
			fi
		}
		if
		:: n > 0
		:: else ->
			for (i : 0 .. CALLS - 1) {
				if
				:: phase[i] == probe && well && !sick[i] -> ran[i]++
				:: else
				fi
			}
			if
			:: state == open -> left--
			:: else ->
				for (i : 0 .. places - 1) {
					if
					:: age[i] < OLDEST -> age[i]++
					:: else
					fi
				}
			fi
			say(("@ tick 0 0"))
		fi
	}
	od
}

/* The timer of a round. It may come late: whoever asks before it does finds the same. */
proctype timer() {
	do
	:: atomic { EXPIRED -> settle(); assert(!wrong) }
	od
}

/* Somebody turns the knobs: not for ever, or nothing could be said of the end. */
proctype operator() {
	byte rested
	do
	:: hands < HANDS && rested < REST -> rested++
	:: atomic { hands < HANDS && rested == REST ->
		hands++
		rested = 0
		settle()
		if
		:: byHand = true; failed = 0
			if
			:: ISOLATE_KEEPS -> state = isolated
			:: else -> set(isolated)
			fi
			say(("@ isolate 0 0"))
		:: byHand = false; closes(); say(("@ reset 0 0"))
		:: byHand = false; closes(); say(("@ update 0 other")) /* another breaker in its place */
		:: say(("@ update 0 same")) /* it keeps its state, whatever becomes of its Window */
		fi
	}
	od
}

/* It may stay as it is for ever. */
proctype dependency() {
	if
	:: WELL -> well = true
	:: true
	fi
}

init {
	atomic {
		byte c
		for (c : 0 .. CALLS - 1) { run call(c) }
		run clock(); run timer(); run operator(); run dependency()
	}
}

/* A dependency that is well from some time on ends with a closed breaker, if nobody isolated it. */
ltl heals { <> well -> <> [] (state == closed || state == isolated) }

/* However its probes end, or do not, each round of them ends. The clock ends it, also where the timer
   is late and nobody comes by. */
#define UNDERWAY (state == halfopen && !EXPIRED)
ltl ends { [] (UNDERWAY -> <> !UNDERWAY) }
