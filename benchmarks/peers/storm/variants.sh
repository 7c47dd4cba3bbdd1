#!/usr/bin/env bash
# Plays the presets without each of their parts, and with each of their numbers halved and doubled,
# and writes the tables of docs/storms.md, "What each part wins". It takes some minutes.
#
#   ./variants.sh            four seeds
#   ./variants.sh -seeds 2   fewer
set -euo pipefail
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
GOGC=400 nice -n 10 go test -run '^TestVariants$' -timeout 1h . -seeds 4 -variants "$work/tables" "$@"
page=../../../docs/storms.md
first='<!-- written by benchmarks/peers/storm/variants.sh -->'
last='<!-- until here, the variants -->'
awk -v first="$first" -v last="$last" -v tables="$work/tables" '
	$0 == first { print; while ((getline line < tables) > 0) print line; print ""; skip = 1 }
	$0 == last { skip = 0 }
	!skip && $0 != first { print }
' "$page" >"$work/page"
grep -qF "$last" "$work/page"
cat "$work/page" >"$page"
