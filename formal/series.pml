/*
 * The circuit breaker of resilience/breaker with a MinOpenFor, as machine.go, series.go and probes.go
 * have it: while it is open it lets one probe pass in each pause. README.md says what is proven with
 * it, and within what bounds. check.sh runs it. breaker.pml is the one without a MinOpenFor; what
 * has no comment here is as there.
 *
 * How long a pause is depends on what failures take. Here it is any time between two bounds, chosen
 * anew whenever the code chooses.
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
#define MIN_GOOD 0 /* MinSuccesses; 0: off, and one failure among the latest outcomes is too many */
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
#ifndef MAX_PAUSE
#define MAX_PAUSE 2 /* OpenFor, in ticks */
#endif
#define PAUSE 1 /* MinOpenFor */
#define ROW 2 /* ConsecutiveFailures; the ratios are off */
#ifndef TIMEOUT
#define TIMEOUT 2 /* ProbeTimeout, in ticks */
#endif
#ifndef SCRATCH
#define SCRATCH hidden /* no part of the state */
#endif
#define ALL ((1 << PROBES) - 1)

/* The mistakes. Each breaks one rule, and has to be found. */
#ifndef ONE_AT_A_TIME
#define ONE_AT_A_TIME 0 /* a probe under way keeps the next one out */
#endif
#ifndef FROM_OUTCOME
#define FROM_OUTCOME 0 /* a pause counts from when a probe failed, and not from when it began */
#endif
#ifndef NO_PAUSE
#define NO_PAUSE 0 /* a probe begins no pause, only a failure does */
#endif
#ifndef HANGS_FOREVER
#define HANGS_FOREVER 0 /* ProbeTimeout makes no failure of a probe */
#endif
#ifndef LATE_PROBE
#define LATE_PROBE 0 /* a probe counts though it has had its ProbeTimeout */
#endif
#ifndef STALE_PROBE
#define STALE_PROBE 0 /* a probe counts after its series is over */
#endif
#ifndef STALE_CALL
#define STALE_CALL 0 /* a call's failure opens the breaker after its window is over */
#endif
#ifndef MISSING_GOOD
#define MISSING_GOOD 0 /* outcomes that are still missing count as good */
#endif
#ifndef NO_MARK
#define NO_MARK 0 /* a call inside a probe is not known as a part of it */
#endif
#ifndef ISOLATE_KEEPS
#define ISOLATE_KEEPS 0 /* Isolate leaves the window or the series in force */
#endif

mtype = { closed, open, halfopen, isolated } /* halfopen is only seen: open, and due */
mtype = { idle, normal, trips, probe, hung }
mtype = { ok, fail, none }
mtype = { part, refused, passes }

/* The status, and what its window or series holds. */
mtype state = closed
byte id = 1 /* of the window or series; 0 while isolated */
byte row[CALLS + 2] /* of a window, by its id: failures in a row */
byte left /* open: ticks until it is due */
byte have, latest /* the latest outcomes: how many, and a bit for each, 1 if it was good; the newest is the lowest */

/* The calls. */
mtype phase[CALLS] = idle
byte ref[CALLS] /* the id of the window or series that the call is of */
bool under[CALLS] /* the series waits for it */
byte age[CALLS] /* ticks, of a probe that the series waits for */
bool sick[CALLS] /* it began while the dependency was not well */
byte again[CALLS] /* 1: it passed the breaker once more; 2: and was refused there */
byte ran[CALLS] /* ticks, of a probe of a dependency that is well */

/* The world. */
bool well
byte hands, giveUps

/* Only the claims read these. */
bool fresh[CALLS] /* no change of state since the call passed the breaker */
byte since /* ticks since the latest probe began, or the breaker opened; up to MAX_PAUSE */
byte goodRow /* good outcomes in a row, up to PROBES */
bool byHand, wrong

SCRATCH byte i, n /* written before they are read, in each step */

inline claim(holds) {
	if
	:: holds
	:: else -> wrong = true
	fi
}

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
	left = 0; have = 0; latest = 0; goodRow = 0; since = 0
	for (i : 0 .. CALLS - 1) { fresh[i] = false; under[i] = false; age[i] = 0 }
	if
	:: to != isolated ->
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

/* waits chooses when the next probe may begin. A pause counts from the latest one. */
inline waits() {
	if
	:: left = PAUSE
	:: MAX_PAUSE > PAUSE -> left = MAX_PAUSE
	fi
	if
	:: FROM_OUTCOME
	:: else -> left = (left > since -> left - since : 0)
	fi
}

inline opens() {
	set(open)
	waits()
}

/* counts takes note of an outcome. */
inline counts(isGood) {
	latest = (latest << 1 | isGood) & ALL
	have = (have < PROBES -> have + 1 : PROBES)
	goodRow = (isGood -> (goodRow < PROBES -> goodRow + 1 : PROBES) : 0)
}

/* sums sets n to how many of the latest outcomes were good. */
inline sums() {
	n = 0
	for (i : 0 .. PROBES - 1) { n = n + (latest >> i & 1) }
}

#if MIN_GOOD
#define ENOUGH (n >= MIN_GOOD)
#define DESERVED (n >= MIN_GOOD)
#else
#define ENOUGH (n == (MISSING_GOOD -> have : PROBES))
#define DESERVED (goodRow == PROBES)
#endif

/* outcome takes note of what came of a probe. */
inline comes(o) {
	if
	:: o == ok ->
		counts(1)
		left = (left < PAUSE -> left : PAUSE)
		sums()
		if
		:: ENOUGH ->
			claim(DESERVED) /* it closes by the latest outcomes, each of which is there */
			set(closed)
		:: else
		fi
	:: o == fail -> counts(0); waits()
	:: o == none && MAX_PAUSE > PAUSE -> waits()
	:: else
	fi
}

inline enter(c, inner, came) {
	n = 0
	for (i : 0 .. CALLS - 1) { n = n + under[i] }
	if
	:: state == closed -> came = passes
	:: state == open && inner && !NO_MARK && phase[c] == probe && under[c] -> came = part
	:: else ->
		if
		:: state == isolated || left > 0 || ONE_AT_A_TIME && n > 0 -> came = refused
		:: else ->
			came = probe
			claim(since >= PAUSE) /* one in a pause */
			since = 0
			if
			:: NO_PAUSE
			:: else -> waits()
			fi
		fi
	fi
	claim(state != open || came != refused || since < MAX_PAUSE) /* whatever became of the one before */
	claim(came == refused || !byHand) /* isolated keeps every call out */
}

/* leave says what came of a probe. */
inline leave(c, o) {
	if
	:: under[c] ->
		under[c] = false
		age[c] = 0
		comes(o)
	:: !under[c] && state == open && (LATE_PROBE && ref[c] == id || STALE_PROBE && ref[c] != id) ->
		claim(o == none) /* what is over, or has had its time, changes nothing */
		comes(o)
	:: else
	fi
	phase[c] = idle
}

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
		opens()
	:: else -> phase[c] = idle
	fi
}

inline outcome(c, o) {
	if
	:: again[c] != 2 && (sick[c] || !well) -> o = fail
	:: again[c] != 2 -> o = ok
	:: again[c] == 2 || sick[c] || !well -> o = none
	:: again[c] != 2 && !sick[c] && well && giveUps < GIVE_UPS -> giveUps++; o = none
	fi
}

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

#define say(args) \
	sums(); \
	printf args; printf(" | %e %d %d %d\n", (state == open && left == 0 -> halfopen : state), (state == closed -> row[id] : 0), n, have - n); \
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
			under[c] = came == probe
			ref[c] = id
			fresh[c] = true
			sick[c] = !well
		fi
		say(("@ begin %d %e", c, came))
		came = 0
	}
	:: atomic { phase[c] == probe && sick[c] && again[c] != 2 -> phase[c] = hung; say(("@ hangs %d 0", c)) }
	:: atomic { phase[c] == normal || phase[c] == probe || phase[c] == hung && !under[c] ->
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
				:: row[id] == ROW -> opens()
				:: else
				fi
			:: came == probe -> comes(o)
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
	:: atomic { state == open ->
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
			left = (left > 0 -> left - 1 : 0)
			since = (since < MAX_PAUSE -> since + 1 : MAX_PAUSE)
			for (i : 0 .. CALLS - 1) {
				if
				:: phase[i] == probe && well && !sick[i] -> ran[i]++
				:: else
				fi
				if
				:: under[i] && age[i] < TIMEOUT -> age[i]++
				:: else
				fi
				if
				:: under[i] && age[i] == TIMEOUT ->
					goodRow = 0
					if
					:: HANGS_FOREVER
					:: else -> under[i] = false; age[i] = 0; counts(0)
					fi
				:: else
				fi
			}
			say(("@ tick 0 0"))
		fi
	}
	od
}

proctype operator() {
	byte rested
	do
	:: hands < HANDS && rested < REST -> rested++
	:: atomic { hands < HANDS && rested == REST ->
		hands++
		rested = 0
		if
		:: byHand = true
			if
			:: ISOLATE_KEEPS -> state = isolated
			:: else -> set(isolated)
			fi
			say(("@ isolate 0 0"))
		:: byHand = false; set(closed); say(("@ reset 0 0"))
		:: byHand = false; set(closed); say(("@ update 0 other")) /* another breaker in its place */
		:: say(("@ update 0 same")) /* it keeps its state, whatever becomes of its Window */
		fi
	}
	od
}

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
		run clock(); run operator(); run dependency()
	}
}

/* A dependency that is well from some time on ends with a closed breaker, if nobody isolated it. */
ltl heals { <> well -> <> [] (state == closed || state == isolated) }
