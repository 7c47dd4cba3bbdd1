#!/usr/bin/env bash
# Plays every storm of a fleet, in four seeds, and writes run.txt, and the tables of docs/fleet.md.
# It takes some minutes: a process for each processor plays its share.
#
#   ./run.sh            four seeds
#   ./run.sh -seeds 2   fewer; the page says how many
set -euo pipefail
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
go test -c -o "$work/storms.test" .

shares=$(nproc)
players=()
for ((i = 0; i < shares; i++)); do
	GOMAXPROCS=1 GOGC=400 nice -n 10 "$work/storms.test" -test.run '^TestPlay$' -test.timeout 1h -share "$i/$shares" -into "$work/$i.txt" "$@" &
	players+=($!)
done
for player in "${players[@]}"; do
	wait "$player"
done
"$work/storms.test" -test.run '^TestThePageShowsTheRun$' -update "$work" "$@"
