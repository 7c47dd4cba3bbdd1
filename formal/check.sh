#!/usr/bin/env bash
# Checks the models with spin: what they claim holds within the bounds, and each mistake of a mutant
# is found. Then it makes the runs in testdata anew, which have to be the same.
#
#   formal/check.sh           all of it
#   formal/check.sh fleet     only these models: breaker, series, fleet
#   formal/check.sh -update   writes the runs to testdata; models may follow
#
# It needs spin and gcc (Debian: apt-get install spin gcc), and installs nothing. Where one is
# missing it says so, and fails only if HOLDFAST_REQUIRE_SERVICES=1. HOLDFAST_NIGHTLY=1 also tries
# the wider bounds.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
here=$PWD

update=false
if [[ ${1:-} == -update ]]; then update=true && shift; fi
models=("$@")
if [[ $# == 0 ]]; then models=(breaker series fleet); fi

for tool in spin gcc; do
	if ! command -v "$tool" >/dev/null; then
		printf 'formal/check.sh: %s is missing, so no model was checked; on Debian: apt-get install spin gcc\n' "$tool"
		[[ ${HOLDFAST_REQUIRE_SERVICES:-} != 1 ]]
		exit
	fi
done

# Each row: what is wanted ("holds"; "found", or "caught" where the shortest way to a mistake takes
# long to find; "shown", which is no mistake), the model, what is asked ("safety" for the
# assertions, or the name of an ltl), and the bounds and mistakes.
rows=(
	"holds breaker safety"
	"holds breaker safety -DMIN_GOOD=1"
	"holds breaker heals -DHANDS=1 -DGIVE_UPS=1"
	"holds breaker ends -DHANDS=1 -DGIVE_UPS=1"
	"found breaker safety -DSTALE_CALL=1"
	"found breaker safety -DSTALE_PROBE=1"
	"found breaker safety -DGATE_FORGETS=1"
	"found breaker safety -DISOLATE_KEEPS=1"
	"found breaker ends -DHANGS_FOREVER=1"
	"found breaker ends -DTIME_RENEWED=1"
	"found breaker heals -DNO_MARK=1 -DPROBES=1"
	"holds series safety"
	"holds series safety -DMIN_GOOD=1"
	"holds series heals -DHANDS=1 -DGIVE_UPS=1"
	"found series safety -DONE_AT_A_TIME=1"
	"found series safety -DFROM_OUTCOME=1"
	"found series safety -DNO_PAUSE=1"
	"found series safety -DHANGS_FOREVER=1"
	"found series safety -DLATE_PROBE=1"
	"found series safety -DSTALE_PROBE=1"
	"found series safety -DSTALE_CALL=1"
	"found series safety -DMISSING_GOOD=1"
	"found series safety -DISOLATE_KEEPS=1"
	"found series heals -DNO_MARK=1 -DPROBES=1"
	"holds fleet safety"
	"holds fleet safety -DPODS=2 -DSTROKES=3"
	"holds fleet safety -DREAL -DSTROKES=1"
	"found fleet safety -DLEASE_FROM_REPLY=1 -DREAL -DPODS=2"
	"found fleet safety -DNO_HOLD_AFTER=1 -DREAL -DPODS=2"
	"found fleet safety -DNO_EPOCH=1 -DREAL -DPODS=2"
	"found fleet safety -DTOLD_TWICE=1 -DREAL -DPODS=2"
	"found fleet safety -DSTILL_WAITS=1 -DREAL"
	"found fleet safety -DNO_LAPSE=1 -DREAL -DPODS=2"
	"found fleet safety -DNO_VETO=1 -DREAL"
	"found fleet safety -DOTHERS_WORD=1 -DREAL"
	"caught fleet safety -DSAME_AGAIN=1 -DREAL -DPODS=2"
	"shown fleet safety -DSHOW_IGNORED=1 -DREAL -DPODS=2"
)
depth=1000000 # of a search; a smaller stack than it needs is an error
if [[ ${HOLDFAST_NIGHTLY:-} == 1 ]]; then
	depth=10000000
	rows+=(
		"holds breaker safety -DCALLS=3 -DHANDS=1 -DGIVE_UPS=1"
		"holds breaker safety -DPROBES=3 -DMIN_GOOD=2"
		"holds breaker heals"
		"holds breaker heals -DPROBES=1"
		"holds breaker heals -DMIN_GOOD=1"
		"holds breaker ends"
		"holds series safety -DCALLS=3 -DHANDS=1 -DGIVE_UPS=1"
		"holds series safety -DPROBES=3 -DMIN_GOOD=2"
		"holds series heals"
		"holds series heals -DPROBES=1"
		"holds series heals -DMIN_GOOD=1"
		"holds fleet safety -DSTROKES=3"
		"holds fleet safety -DREAL -DPODS=2"
	)
fi

# The runs that are drawn at random, and replayed: the model, a name, the seeds, and what spin is
# told.
drawn="-DCALLS=3 -DONE_STEP -DWELL=false -DHANDS=250 -DREST=12"
pods="-DREAL -DDRAWN -DENDS=false -DSTROKES=250"
draws=(
	"breaker two 1,2,3 $drawn -DPROBES=2"
	"breaker one 1,2,3 $drawn -DPROBES=1"
	"breaker least 1,2,3 $drawn -DPROBES=3 -DMIN_GOOD=2"
	"series two 1,2,3 $drawn -DPROBES=2 -DMAX_PAUSE=1"
	"series one 1,2,3 $drawn -DPROBES=1 -DMAX_PAUSE=1"
	"series least 1,2,3 $drawn -DPROBES=3 -DMIN_GOOD=2 -DMAX_PAUSE=1"
	"fleet busy 4,8,10 $pods -DGAP=1"
	"fleet calm 1,9,27 $pods -DGAP=4"
	"fleet pair 1,5,23 $pods -DGAP=2 -DPODS=2"
)
events=400

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# asked MODEL: whether that is one of those to check.
asked() { [[ " ${models[*]} " == *" $1 "* ]]; }

# check WANT MODEL ASK [BOUNDS...]: leaves a trail in $scratch/run if a mistake was found.
check() {
	local want=$1 model=$2 ask=$3 optimize=-O2 how=() run=() states errors
	shift 3
	rm -rf "$scratch/run" && mkdir "$scratch/run" && cd "$scratch/run"
	cp "$here/$model.pml" .
	if [[ $want != holds ]]; then optimize=-O0; fi
	if [[ $ask == safety ]]; then
		how=(-DNOCLAIM -DSAFETY)
		if [[ $want != caught && $want != holds ]]; then how+=(-DBFS); fi # the shortest way to it
	else
		how=(-DNFAIR=3)
		run=(-a -f -N "$ask")
	fi
	spin "$@" -a "$model.pml" >spin.log 2>&1 || { cat spin.log; return 1; }
	gcc -w "$optimize" "${how[@]}" -DVECTORSZ=2048 -DMEMLIM=6000 -o pan pan.c
	./pan "-m$depth" "${run[@]}" >pan.log 2>&1 || { cat pan.log; return 1; }
	errors=$(sed -n 's/.*errors: \([0-9]*\).*/\1/p' pan.log)
	states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' pan.log)
	printf '%s: %s: %-62s %9s states, %s MB, %s s\n' "$want" "$model" "$ask $*" "$states" \
		"$(sed -n 's/^ *\([0-9.]*\).*total actual memory usage.*/\1/p' pan.log)" \
		"$(sed -n 's/.*elapsed time \([0-9.]*\) seconds.*/\1/p' pan.log)"
	if grep -q 'Search not completed\|max search depth too small' pan.log && [[ $errors == 0 ]]; then
		echo "the search was not completed:"
		cat pan.log
		return 1
	fi
	case $want$errors in
	holds0) ;;
	found0 | caught0 | shown0)
		printf '%s: nobody found what %s says\n' "$model" "$*"
		return 1
		;;
	found* | caught* | shown*) ;;
	*)
		printf '%s: %s does not hold:\n' "$model" "$ask"
		spin "$@" -t -T "$model.pml" | grep -E '^ *@|CYCLE'
		return 1
		;;
	esac
}

# events MODEL ARGS...: what happens in a run of spin, one event a line.
events() {
	local model=$1
	shift
	spin -T "$@" "$model.pml" | sed -n 's/^ *@ //p; s/.*START OF CYCLE.*/cycle/p'
}

traces=$scratch/testdata
for model in "${models[@]}"; do
	if [[ ! -f $here/$model.pml ]]; then
		printf 'formal/check.sh: there is no model %s\n' "$model"
		exit 2
	fi
	mkdir -p "$traces/$model"
done

# A mistake leaves its counter-example, in the form in which the Go code can follow it.
for row in "${rows[@]}"; do
	read -r want model ask defines <<<"$row"
	asked "$model" || continue
	if [[ $want == holds ]]; then
		read -ra bounds <<<"$defines"
		check "$want" "$model" "$ask" "${bounds[@]}"
		continue
	fi
	bounds=()
	if [[ $model != fleet ]]; then bounds=(-DCALLS=2 -DPROBES=2 -DONE_STEP); fi
	if [[ $model == series ]]; then bounds+=(-DMAX_PAUSE=1); fi
	if [[ $ask == safety && $want != caught ]]; then bounds+=(-DSCRATCH=); fi # spin: no hidden variables with BFS
	for define in $defines; do # what the row says in place of the bounds above
		for i in "${!bounds[@]}"; do
			if [[ ${bounds[i]} == "${define%%=*}"=* ]]; then unset "bounds[i]"; fi
		done
		bounds+=("$define")
	done
	name=${defines%%=*}
	name=${name#-D}
	if [[ $want == shown ]]; then name=${name,,} && name=${name//_/-}; fi
	check "$want" "$model" "$ask" "${bounds[@]}"
	{
		printf '# %s.pml %s\n' "$model" "${bounds[*]}"
		events "$model" "${bounds[@]}" -t
	} >"$traces/$model/$name.trace"
done
cp "$here"/*.pml "$scratch" && cd "$scratch"
for draw in "${draws[@]}"; do
	read -r model name seeds defines <<<"$draw"
	asked "$model" || continue
	read -ra bounds <<<"$defines"
	for seed in ${seeds//,/ }; do
		{
			printf '# %s.pml %s seed %s\n' "$model" "$defines" "$seed"
			events "$model" "${bounds[@]}" "-n$seed" -u40000 | sed -n "1,${events}p"
		} >"$traces/$model/$name-$seed.trace"
	done
done

cd "$here"
for model in "${models[@]}"; do
	if $update; then
		rm -rf "testdata/$model"
		cp -r "$traces/$model" testdata
	elif ! diff -r "$traces/$model" "testdata/$model"; then
		echo "the runs in testdata are not those of the models; formal/check.sh -update writes them"
		exit 1
	fi
done
