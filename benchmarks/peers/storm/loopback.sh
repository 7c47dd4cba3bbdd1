#!/usr/bin/env bash
# Plays shortened storms on a real HTTP server, in two minutes of the machine's time, and in the
# lab, and writes loopback.txt and its tables in docs/storms.md. It wants a machine with little else
# to do: where calls begin late, it plays a storm again.
#
#   ./loopback.sh            eight seeds in the lab
#   ./loopback.sh -seeds 2   fewer; the page says how many
set -euo pipefail
cd "$(dirname "$0")"
HOLDFAST_STORM_LOOPBACK=1 go test -count=1 -v -timeout 30m -run '^TestOnARealServer$' . -record-loopback "$@"
