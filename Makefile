BIN := .cache/bin
.PHONY: help demo build unit test test-long deps lint fmt fuzz bench microbench

help: ## Show these targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20
demo: ## Gateway, practice IdP and echo upstream in one process: open the printed URL
	go run ./cmd/sallyport demo
build: ## Build bin/sallyport
	CGO_ENABLED=0 go build -trimpath -o bin/sallyport ./cmd/sallyport
unit: ## Tests that need nothing but Go
	go test ./...
test: deps ## Everything, race detector on: unit tests, then Keycloak, Redis and Chromium end to end
	go test -count=1 -run '^Test.*(Allocation|AKilobyte)' ./cmd/sallyport ./internal/server ./internal/session ./internal/upstream ./internal/plugins/openidconnect # the race detector empties pools
	go test -json -race -tags integration -timeout 24m -count=1 ./... | go run ./test/ran docs/security.md docs/reference/openid-connect.md
test-long: deps ## The long parts of the tests, half an hour of mixed traffic above all; writes docs/soak.md
	SALLYPORT_LONG=1 SALLYPORT_SOAK=30m SALLYPORT_SOAK_REPORT=1 go test -race -tags integration -timeout 60m -count=1 ./test/...
deps: ## Install what the end-to-end tests need (apt, mvn); does nothing where all is there
	tools/deps
lint: $(BIN)/golangci-lint ## Run the linters
	$(BIN)/golangci-lint run --allow-parallel-runners ./...
fmt: $(BIN)/golangci-lint ## Format the code
	$(BIN)/golangci-lint fmt ./...
fuzz: ## Run every fuzz target for a moment beyond its seeds
	tools/fuzz
bench: ## Measure beside nginx and other gateways (17 to 20 minutes); writes docs/performance.md
	tools/benchdeps
	bench/run
microbench: ## Compare the micro-benchmarks with those of another commit, BASE (HEAD unless set)
	tools/microbench
$(BIN)/golangci-lint: tools/go.mod tools/go.sum
	go build -C tools -o ../$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint
