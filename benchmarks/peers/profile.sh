#!/usr/bin/env bash
# Profiles some calls, and prints where their nanoseconds go, as a Markdown table.
#
#   ./profile.sh           the table
#   ./profile.sh -update   also writes docs/benchmarks.md
#
# BENCHTIME (5s) is how long each is profiled. It takes about a minute. PROFILES=dir keeps the
# profiles there, for go tool pprof.
set -euo pipefail
cd "$(dirname "$0")"

flags=(-profile)
case ${1-} in
'') ;;
-update) flags+=(-write ../..) ;;
*)
	echo "usage: profile.sh [-update]" >&2
	exit 2
	;;
esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
profiles=${PROFILES:-$work}
mkdir -p "$profiles"

go test -c -o "$work/peers.test" .
go build -o "$work/table" ./cmd/table

for bench in Pipeline/holdfast_Do Pipeline/holdfast_Do_observed BreakerClosed/holdfast \
	PresetServer/holdfast_Critical PresetServerDone/holdfast_Critical; do
	echo "$bench" >&2
	profile=$profiles/${bench//\//-}.prof
	"$work/peers.test" -test.run '^$' -test.bench "^Benchmark${bench/\//\$\/^}\$" -test.benchtime "${BENCHTIME:-5s}" \
		-test.cpuprofile "$profile"
	go tool pprof -traces -unit=ms "$work/peers.test" "$profile" 2>/dev/null
done >"$work/profile.txt"

"$work/table" "${flags[@]}" "$work/profile.txt"
