#!/bin/bash
# The test command: tools, lint, tests with the race detector, a short round of fuzzing, and a count.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
.ci/tools.sh
CGO_ENABLED=0 go build -trimpath -o bin/esker ./cmd/esker || exit 1
exec go run ./internal/ci test
