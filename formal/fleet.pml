/*
 * Pods that share what they see through a store, as package fleet has it. README.md says which rule
 * each part models, what is proven, and within what bounds. check.sh runs it.
 *
 * As long as there is trouble, anything may happen: the store goes and comes back, pods crash, are
 * cut off and are late, messages are late, lost, or come twice, probes hang, callers stay away, the
 * dependency goes down and gets well. Then all is quiet, and the claims that name a time count from
 * there.
 *
 * Time is a number of ticks: those of the fleet. A pod has one turn in a tick: a call comes to its
 * breaker, and then it does what Fleet.work does. What is one step here happens at one moment,
 * unless something is late, which is a step of its own.
 *
 * The lines that begin with @ are the events of a run, which fleet/model_test.go replays.
 */

/* The bounds. */
#ifndef PODS
#define PODS 3
#endif
#ifndef STROKES
#define STROKES 2 /* of trouble: see STROKE */
#endif
#ifndef GAP
#define GAP 0 /* ticks between two strokes that last; more only where runs are drawn at random */
#endif
#ifdef DRAWN /* at random: no more trouble at a time than lets something happen */
#define OFTEN :: mode = prompt :: mode = prompt :: mode = prompt :: mode = prompt :: mode = prompt
#define MAY(ends) (rested >= GAP && (ends || lasting == 0))
#else
#define OFTEN
#define MAY(ends) true
#endif
#ifndef ENDS
#define ENDS true /* trouble may end */
#endif

/* The times, in ticks. -DREAL: those of the code, with an OpenFor of 0.6 s. Else small ones. */
#define HOLD 2 /* holdFor: in the tick in which it begins, and in the next */
#ifdef REAL
#define LEASE 6 /* leaseTTL */
#define CELL 10 /* cellTTL */
#define OLD 4 /* tooOld, from this age on */
#define SLOTS 20 /* slotCount */
#define RECENT 4 /* recently */
#define ROW_SLOTS 3 /* rowSlots */
#define PAUSE 2 /* OpenFor, and the rest of a lease */
#define BACK 6 /* OpenFor and standBack */
#define PATIENCE 2
#define ACTIVE 4
#define AWAY 10 /* turnAway */
#define KNOWN 6 /* after opening, until the others' cells are of after that: see member.alone */
#define BAN 120
#ifdef DRAWN
#define BAN_ENDS true
#else
#define BAN_ENDS false /* before the run does, which spares states */
#endif
#ifndef AGREED
#define AGREED 12 /* ticks of quiet after which all agree */
#endif
#else
#define LEASE 2
#define CELL 2
#define OLD 2
#define SLOTS 3
#define RECENT 2
#define ROW_SLOTS 1
#define PAUSE 1
#define BACK 2
#define PATIENCE 1
#define ACTIVE 2
#define AWAY 2
#define KNOWN 2
#define BAN 3
#define BAN_ENDS true
#ifndef AGREED
#define AGREED 8
#endif
#endif
#define ROW 2 /* ConsecutiveFailures; the ratios are off. One probe is a round */

/* The mistakes. Each breaks one rule, and has to be found. */
#ifndef LEASE_FROM_REPLY
#define LEASE_FROM_REPLY 0 /* a holder counts its time from the reply, and not from its question */
#endif
#ifndef NO_HOLD_AFTER
#define NO_HOLD_AFTER 0 /* its breaker is not held once that time is over */
#endif
#ifndef NO_EPOCH
#define NO_EPOCH 0 /* what a former holder tells counts */
#endif
#ifndef TOLD_TWICE
#define TOLD_TWICE 0 /* what a holder tells counts as often as it comes */
#endif
#ifndef SAME_AGAIN
#define SAME_AGAIN 0 /* who failed a round may hold the next */
#endif
#ifndef NO_LAPSE
#define NO_LAPSE 0 /* a hold does not end by itself */
#endif
#ifndef NO_VETO
#define NO_VETO 0 /* one pod that fails is enough */
#endif
#ifndef STILL_WAITS
#define STILL_WAITS 0 /* who hears that another has succeeded goes on waiting for the lease */
#endif
#ifndef OTHERS_WORD
#define OTHERS_WORD 0 /* a pod opens on the word of others alone */
#endif

/* No mistake, but what seldom happens: spin shows a run in which it does. */
#ifndef SHOW_IGNORED
#define SHOW_IGNORED 0 /* a former holder tells something */
#endif

#define NOBODY PODS
#define MASK ((1 << SLOTS) - 1)
#define RECENT_MASK ((1 << RECENT) - 1)

mtype = { closed, open, probing } /* a breaker */
mtype = { none, ok, fail } /* what came of calls, and of rounds */
mtype = { refused, won, lost, hangs } /* what came of other calls: the last three are probes */
mtype = { idle, asking, granted, denied, telling } /* where a pod waits for a message */
mtype = { prompt, stops, late, slow, mute } /* how a turn goes; stops: there is none for some ticks */
mtype = { alone, unheard, old, heard } /* what a turn has heard */
mtype = { accepted, ignored, gone } /* what became of a result that was told */

/* A pod's breaker. */
mtype at[PODS] = closed
byte row[PODS] /* closed: failures in a row */
byte due[PODS] /* open: ticks until its own rules say that it probes */
byte free[PODS], hold[PODS] /* open: it is held for hold ticks, after free ticks */

/* What a pod knows. */
int good[PODS], bad[PODS] /* a bit for each of the last ticks: a call succeeded, failed */
bool shut[PODS] /* its breaker was not closed when last read */
byte openedAgo[PODS] /* ticks since it was not, up to KNOWN */
bool lostOne[PODS] /* a round has failed since then */
mtype news[PODS] = none /* what came of its probes, and it has not acted on */
bool others[PODS] /* when it last heard, others succeeded, and most were not failing */
bool called[PODS] /* somebody has called since its breaker last waited */
byte calledAgo[PODS] /* ticks since it noticed a call, up to ACTIVE */
bool letGo[PODS] /* another has succeeded, so it probes */
byte banned[PODS] /* ticks for which it goes by itself, since others succeeded while its round failed */
byte notBefore[PODS] /* ticks until it may ask for the lease */
bool has[PODS] /* it has an epoch */
byte belief[PODS] /* ticks until it goes by itself, if it hears nothing; the last HOLD it is held */
byte heldAgo[PODS] /* ticks since it had the lease without a probe to make, up to PATIENCE */
mtype phase[PODS] = idle
mtype tale[PODS] = none /* what is on its way, if it tells */
byte askedAgo[PODS] /* ticks since it asked, up to LEASE */
bool done[PODS] /* it had its turn in this tick */
bool stopped[PODS] /* the process is, for a while */

/* The store. */
byte cellLeft[PODS] /* ticks; 0: no cell */
int cellGood[PODS], cellBad[PODS]
bool cellFailing[PODS], cellShut[PODS]
bool asked /* somebody was asked for a digest in this tick */
byte digestAge = OLD
byte sumFailing, sumSpeaking, sumShut /* of the digest */
int sumGood, sumBad[PODS]
byte leaseLeft, holder = NOBODY
bool newest[PODS] /* the epoch that the pod has, or tells of, is that of the latest lease */
bool gets[PODS] /* so is the epoch that is on its way to it */
bool told /* the holder of the latest lease has told */
byte teller = NOBODY /* who did, as long as there is no later lease */
mtype result = none /* and what */
bool newer[PODS] /* the latest result is a success, and came since the pod's breaker opened or lost a round */

/* The world. */
bool trouble = true
byte strokes, lasting /* of them, those that go on: a store, a pod or its callers that are away */
byte rested /* ticks since the last one that lasts, up to GAP */
bool up = true /* the store is */
bool down /* the dependency is */
bool dead[PODS], cut[PODS], silent[PODS] /* silent: nobody calls */
byte broken = NOBODY /* a pod whose calls all fail, whatever the others' do */

/* Only the claims read these. */
bool listened[PODS] /* it had news, or an answer, in this tick */
byte kept[PODS] /* ticks for which it was held without any, up to HOLD + 1 */
bool wasDown /* the dependency, at some time */
byte quiet /* ticks since there was trouble, up to AGREED */
bool wrong

/* Written before they are read, in each step, and zero after it. */
byte i, n, failing, speaking, shuts
int seenGood, seenBad[PODS], x
mtype mode, call, hears, became

#define BAD(p) (down || broken == p)
#define REACHES(p) (up && !cut[p])
#define HELD(p) (free[p] == 0 && hold[p] > 0)
#define PROBES(p) (at[p] == open && due[p] == 0 && !HELD(p) && !silent[p])
#define HOLDER (leaseLeft > 0 -> holder : NOBODY)
#define say(args) printf args; assert(!wrong)

/* STROKE is whether there may be one more stroke of trouble now, and strikes counts it. toggles
   begins or ends one that lasts. */
#define STROKE (trouble && strokes < STROKES)
#define strikes() strokes++
inline toggles(away) {
	strikes()
	rested = 0
	lasting = (away -> lasting + 1 : lasting - 1)
}

inline claim(holds) {
	if
	:: holds
	:: else -> wrong = true
	fi
}

inline tidy() {
	i = 0; n = 0; failing = 0; speaking = 0; shuts = 0; seenGood = 0; x = 0
	for (i : 0 .. PODS - 1) { seenBad[i] = 0 }
	i = 0
	mode = 0; call = 0; hears = 0; became = 0
}

/* The breaker. */
inline opens(p) {
	at[p] = open
	due[p] = PAUSE
	row[p] = 0
}

inline closes(p) {
	at[p] = closed
	due[p] = 0; free[p] = 0; hold[p] = 0
}

/* holds keeps an open breaker from probing, from some ticks on, and for some. */
inline holds(p, after, ticks) {
	if
	:: at[p] == open -> free[p] = after; hold[p] = ticks
	:: else
	fi
}

/* ends is the end of a probe. */
inline ends(p) {
	if
	:: BAD(p) -> opens(p); lostOne[p] = true; call = lost
	:: else -> closes(p); call = won
	fi
}

/* calls is a call that comes to a breaker. mode may be hangs. */
inline calls(p) {
	call = none
	if
	:: silent[p]
	:: else ->
		called[p] = true
		if
		:: at[p] == closed && !BAD(p) -> call = ok; row[p] = 0; good[p] = good[p] | 1
		:: at[p] == closed && BAD(p) ->
			call = fail
			row[p]++
			bad[p] = bad[p] | 1
			if
			:: row[p] == ROW -> opens(p)
			:: else
			fi
		:: PROBES(p) ->
			/* At most one holder acts: the store knows no other. */
			claim(!has[p] || belief[p] == 0 || holder == p && leaseLeft > 0)
			if
			:: mode == hangs -> at[p] = probing; call = hangs
			:: else -> ends(p)
			fi
		:: else ->
			call = refused
			/* Holds lapse: who hears nothing is not kept out. */
			claim(at[p] != open || due[p] > 0 || kept[p] <= HOLD)
		fi
	fi
}

/* reads is probing.changed. */
inline reads(p) {
	if
	:: at[p] == closed ->
		if
		:: shut[p] -> news[p] = ok; letGo[p] = false
		:: else
		fi
		shut[p] = false
		openedAgo[p] = 0
	:: else ->
		if
		:: !shut[p] -> newer[p] = false; letGo[p] = false; openedAgo[p] = 0
		:: else
		fi
		shut[p] = true
		if
		:: lostOne[p] -> newer[p] = false; news[p] = fail
		:: else
		fi
	fi
	lostOne[p] = false
}

/* tells is member.tell, but for the message. */
inline tells(p) {
	if
	:: news[p] == ok -> has[p] = false; holds(p, 0, 0)
	:: news[p] == fail ->
		if
		:: others[p] && openedAgo[p] >= KNOWN && !SAME_AGAIN -> banned[p] = BAN; holds(p, 0, 0)
		:: (!others[p] || openedAgo[p] < KNOWN || SAME_AGAIN) && has[p] -> holds(p, 0, HOLD)
		:: else
		fi
		has[p] = false; letGo[p] = false
		notBefore[p] = (SAME_AGAIN -> 0 : BACK)
	:: else
	fi
	if
	:: !has[p] -> belief[p] = 0
	:: else
	fi
	news[p] = none
}

/* storesTold is Transport.Tell at the store: became is what became of it. */
inline storesTold(p, what) {
	became = ((newest[p] || NO_EPOCH) && (!told || TOLD_TWICE) -> accepted : ignored)
	if
	:: !REACHES(p) -> became = gone
	:: else
	fi
	claim(!SHOW_IGNORED || became != ignored || newest[p])
	if
	:: became == accepted ->
		claim(newest[p]) /* what a former holder tells changes nothing */
		claim(!told) /* nor does what is told again */
		told = true
		teller = p; result = what
		for (i : 0 .. PODS - 1) { newer[i] = (what == ok && shut[i]) }
		holder = (what == fail -> p : NOBODY)
		leaseLeft = (what == fail -> PAUSE : 0)
	:: else
	fi
}

/* acquires is Transport.Acquire at the store: became is granted or denied. */
inline acquires(p) {
	if
	:: !REACHES(p) || leaseLeft > 0 && (holder != p || told) -> became = denied
	:: else ->
		if
		:: leaseLeft == 0 ->
			told = false; teller = NOBODY; result = none
			for (i : 0 .. PODS - 1) { newest[i] = false; gets[i] = false }
		:: else
		fi
		holder = p
		leaseLeft = LEASE
		gets[p] = true
		became = granted
	fi
}

/* answered is what a pod does with the store's answer. */
inline answered(p) {
	if
	:: became == granted && (askedAgo[p] < LEASE || LEASE_FROM_REPLY) ->
		n = (LEASE_FROM_REPLY -> LEASE : LEASE - askedAgo[p])
		if
		:: !has[p] ->
			heldAgo[p] = (askedAgo[p] < PATIENCE -> askedAgo[p] : PATIENCE)
			if
			:: at[p] == open -> due[p] = 0
			:: else
			fi
		:: else
		fi
		has[p] = true
		newest[p] = gets[p]
		belief[p] = n + HOLD
		holds(p, n, (NO_HOLD_AFTER -> 0 : HOLD))
	:: else ->
		became = denied
		if
		:: has[p] && belief[p] <= HOLD -> has[p] = false; belief[p] = 0
		:: has[p] && belief[p] > HOLD
		:: else -> holds(p, 0, HOLD)
		fi
	fi
	gets[p] = false
	askedAgo[p] = 0
	phase[p] = idle
}

inline asks(p) {
	if
	:: mode == late -> strikes(); phase[p] = asking
	:: else -> acquires(p); answered(p)
	fi
}

inline releases(p) {
	if
	:: has[p] ->
		has[p] = false
		belief[p] = 0
		holds(p, 0, HOLD)
		if
		:: holder == p -> holder = NOBODY; leaseLeft = 0
		:: else
		fi
	:: else
	fi
}

/* lowest sets n to the lowest bit of x, or SLOTS. */
inline lowest() {
	n = 0
	do
	:: n < SLOTS && (x >> n & 1) == 0 -> n++
	:: else -> break
	od
}

/* exchanges stores the pod's cell, and sets what it hears. */
inline exchanges(p) {
	x = good[p] | bad[p]
	lowest()
	cellLeft[p] = CELL
	cellGood[p] = good[p]; cellBad[p] = bad[p]
	cellFailing[p] = n < SLOTS && (good[p] >> n & RECENT_MASK) == 0
	cellShut[p] = at[p] != closed
	if
	:: !asked ->
		asked = true
		for (i : 0 .. PODS - 1) {
			if
			:: cellLeft[i] > 0 ->
				shuts = shuts + cellShut[i]
				speaking = speaking + ((cellGood[i] | cellBad[i]) != 0)
				failing = failing + (cellFailing[i] && cellBad[i] != 0)
				seenGood = seenGood | cellGood[i]
				seenBad[i] = cellBad[i]
			:: else
			fi
		}
		if
		:: mode == mute -> strikes()
		:: mode == slow /* it has not heard that it was asked */
		:: mode != mute && mode != slow ->
			digestAge = 0
			sumFailing = failing; sumSpeaking = speaking; sumShut = shuts; sumGood = seenGood
			for (i : 0 .. PODS - 1) { sumBad[i] = seenBad[i] }
		fi
		hears = heard
	:: else ->
		failing = sumFailing; speaking = sumSpeaking; shuts = sumShut; seenGood = sumGood
		for (i : 0 .. PODS - 1) { seenBad[i] = sumBad[i] }
		hears = (digestAge < OLD -> heard : old)
	fi
	if
	:: mode == slow -> strikes(); hears = unheard
	:: else
	fi
}

/* decides is decide, for a closed breaker. It goes by the failures in a row. */
inline decides(p) {
	x = good[p] | bad[p]
	lowest()
	if
	:: call == ok
	:: (row[p] == 0 || n == SLOTS || (good[p] >> n & RECENT_MASK) != 0) && !OTHERS_WORD
	:: (failing < 2 || 2 * failing < speaking) && !(NO_VETO && failing > 0)
	:: else ->
		x = seenGood
		lowest()
		speaking = 0 /* the failures since then */
		if
		:: n >= ROW_SLOTS ->
			for (i : 0 .. PODS - 1) {
				x = seenBad[i] & ((1 << n) - 1)
				do
				:: x != 0 -> speaking = speaking + (x & 1); x = x >> 1
				:: else -> break
				od
			}
		:: else
		fi
		if
		:: speaking >= ROW || NO_VETO && speaking > 0 ->
			opens(p)
			claim(wasDown) /* a lone failing pod opens nobody, not even itself */
			claim(bad[p] != 0 && call != ok) /* nor does anybody one whose own calls do not fail */
		:: else
		fi
	fi
}

/* waits is member.wait, for an open breaker. */
inline waits(p) {
	calledAgo[p] = (called[p] -> 0 : calledAgo[p])
	called[p] = false
	if
	:: banned[p] > 0 || letGo[p]
	:: else ->
		if
		:: newer[p] && !STILL_WAITS ->
			letGo[p] = true
			releases(p)
			due[p] = 1; free[p] = 0; hold[p] = 0
		:: (!newer[p] || STILL_WAITS) && shuts < 2 ->
			releases(p)
			holds(p, 0, 0)
		:: (!newer[p] || STILL_WAITS) && shuts >= 2 && has[p] ->
			if
			:: due[p] > 0 -> heldAgo[p] = 0
			:: else
			fi
			if
			:: heldAgo[p] >= PATIENCE ->
				notBefore[p] = AWAY
				releases(p)
			:: else -> asks(p)
			fi
		:: (!newer[p] || STILL_WAITS) && shuts >= 2 && !has[p] ->
			if
			:: (leaseLeft == 0 || holder == p) && notBefore[p] == 0 && calledAgo[p] < ACTIVE -> asks(p)
			:: else -> holds(p, 0, HOLD)
			fi
		fi
	fi
}

/* acts is member.act. */
inline acts(p) {
	others[p] = (seenGood & RECENT_MASK) != 0 && 2 * failing < speaking
	listened[p] = true
	n = 0
	if
	:: at[p] == closed -> decides(p)
	:: else
	fi
	if
	:: at[p] != closed && !shut[p] /* it has opened now */
	:: else ->
		tells(p) /* a holder has told already */
		if
		:: at[p] == open ->
			waits(p)
			claim(!newer[p] || !HELD(p)) /* who has heard that another succeeded probes */
		:: at[p] == probing && has[p] -> heldAgo[p] = 0; asks(p)
		:: at[p] == closed -> releases(p)
		:: else
		fi
	fi
}

/* looks is member.look. */
inline looks(p) {
	became = none
	if
	:: has[p] ->
		reads(p)
		if
		:: news[p] != none && mode == late -> strikes(); phase[p] = telling; tale[p] = news[p]
		:: news[p] != none && mode != late -> storesTold(p, news[p])
		:: else
		fi
		tells(p)
	:: else
	fi
}

/* turn is what a pod does once in a tick. */
inline turn(p) {
	calls(p)
	looks(p)
	hears = alone
	if
	:: phase[p] == telling
	:: else ->
		reads(p)
		if
		:: REACHES(p) ->
			exchanges(p)
			if
			:: hears == heard -> acts(p)
			:: else
			fi
		:: else
		fi
	fi
	done[p] = true
}

proctype pod(byte p) {
	do
	:: d_step { STROKE && MAY(cut[p]) -> cut[p] = !cut[p]; toggles(cut[p]); say(("@ cut %d %d | %e %d %d\n", p, cut[p], at[p], has[p], HOLDER)) }
	:: d_step { STROKE && MAY(silent[p]) -> silent[p] = !silent[p]; toggles(silent[p]); say(("@ callers %d %d | %e %d %d\n", p, !silent[p], at[p], has[p], HOLDER)) }
	:: d_step { STROKE && MAY(dead[p]) ->
		dead[p] = !dead[p]
		toggles(dead[p])
		/* It forgets all. The store does not. */
		at[p] = closed; row[p] = 0; due[p] = 0; free[p] = 0; hold[p] = 0
		good[p] = 0; bad[p] = 0; shut[p] = false; openedAgo[p] = 0; lostOne[p] = false; news[p] = none; others[p] = false
		called[p] = false; calledAgo[p] = ACTIVE; letGo[p] = false; banned[p] = 0; notBefore[p] = 0
		has[p] = false; belief[p] = 0; heldAgo[p] = 0; phase[p] = idle; tale[p] = none; askedAgo[p] = 0
		newest[p] = false; gets[p] = false; newer[p] = false
		done[p] = false; stopped[p] = false; listened[p] = false; kept[p] = 0
		say(("@ dead %d %d | %e %d %d\n", p, dead[p], at[p], has[p], HOLDER))
	}
	:: atomic { !dead[p] && !done[p] && phase[p] == idle ->
		if
		:: mode = prompt
		OFTEN
		:: STROKE && !stopped[p] -> mode = stops; strikes()
		:: STROKE -> mode = late
		:: STROKE && REACHES(p) -> mode = slow
		:: STROKE && REACHES(p) && !asked -> mode = mute
		:: STROKE && PROBES(p) -> mode = hangs; strikes()
		fi
		d_step {
			if
			:: mode == stops -> stopped[p] = true; call = none; became = none; hears = alone
			:: else -> stopped[p] = false; turn(p)
			fi
			say(("@ turn %d %e %e %e %e %e | %e %d %d\n", p, call, became, mode, hears, phase[p], at[p], has[p], HOLDER))
			tidy()
		}
	}
	/* What is late. Ticks may pass before each of these steps. */
	:: d_step { !dead[p] && phase[p] == asking ->
		acquires(p)
		phase[p] = became
		say(("@ lease %d %e | %e %d %d\n", p, became, at[p], has[p], HOLDER))
		tidy()
	}
	:: d_step { !dead[p] && (phase[p] == granted || phase[p] == denied) ->
		became = phase[p]
		answered(p)
		listened[p] = true
		say(("@ answer %d %e | %e %d %d\n", p, became, at[p], has[p], HOLDER))
		tidy()
	}
	:: d_step { !dead[p] && phase[p] == telling ->
		storesTold(p, tale[p])
		tale[p] = none
		phase[p] = idle
		say(("@ told %d %e | %e %d %d\n", p, became, at[p], has[p], HOLDER))
		tidy()
	}
	:: d_step { at[p] == probing ->
		ends(p)
		became = none
		mode = prompt
		if
		:: phase[p] == idle -> looks(p)
		:: else
		fi
		say(("@ ends %d %e %e | %e %d %d\n", p, call, became, at[p], has[p], HOLDER))
		tidy()
	}
	od
}

/* clock lets a tick pass. While there is trouble, it does not wait for what is late. */
proctype clock() {
	bool busy
	do
	:: d_step { true ->
		busy = false
		for (i : 0 .. PODS - 1) {
			if
			:: dead[i]
			:: !dead[i] && !done[i] && phase[i] == idle && !(stopped[i] && trouble) -> busy = true
			:: else ->
				if
				:: !trouble && (phase[i] != idle || at[i] == probing) -> busy = true
				:: else
				fi
			fi
		}
		if
		:: busy
		:: else ->
			rested = (rested < GAP -> rested + 1 : GAP)
			leaseLeft = (leaseLeft > 0 -> leaseLeft - 1 : 0)
			if
			:: leaseLeft == 0 -> holder = NOBODY
			:: else
			fi
			asked = false
			sumGood = sumGood << 1 & MASK
			digestAge = (digestAge < OLD -> digestAge + 1 : OLD)
			for (i : 0 .. PODS - 1) {
				done[i] = false
				good[i] = good[i] << 1 & MASK
				bad[i] = bad[i] << 1 & MASK
				cellGood[i] = cellGood[i] << 1 & MASK
				cellBad[i] = cellBad[i] << 1 & MASK
				sumBad[i] = sumBad[i] << 1 & MASK
				cellLeft[i] = (cellLeft[i] > 0 -> cellLeft[i] - 1 : 0)
				due[i] = (due[i] > 0 -> due[i] - 1 : 0)
				if
				:: free[i] > 0 -> free[i]--
				:: free[i] == 0 && hold[i] > 0 && !NO_LAPSE -> hold[i]--
				:: else
				fi
				belief[i] = (belief[i] > 0 -> belief[i] - 1 : 0)
				openedAgo[i] = (shut[i] && openedAgo[i] < KNOWN -> openedAgo[i] + 1 : openedAgo[i])
				banned[i] = (banned[i] > 0 && BAN_ENDS -> banned[i] - 1 : banned[i])
				notBefore[i] = (notBefore[i] > 0 -> notBefore[i] - 1 : 0)
				calledAgo[i] = (calledAgo[i] < ACTIVE -> calledAgo[i] + 1 : ACTIVE)
				heldAgo[i] = (has[i] && heldAgo[i] < PATIENCE -> heldAgo[i] + 1 : (has[i] -> PATIENCE : 0))
				askedAgo[i] = (phase[i] == idle || phase[i] == telling -> 0 : (askedAgo[i] < LEASE -> askedAgo[i] + 1 : LEASE))
				/* What no longer makes a difference. */
				if
				:: cellLeft[i] == 0 -> cellGood[i] = 0; cellBad[i] = 0; cellFailing[i] = false; cellShut[i] = false
				:: else
				fi
				kept[i] = (!dead[i] && at[i] == open && HELD(i) && !listened[i] -> kept[i] + (kept[i] <= HOLD) : 0)
				listened[i] = false
			}
			if
			:: digestAge == OLD ->
				sumFailing = 0; sumSpeaking = 0; sumShut = 0; sumGood = 0
				for (i : 0 .. PODS - 1) { sumBad[i] = 0 }
			:: else
			fi
			if
			:: !trouble && quiet < AGREED -> quiet++
			:: else
			fi
			if
			:: quiet == AGREED ->
				for (i : 0 .. PODS - 1) {
					/* All agree. A broken pod, as the holder of leases too, keeps nobody out. */
					claim(dead[i] || silent[i] || broken == i || down || at[i] == closed)
					claim(dead[i] || silent[i] || !down || at[i] != closed)
				}
			:: else
			fi
			say(("@ tick 0 | closed 0 %d\n", HOLDER))
		fi
		i = 0
		busy = false
	}
	od
}

/* world is what makes trouble, and ends it. */
proctype world() {
	do
	:: d_step { STROKE && MAY(!up) -> up = !up; toggles(!up); say(("@ store 0 %d | closed 0 %d\n", up, HOLDER)) }
	:: d_step { STROKE && MAY(true) ->
		strikes()
		rested = 0
		down = !down
		wasDown = true
		say(("@ dependency 0 %d | closed 0 %d\n", !down, HOLDER))
	}
	:: d_step { STROKE && MAY(true) && teller != NOBODY && REACHES(teller) ->
		/* What was told comes once more. */
		strikes()
		rested = 0
		n = teller
		newest[n] = true
		storesTold(n, result)
		newest[n] = false
		say(("@ again %d %e | %e %d %d\n", n, became, at[n], has[n], HOLDER))
		tidy()
	}
	:: d_step { trouble && ENDS ->
		trouble = false
		up = true
		strokes = 0
		rested = 0
		lasting = 0
		for (i : 0 .. PODS - 1) { cut[i] = false }
		i = 0
		say(("@ quiet 0 0 | closed 0 %d\n", HOLDER))
	}
	od
}

init {
	atomic {
		if
		:: broken = 0
		:: broken = NOBODY
		fi
		byte p
		for (p : 0 .. PODS - 1) { calledAgo[p] = ACTIVE }
		if
		:: silent[PODS - 1] = true; lasting = 1
		:: true
		fi
		printf("@ pods %d %d %d | closed 0 %d\n", PODS, broken, silent[PODS - 1], NOBODY)
		for (p : 0 .. PODS - 1) { run pod(p) }
		run clock(); run world()
	}
}
