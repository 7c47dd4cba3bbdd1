#!/usr/bin/env bash
# Runs the benchmarks that grow, of package benchmarks, and prints their tables as Markdown.
#
#   ./growth.sh           the tables
#   ./growth.sh -update   also keeps the run as growth.txt, and writes docs/benchmarks.md from it
#
# ROUNDS (4) is how many runs the medians are of. It takes about a minute.
set -euo pipefail
cd "$(dirname "$0")"

update='' flags=(-growth)
case ${1-} in
'') ;;
-update) update=1 flags+=(-write ../..) ;;
*)
	echo "usage: growth.sh [-update]" >&2
	exit 2
	;;
esac

rounds=${ROUNDS:-4}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

go test -c -o "$work/benchmarks.test" ..
go build -o "$work/table" ./cmd/table

echo "go: $(go env GOVERSION)" >"$work/growth.txt"
for ((round = 1; round <= rounds; round++)); do
	echo "round $round of $rounds" >&2
	"$work/benchmarks.test" -test.run '^$' -test.bench 'Grow(Stages|Keys)$' -test.benchtime 0.1s >>"$work/growth.txt"
	# So many calls, so that 10,000 callers make some each.
	"$work/benchmarks.test" -test.run '^$' -test.bench 'GrowCallers$' -test.benchtime 300000x -test.cpu 2 >>"$work/growth.txt"
done

if [[ $update ]]; then
	cp "$work/growth.txt" growth.txt
fi
"$work/table" "${flags[@]}" "$work/growth.txt"
