#!/usr/bin/env bash
# Runs all benchmarks of this module and prints their tables of ratios as Markdown.
#
#   ./run.sh                  the tables
#   ./run.sh -check           the tables and the targets; exits 1 if one is missed
#   ./run.sh -check -update   also keeps the run as run.txt, and writes README.md and
#                             docs/benchmarks.md from it
#   OUT=bench.txt ./run.sh    keeps the raw output elsewhere, for benchstat
#
# ROUNDS (6) is how many runs the medians are of, BENCHTIME (0.2s) how long each row takes in a
# run. It takes some four minutes.
set -euo pipefail
cd "$(dirname "$0")"

update='' flags=()
for flag; do
	if [[ $flag == -update ]]; then
		update=1 flags+=(-write ../..)
	else
		flags+=("$flag")
	fi
done

rounds=${ROUNDS:-6} benchtime=${BENCHTIME:-0.2s}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
out=${OUT:-$work/bench.txt}

# Built once: a compiler at work between the rounds would heat up the machine.
go test -c -o "$work/peers.test" .
go build -o "$work/table" ./cmd/table

{
	echo "go: $(go env GOVERSION)"
	go list -m -f '{{if not .Main}}peer: {{.Path}} {{.Version}}{{end}}' \
		github.com/sony/gobreaker/v2 github.com/failsafe-go/failsafe-go github.com/eapache/go-resiliency \
		github.com/felixgeelhaar/fortify github.com/avast/retry-go/v5 github.com/cenkalti/backoff/v7 \
		github.com/sethvargo/go-retry github.com/zeromicro/go-zero github.com/go-kratos/aegis \
		github.com/afex/hystrix-go github.com/hashicorp/go-retryablehttp
} >"$out"

# Rounds over everything, not -test.count: that would repeat each row in place, and a noisy
# minute would fall on one row alone.
measure() {
	"$work/peers.test" -test.run '^$' -test.benchtime "$benchtime" "$@" >"$work/round.txt" || {
		cat "$work/round.txt" >&2
		exit 1
	}
	cat "$work/round.txt" >>"$out"
}
for ((round = 1; round <= rounds; round++)); do
	echo "round $round of $rounds" >&2
	measure -test.bench . -test.skip Parallel
	measure -test.bench Parallel -test.cpu 2
done

if [[ $update ]]; then
	cp "$out" run.txt
fi
"$work/table" "${flags[@]}" "$out"
