# Needs GNU make and Python 3.11 or newer; everything else goes into .venv.
# PYTHON=/path/to/python3 chooses the Python that .venv is made with.

SHELL := /bin/sh
.DEFAULT_GOAL := help

export PYTHON
unexport PYTHONPATH PYTHONHOME PYTHONSAFEPATH

BIN := .venv/bin
RUN := sh local/bootstrap.sh requirements.txt
DEVELOP := sh local/bootstrap.sh requirements-dev.txt
MEASURE := sh local/bootstrap.sh requirements-bench.txt
TESTS ?=
PROCESSES ?= logical
PHASES ?=
PEERS ?=
ATTACKS ?=
OPERATIONS ?=
SITUATIONS ?=
UPGRADE ?=
SEED ?= 1
SEEDS ?= 10
CRASHES ?=
BREAKAGES ?=
EXAMPLES ?= 500
SWITCHES ?= 1
ONLY ?=
PLANTED ?=
SHORT ?=
DAYS ?=
UNTIL ?=
SHRINK ?=
LOCK := uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-find-links --no-header --quiet

.PHONY: help
help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' Makefile | while IFS='	' read -r name does; do printf '%-13s %s\n' "$$name" "$$does"; done

.PHONY: run
run: ## Set up and run the whole service on this machine; Ctrl-C stops it
	@$(RUN) && exec $(BIN)/python -m local.run

.PHONY: test
test: ## Run the tests against real servers, on all cores; TESTS="tests/local -k lock" chooses some
	@$(DEVELOP) && exec $(BIN)/python -m pytest -n $(PROCESSES) --dist loadfile --no-loadscope-reorder $(TESTS)

.PHONY: test-sdks
test-sdks: ## Test programs on Dapr's SDKs for Go and Java, and the TypeScript client, where their tools are present
	@$(DEVELOP)
	@$(BIN)/python -m tests.dapr_sdk
	@$(BIN)/python -m tests.clients.typescript

.PHONY: bench
bench: ## Measure against yardsticks (BENCH_QUICK=1: a quarter of an hour); PHASES="drain steady" measures some
	@$(MEASURE) && exec $(BIN)/python -m bench $(PHASES)

.PHONY: bench-peers
bench-peers: ## Measure what else one might pick, beside Wakecall; PEERS="celery" measures some
	@$(MEASURE) && exec $(BIN)/python -m bench.peers $(PEERS)

.PHONY: bench-hostile
bench-hostile: ## Measure what hostile clients do to others; ATTACKS="abort accept" measures some
	@$(MEASURE) && exec $(BIN)/python -m bench.hostile $(ATTACKS)

.PHONY: bench-neighbours
bench-neighbours: ## Measure what each operation of one account does to another; OPERATIONS="fusion redeliver" measures some
	@$(DEVELOP) && exec $(BIN)/python -m bench.neighbours $(OPERATIONS)

.PHONY: scale
scale: ## Time each statement of the console's pages on ten million runs (RUNS), which takes a quarter of an hour and 8 GB of disk
	@$(DEVELOP) && exec $(BIN)/python -m tests.scale --runs $(or $(RUNS),10000000)

.PHONY: soak
soak: ## Play what operators live through, under load, in 30 minutes (SOAK_MINUTES); SITUATIONS="kills hang" plays some
	@$(DEVELOP) && exec $(BIN)/python -m tests.soak $(SITUATIONS)

.PHONY: chaos
chaos: ## Kill, stop, cut and fill under load, 10 minutes (CHAOS_MINUTES), and check every call; CHAOS_FAULTS="valkey clock"
	@$(DEVELOP) && exec $(BIN)/python -m tests.chaos

.PHONY: simulate
simulate: ## Play seeds of a year with faults and check all promises; SEED=17 SEEDS=100, CRASHES=1, BREAKAGES=10
	@$(DEVELOP) && exec $(BIN)/python -m tests.simulation --seed $(SEED) --seeds $(or $(BREAKAGES),$(SEEDS)) \
	  $(if $(CRASHES),--crashes $(CRASHES)) $(if $(SHORT),--short) $(if $(DAYS),--days $(DAYS)) \
	  $(if $(UNTIL),--until $(UNTIL)) $(if $(ONLY),--only '$(ONLY)') $(if $(SHRINK),--shrink $(SHRINK)) \
	  $(if $(BREAKAGES),--breakages '$(PLANTED)' --table docs/guarantees.md,$(if $(PLANTED),--planted '$(PLANTED)'))

.PHONY: interleavings
interleavings: ## Stop each operation of the firing path at each statement for each other one; SWITCHES=2, ONLY="once, due", BREAKAGES=1
	@$(DEVELOP) && exec $(BIN)/python -m tests.interleavings --only "$(ONLY)" --switches $(SWITCHES) \
	  $(if $(BREAKAGES),--breakages)

.PHONY: models
models: ## Compare each dialect with a model, in 500 drawn examples (EXAMPLES); ONLY=fusion, SEED=1
	@$(DEVELOP) && exec $(BIN)/python -m tests.models --only "$(ONLY)" --examples $(EXAMPLES) --seed $(SEED)

.PHONY: fuzz
fuzz: ## Send drawn requests, and texts to every parser, for ten minutes (FUZZ_MINUTES); FUZZ_SEED=1 repeats a run, FUZZ_ONLY=cron
	@$(DEVELOP) && PYTHONPATH=clients/python/src exec $(BIN)/python -m tests.fuzz

.PHONY: lint
lint: ## Check format, lint, types and import rules
	@$(DEVELOP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	PYTHONPATH=clients/python/src $(BIN)/lint-imports

.PHONY: check
check: lint test ## Lint, then test

.PHONY: format
format: ## Format the code and mend what the linter can
	@$(DEVELOP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: cli-reference
cli-reference: ## Write the help of every command of the command line into docs/cli.md
	@$(DEVELOP)
	PYTHONPATH=clients/python/src $(BIN)/python -m tests.clients.cli.reference

.PHONY: protos
protos: ## Generate the modules of the .proto files
	@$(DEVELOP)
	$(BIN)/python -m grpc_tools.protoc --proto_path=. --python_out=. --pyi_out=. app/protos/*.proto

.PHONY: lock
lock: ## Lock the dependencies of pyproject.toml (needs uv); UPGRADE=--upgrade takes the newest
	@command -v uv >/dev/null || { echo "wakecall: make lock needs uv: https://docs.astral.sh/uv/" >&2; exit 1; }
	$(LOCK) $(UPGRADE) pyproject.toml -o requirements.txt
	$(LOCK) $(UPGRADE) -c requirements.txt --group dev pyproject.toml -o requirements-dev.txt
	$(LOCK) $(UPGRADE) -c requirements-dev.txt --group dev --group bench pyproject.toml -o requirements-bench.txt
	for sdk in oldest newest; do \
	  $(LOCK) $(UPGRADE) tests/dapr_sdk/locks/$$sdk.in -o tests/dapr_sdk/locks/$$sdk.txt || exit 1; \
	done

.PHONY: lock-peers
lock-peers: ## Lock the peers of `make bench-peers` (needs uv and npm); UPGRADE=--upgrade as above
	for peer in apscheduler celery procrastinate; do \
	  $(LOCK) $(UPGRADE) bench/peers/locks/$$peer.in -o bench/peers/locks/$$peer.txt || exit 1; \
	done
	npm install --package-lock-only --omit-lockfile-registry-resolved --ignore-scripts --no-audit \
	  --no-fund --prefix bench/peers/locks/quirrel

.PHONY: clean
clean: ## Remove .venv and all caches; data directories stay
	rm -rf .venv bench/peers/.installed .dapr-sdks tests/dapr_sdk/java/target .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
