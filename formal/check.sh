#!/usr/bin/env bash
# Checks the models with spin: what they claim holds within the bounds, and each mistake of a mutant
# is found. Then it makes the runs in testdata anew, which have to be the same.
#
#   formal/check.sh           all of it
#   formal/check.sh -update   writes the runs to testdata
#
# It needs spin and gcc (Debian: apt-get install spin gcc), and installs nothing. Where one is
# missing it says so, and fails only if HOLDFAST_REQUIRE_SERVICES=1. HOLDFAST_NIGHTLY=1 also tries
# the wider bounds.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
here=$PWD

for tool in spin gcc; do
	if ! command -v "$tool" >/dev/null; then
		printf 'formal/check.sh: %s is missing, so no model was checked; on Debian: apt-get install spin gcc\n' "$tool"
		[[ ${HOLDFAST_REQUIRE_SERVICES:-} != 1 ]]
		exit
	fi
done

# Each row: what is wanted ("holds", "found", or "caught" where the shortest way to a mistake takes
# long to find), the model, what is asked ("safety" for the assertions, or the name of an ltl), and
# the bounds and mistakes.
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
	"holds fleet safety -DSTROKES=2"
	"holds fleet safety -DPODS=2 -DSTROKES=3"
	"found fleet safety -DLEASE_FROM_REPLY=1"
	"found fleet safety -DNO_EPOCH=1"
	"found fleet safety -DNO_VETO=1"
	"caught fleet safety -DSAME_AGAIN=1 -DSTROKES=2"
	"caught fleet safety -DNO_LAPSE=1 -DSTROKES=2"
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
		"holds fleet safety -DPODS=2 -DSTROKES=5"
	)
fi

# The runs that are drawn at random, and replayed: the model, a name, and what spin is told.
drawn="-DCALLS=3 -DONE_STEP -DWELL=false -DHANDS=250 -DREST=12"
draws=(
	"breaker two $drawn -DPROBES=2"
	"breaker one $drawn -DPROBES=1"
	"breaker least $drawn -DPROBES=3 -DMIN_GOOD=2"
	"fleet trouble -DENDS=false -DSTROKES=250 -DREST=3"
)
seeds=(1 2 3)
events=400

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# check WANT MODEL ASK [BOUNDS...]: leaves a trail in $scratch/run if a mistake was found.
check() {
	local want=$1 model=$2 ask=$3 optimize=-O2 how=() run=() states errors
	shift 3
	rm -rf "$scratch/run" && mkdir "$scratch/run" && cd "$scratch/run"
	cp "$here/$model.pml" .
	if [[ $want != holds ]]; then optimize=-O0; fi
	if [[ $ask == safety ]]; then
		how=(-DNOCLAIM -DSAFETY)
		if [[ $want == found ]]; then how+=(-DBFS); fi # the shortest way to the mistake
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
	found0 | caught0)
		printf '%s: nobody found the mistake of %s\n' "$model" "$*"
		return 1
		;;
	found* | caught*) ;;
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
mkdir -p "$traces/breaker" "$traces/fleet"

# A mistake leaves its counter-example, in the form in which the Go code can follow it.
for row in "${rows[@]}"; do
	read -r want model ask defines <<<"$row"
	if [[ $want == holds ]]; then
		read -ra bounds <<<"$defines"
		check "$want" "$model" "$ask" "${bounds[@]}"
		continue
	fi
	bounds=()
	if [[ $model == breaker ]]; then bounds=(-DCALLS=2 -DPROBES=2 -DONE_STEP); fi
	if [[ $ask == safety && $want == found ]]; then bounds+=(-DSCRATCH=); fi # spin: no hidden variables with BFS
	for define in $defines; do # what the row says in place of the bounds above
		for i in "${!bounds[@]}"; do
			if [[ ${bounds[i]} == "${define%%=*}"=* ]]; then unset "bounds[i]"; fi
		done
		bounds+=("$define")
	done
	name=${defines%%=*}
	check "$want" "$model" "$ask" "${bounds[@]}"
	{
		printf '# %s.pml %s\n' "$model" "${bounds[*]}"
		events "$model" "${bounds[@]}" -t
	} >"$traces/$model/${name#-D}.trace"
done
cp "$here"/*.pml "$scratch" && cd "$scratch"
for draw in "${draws[@]}"; do
	read -r model name defines <<<"$draw"
	read -ra bounds <<<"$defines"
	for seed in "${seeds[@]}"; do
		{
			printf '# %s.pml %s seed %s\n' "$model" "$defines" "$seed"
			events "$model" "${bounds[@]}" "-n$seed" -u40000 | sed -n "1,${events}p"
		} >"$traces/$model/$name-$seed.trace"
	done
done

cd "$here"
if [[ ${1:-} == -update ]]; then
	mkdir -p testdata
	cp -r "$traces/." testdata
elif ! diff -r "$traces" testdata; then
	echo "the runs in testdata are not those of the models; formal/check.sh -update writes them"
	exit 1
fi
