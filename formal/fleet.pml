/*
 * Pods that share what they see through a store, as issue 19 describes it. README.md says which rule
 * each part models, what is proven, and within what bounds. check.sh runs it.
 *
 * As long as there is trouble, anything may happen: the store goes and comes back, pods crash, are
 * cut off and are late, messages are delayed, the dependency goes down and gets well. Then all is
 * quiet, and the claims that name a time count from there.
 *
 * The lines that begin with @ are the events of a run.
 */

/* The bounds. */
#ifndef PODS
#define PODS 3
#endif
#ifndef STROKES
#define STROKES 4 /* of trouble: the store, the dependency, a cut, a crash, each of them back,
                     and ticks for which a pod or a message is late */
#endif
#ifndef REST
#define REST 0 /* ticks between two strokes; more only where runs are drawn at random */
#endif
#ifndef ENDS
#define ENDS true /* trouble may end */
#endif
#define LEASE 2 /* ticks that a lease lives in the store */
#define CELL 2 /* ticks that a cell lives there */
#define LAPSE 3 /* ticks after which advice ends by itself */
#ifndef AGREED
#define AGREED 6 /* ticks of quiet after which all agree */
#endif

/* The mistakes. Each breaks one rule, and has to be found. */
#ifndef LEASE_FROM_REPLY
#define LEASE_FROM_REPLY 0 /* a holder counts its time from the reply, and not from its question */
#endif
#ifndef NO_EPOCH
#define NO_EPOCH 0 /* what a former holder tells counts */
#endif
#ifndef SAME_AGAIN
#define SAME_AGAIN 0 /* who failed a round may hold the next */
#endif
#ifndef NO_LAPSE
#define NO_LAPSE 0 /* advice does not end by itself */
#endif
#ifndef NO_VETO
#define NO_VETO 0 /* one pod that fails is enough */
#endif

#define NOBODY PODS

mtype = { closed, advised, own } /* a breaker; own: open by its own numbers */
mtype = { ok, fail, none }
mtype = { idle, asked, granted, probing }
mtype = { accepted, ignored, lost, refused, reached, alone }

/* The pods. */
mtype at[PODS] = closed
byte advice[PODS] /* ticks that it is still good for */
mtype phase[PODS] = idle /* of the lease */
byte belief[PODS] /* ticks for which a pod takes the lease for its own */
bool newest[PODS] /* it was the last to get a lease: its epoch is the newest */
bool unread[PODS] /* there is a result that it has not read */
byte since[PODS] = CELL + 1 /* ticks since a call of its own failed */
bool row[PODS] /* so did the last one */
bool done[PODS], tried[PODS] /* it had its turn in this tick, and asked for the lease */

/* The store. A cell that is over is none. */
mtype cell[PODS] = none
byte cellLeft[PODS]
byte leaseLeft, holder = NOBODY
byte lastFailed = NOBODY /* who told last that a round failed */
mtype result = none

/* The world. */
bool trouble = true
byte strokes, rested /* rested: ticks since the last one, up to REST */
bool up = true /* the store is */
bool down /* the dependency is */
bool dead[PODS], cut[PODS]
byte broken = NOBODY /* a pod whose calls all fail, whatever the others' do */
byte silent = NOBODY /* a pod without calls */

/* Only the claims read these. */
byte unheard[PODS] /* ticks since the pod reached the store */
bool wasDown /* the dependency, at some time */
byte quiet /* ticks since there was trouble, up to AGREED */
bool wrong

byte i, fails, all /* written before they are read, in each step */
mtype sees, told, was
bool waits

#define BAD(p) (down || broken == p)
#define REACHES(p) (up && !cut[p])
#define ADVISED(p) (at[p] == advised && advice[p] > 0)
#define say(args) printf args; assert(!wrong)

/* STROKE is whether there may be one more now, and strikes counts it. */
#define STROKE (trouble && strokes < STROKES && rested >= REST)
inline strikes() {
	strokes++
	rested = 0
}

inline claim(holds) {
	if
	:: holds
	:: else -> wrong = true
	fi
}

/* tries is a breaker that asks by itself whether the dependency is well. */
inline tries(p) {
	at[p] = (BAD(p) -> own : closed)
	advice[p] = 0
}

/* hears reads what the last holder told. */
inline hears(p) {
	if
	:: unread[p] && at[p] == advised && result == ok -> tries(p)
	:: unread[p] && at[p] == advised && result == fail -> advice[p] = LAPSE
	:: else
	fi
	unread[p] = false
}

/* decides is a closed breaker's own decision, by its own numbers over the cells. */
inline decides(p) {
	fails = 0; all = 0
	for (i : 0 .. PODS - 1) {
		if
		:: cell[i] == fail -> fails++; all++
		:: cell[i] == ok -> all++
		:: else
		fi
	}
	if
	:: (fails >= 2 && 2 * fails >= all || NO_VETO && fails > 0) && (sees != ok || NO_VETO) ->
		at[p] = advised
		advice[p] = LAPSE
		claim(wasDown) /* a lone failing pod opens nobody, not even itself */
	:: else
	fi
}

/* turn is what a pod does once in a tick: calls, if it has traffic, its cell, the others' cells. Two
   failures in a row open its own breaker. */
inline turn(p) {
	if
	:: at[p] == advised && advice[p] == 0 -> tries(p) /* advice lapses */
	:: at[p] == own -> tries(p)
	:: else
	fi
	sees = none
	if
	:: at[p] == closed && p != silent && !BAD(p) -> sees = ok; row[p] = false; since[p] = CELL + 1
	:: at[p] == closed && p != silent && BAD(p) ->
		since[p] = 0
		if
		:: row[p] -> at[p] = own
		:: else
		fi
		row[p] = !row[p]
	:: at[p] == own -> since[p] = 0
	:: else
	fi
	if
	:: since[p] <= CELL -> sees = fail
	:: else
	fi
	was = alone
	if
	:: REACHES(p) ->
		was = reached
		unheard[p] = 0
		cell[p] = sees
		cellLeft[p] = CELL
		if
		:: at[p] == closed -> decides(p); unread[p] = false
		:: else -> hears(p)
		fi
	:: else
	fi
	if
	:: at[p] != closed -> row[p] = false
	:: else
	fi
	done[p] = true
}

proctype pod(byte p) {
	do
	:: d_step { STROKE -> strikes(); cut[p] = !cut[p]; say(("@ cut %d %d | %e\n", p, cut[p], at[p])) }
	:: d_step { STROKE ->
		strikes()
		dead[p] = !dead[p]
		/* It forgets all. The store does not. */
		at[p] = closed; advice[p] = 0; phase[p] = idle; belief[p] = 0; newest[p] = false
		unread[p] = false; unheard[p] = 0; since[p] = CELL + 1; row[p] = false; done[p] = false; tried[p] = false
		say(("@ dead %d %d | %e\n", p, dead[p], at[p]))
	}
	:: d_step { !dead[p] && !done[p] ->
		turn(p)
		say(("@ turn %d %e %e | %e\n", p, was, sees, at[p]))
		sees = 0; was = 0; fails = 0; all = 0; i = 0
	}
	/* The lease. Between these steps ticks may pass: messages are delayed, and pods are late. */
	:: d_step { !dead[p] && phase[p] == idle && ADVISED(p) && !tried[p] ->
		tried[p] = true
		phase[p] = asked
		belief[p] = LEASE
		say(("@ ask %d | %e\n", p, at[p]))
	}
	:: d_step { !dead[p] && phase[p] == asked ->
		if
		:: REACHES(p) && leaseLeft == 0 && (lastFailed != p || SAME_AGAIN) ->
			holder = p
			leaseLeft = LEASE
			for (i : 0 .. PODS - 1) { newest[i] = false }
			newest[p] = true
			phase[p] = granted
			say(("@ lease %d granted | %e\n", p, at[p]))
		:: else ->
			phase[p] = idle
			belief[p] = 0
			say(("@ lease %d refused | %e\n", p, at[p]))
		fi
		i = 0
	}
	:: d_step { !dead[p] && phase[p] == granted ->
		if
		:: LEASE_FROM_REPLY -> belief[p] = LEASE
		:: else
		fi
		if
		:: belief[p] > 0 ->
			phase[p] = probing
			/* At most one holder acts: the store knows no other. */
			claim(holder == p && leaseLeft > 0)
			say(("@ probe %d begun | %e\n", p, at[p]))
		:: else ->
			phase[p] = idle
			newest[p] = false
			say(("@ probe %d late | %e\n", p, at[p]))
		fi
	}
	:: d_step { !dead[p] && phase[p] == probing ->
		told = (BAD(p) -> fail : ok)
		was = (!REACHES(p) -> lost : ((newest[p] || NO_EPOCH) -> accepted : ignored))
		if
		:: was == accepted ->
			claim(newest[p]) /* what a former holder tells changes nothing */
			result = told
			unheard[p] = 0
			for (i : 0 .. PODS - 1) { unread[i] = (i != p && at[i] == advised) }
			lastFailed = (told == fail -> p : NOBODY)
			if
			:: holder == p -> holder = NOBODY; leaseLeft = 0
			:: else
			fi
		:: else
		fi
		if
		:: at[p] == advised && told == fail && was == accepted -> advice[p] = LAPSE
		:: at[p] == advised && (told == ok || was != accepted) -> tries(p)
		:: else
		fi
		phase[p] = idle
		newest[p] = false
		belief[p] = 0
		say(("@ tell %d %e %e | %e\n", p, told, was, at[p]))
		told = 0; was = 0; i = 0
	}
	od
}

/* clock lets a tick pass. It waits for the pods and their messages, but for strokes of trouble. */
proctype clock() {
	do
	:: d_step { true ->
		waits = false
		for (i : 0 .. PODS - 1) {
			if
			:: !dead[i] && (!done[i] || phase[i] != idle || ADVISED(i) && !tried[i]) -> waits = true
			:: else
			fi
		}
		if
		:: waits && !STROKE
		:: else ->
			if
			:: waits -> strikes()
			:: else
			fi
			rested = (rested < REST -> rested + 1 : rested)
			if
			:: leaseLeft > 0 -> leaseLeft--
			:: else
			fi
			if
			:: leaseLeft == 0 -> holder = NOBODY
			:: else
			fi
			for (i : 0 .. PODS - 1) {
				done[i] = false; tried[i] = false
				if
				:: since[i] <= CELL -> since[i]++
				:: else
				fi
				if
				:: belief[i] > 0 -> belief[i]--
				:: else
				fi
				if
				:: cellLeft[i] > 0 -> cellLeft[i]--
				:: else
				fi
				if
				:: cellLeft[i] == 0 -> cell[i] = none
				:: else
				fi
				if
				:: advice[i] > 0 && !NO_LAPSE -> advice[i]--
				:: else
				fi
				unheard[i] = (!dead[i] && ADVISED(i) -> unheard[i] + 1 : 0)
				/* Advice lapses: who does not reach the store is not kept out by it. */
				claim(unheard[i] <= LAPSE)
			}
			if
			:: !trouble && quiet < AGREED -> quiet++
			:: else
			fi
			if
			:: quiet == AGREED ->
				all = 0
				for (i : 0 .. PODS - 1) {
					if
					:: !dead[i] -> all++
					:: else
					fi
				}
				for (i : 0 .. PODS - 1) {
					/* All agree. A broken pod, as the holder of leases too, keeps nobody out. */
					claim(dead[i] || broken == i || down || at[i] == closed)
					claim(dead[i] || silent == i || all < 2 || !down || at[i] != closed)
				}
			:: else
			fi
			all = 0
			for (i : 0 .. PODS - 1) { all = all + unread[i] }
			result = (all > 0 -> result : none)
			say(("@ tick 0 | %d\n", quiet))
		fi
		i = 0; all = 0; waits = false
	}
	od
}

/* world is what makes trouble, and ends it. */
proctype world() {
	do
	:: d_step { STROKE -> strikes(); up = !up; say(("@ store 0 %d | 0\n", up)) }
	:: d_step { STROKE ->
		strikes()
		down = !down
		wasDown = true
		say(("@ dependency 0 %d | 0\n", !down))
	}
	:: d_step { trouble && ENDS ->
		trouble = false
		up = true
		strokes = 0
		rested = 0
		for (i : 0 .. PODS - 1) { cut[i] = false }
		i = 0
		say(("@ quiet 0 0 | 0\n"))
	}
	od
}

init {
	atomic {
		if
		:: broken = 0
		:: broken = NOBODY
		fi
		if
		:: silent = PODS - 1
		:: silent = NOBODY
		fi
		printf("@ pods 0 %d %d | 0\n", broken, silent)
		byte p
		for (p : 0 .. PODS - 1) { run pod(p) }
		run clock(); run world()
	}
}
