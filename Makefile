# esker: make demo shows it, make test proves it. CONTRIBUTING.md says more.
BIN := bin/esker

.PHONY: build demo test lint bench soak fuzz tools clean

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
	$(BIN) bench run --quick --shape all --tcp

# The exhaustive loops of the tests: every byte, every operation.
soak: build
	ESKER_SOAK=1 go test -count=1 -timeout=0 ./...

fuzz:
	go run ./internal/ci fuzz -each 60s

tools:
	.ci/tools.sh

clean:
	rm -rf bin
