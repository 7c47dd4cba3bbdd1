#!/usr/bin/env bash
# Runs all benchmarks of this module and prints their table of ratios as Markdown.
#
#   ./run.sh                  the table
#   ./run.sh -check           the table and the targets; exits 1 if one is missed
#   OUT=bench.txt ./run.sh    keeps the raw output too, for benchstat
#
# ROUNDS (6) is how many runs the medians are of, BENCHTIME (0.3s) how long each row takes in a
# run. It takes some three minutes.
set -euo pipefail
cd "$(dirname "$0")"

rounds=${ROUNDS:-6} benchtime=${BENCHTIME:-0.3s}
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
		github.com/avast/retry-go/v5 github.com/cenkalti/backoff/v6 github.com/sethvargo/go-retry \
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
	measure -test.bench Parallel -test.cpu 1,2
done

"$work/table" "$@" "$out"
