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

# Each row: what is wanted, the model, what is asked ("safety" for the assertions, or the name of an
# ltl), and the bounds and mistakes.
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
)
if [[ ${HOLDFAST_NIGHTLY:-} == 1 ]]; then
	rows+=(
		"holds breaker safety -DCALLS=3 -DHANDS=1 -DGIVE_UPS=1"
		"holds breaker safety -DPROBES=3 -DMIN_GOOD=2"
		"holds breaker heals"
		"holds breaker heals -DPROBES=1"
		"holds breaker heals -DMIN_GOOD=1"
		"holds breaker ends"
	)
fi

# The runs that are drawn at random, and replayed: a name, and what spin is told.
draws=(
	"two -DPROBES=2"
	"one -DPROBES=1"
	"least -DPROBES=3 -DMIN_GOOD=2"
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
	if [[ $want == found ]]; then optimize=-O0; fi
	if [[ $ask == safety ]]; then
		how=(-DNOCLAIM -DSAFETY)
		if [[ $want == found ]]; then # the shortest way to the mistake
			how+=(-DBFS)
			set -- "$@" -DSCRATCH= # BFS knows no hidden variables
		fi
	else
		how=(-DNFAIR=3)
		run=(-a -f -N "$ask")
	fi
	spin "$@" -a "$model.pml" >spin.log 2>&1 || { cat spin.log; return 1; }
	gcc -w "$optimize" "${how[@]}" -DVECTORSZ=2048 -DMEMLIM=4000 -o pan pan.c
	./pan -m1000000 "${run[@]}" >pan.log 2>&1 || { cat pan.log; return 1; }
	errors=$(sed -n 's/.*errors: \([0-9]*\).*/\1/p' pan.log)
	states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' pan.log)
	printf '%s: %s: %-40s %9s states, %s MB, %s s\n' "$want" "$model" "$ask $*" "$states" \
		"$(sed -n 's/^ *\([0-9.]*\).*total actual memory usage.*/\1/p' pan.log)" \
		"$(sed -n 's/.*elapsed time \([0-9.]*\) seconds.*/\1/p' pan.log)"
	if grep -q 'Search not completed\|max search depth too small' pan.log && [[ $errors == 0 ]]; then
		echo "the search was not completed:"
		cat pan.log
		return 1
	fi
	case $want$errors in
	holds0) ;;
	found0)
		printf '%s: nobody found the mistake of %s\n' "$model" "$*"
		return 1
		;;
	found*) ;;
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
mkdir -p "$traces/breaker"

for row in "${rows[@]}"; do
	read -ra row <<<"$row"
	check "${row[@]}"
done

# The counter-examples, in the form in which the Go code can follow them.
for mistake in "STALE_CALL safety" "STALE_PROBE safety" "GATE_FORGETS safety" "ISOLATE_KEEPS safety" "HANGS_FOREVER ends" \
	"TIME_RENEWED ends" "NO_MARK heals -DPROBES=1"; do
	read -r name ask more <<<"$mistake"
	defines=("-D$name=1" -DONE_STEP -DSCRATCH=)
	if [[ -n $more ]]; then defines+=("$more"); fi
	check found breaker "$ask" "${defines[@]}" >/dev/null
	{
		printf '# breaker.pml -D%s=1 -DCALLS=2 -DPROBES=2 %s\n' "$name" "$more"
		events breaker "${defines[@]}" -t
	} >"$traces/breaker/$name.trace"
done
cp "$here/breaker.pml" "$scratch" && cd "$scratch"
for draw in "${draws[@]}"; do
	read -r name defines <<<"$draw"
	for seed in "${seeds[@]}"; do
		read -ra bounds <<<"$defines -DCALLS=3"
		{
			printf '# breaker.pml %s, seed %s\n' "${bounds[*]}" "$seed"
			events breaker "${bounds[@]}" -DONE_STEP -DWELL=false -DHANDS=250 -DREST=12 "-n$seed" -u40000 | sed -n "1,${events}p"
		} >"$traces/breaker/$name-$seed.trace"
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
