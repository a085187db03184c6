#!/bin/bash
# The test command: tools, build, lint, tests with the race detector, a short round of fuzzing, and a count.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
.ci/tools.sh
# Tests start a real Cassandra where this names the folder of its jars.
export ESKER_CASSANDRA=$PWD/.tools
# The sample is the same in every run, so that a red run is about the change; the quick loop and the soak are random.
export ESKER_SEED=${ESKER_SEED:-20260101} RAPID_SEED=${RAPID_SEED:-20260101}
# Not `go run`: it would add a line of its own behind the count.
CGO_ENABLED=0 go build -o .tools/ci ./internal/ci || exit 1
exec .tools/ci test
