#!/usr/bin/env bash
# Puts every library through every storm, and writes the tables and the plot of docs/storms.md.
set -euo pipefail
cd "$(dirname "$0")"
exec go test -count=1 -run TestPresetsHold . -update
