# esker: make demo shows it, make test proves it. CONTRIBUTING.md says more.
BIN := bin/esker

.PHONY: build demo test lint bench bench-peers bench-docs soak fuzz tools clean

build:
	CGO_ENABLED=0 go build -trimpath -o $(BIN) ./cmd/esker

demo: build
	$(BIN) demo

# Everything this machine can test. What is missing is installed, or named at the end.
test:
	.ci/test.sh

lint:
	.ci/lint.sh

bench: build
	$(BIN) bench run --quick --shape all --over both

# The same rows through other stores, in the same run. Needs the network once, a C compiler (DuckDB), Java 17 and Maven (Cassandra).
bench-peers: build
	cd bench/peers && go run .

# The whole workload and the peers, written into docs/benchmarks.md.
bench-docs: build
	$(BIN) bench run --shape all --over both --into docs/benchmarks.md
	$(BIN) bench tables --into docs/benchmarks.md
	$(BIN) bench rollups --into docs/benchmarks.md
	$(BIN) bench rolling --into docs/benchmarks.md
	$(BIN) bench store --into docs/benchmarks.md
	cd bench/peers && PEERS_INTO=../../docs/benchmarks.md go run .

# The exhaustive loops of the tests: every byte, every operation.
soak: build
	ESKER_SOAK=1 go test -count=1 -timeout=0 ./...

fuzz:
	go run ./internal/ci fuzz -each 60s

tools:
	.ci/tools.sh

clean:
	rm -rf bin
