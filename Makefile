# The front door. Every target makes what it needs: a virtual environment from the locked requirements.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3 python; do command -v $$p >/dev/null 2>&1 && \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# By default uv trusts its own list of certificates only, which fails behind a proxy the machine itself trusts.
UV := $(BIN)/uv --system-certs --quiet
COMPILE := $(UV) pip compile --upgrade --universal --python-version 3.11 --generate-hashes --no-header \
	--no-emit-index-url --no-emit-find-links
PYTEST := $(BIN)/python -m pytest
# What needs no program but Python.
ANYWHERE := "not kafka and not promtool and not prometheus and not chart and not chromium and not long"
# What a real broker can change; everything else has run in `make test`.
ON_KAFKA := "(kafka or either_kafka or long) and not promtool and not prometheus and not chart"
# Workers that start a server of their own each, a broker or a Prometheus.
SERVER_WORKERS ?= 3
# Most tests wait for something; more workers than processors are no waste.
WORKERS ?= 4
# pytest options that make a run one for `coverage-floors`.
MEASURED := --cov --cov-branch --cov-report=
EVENTS ?= 20000
SBOM ?= build/sbom.cdx.json
CYCLONEDX := 7.5.0
# What `soak` looks into: the same seed does the same again.
ifndef SEED
SEED := $(shell od -An -N3 -tu4 /dev/urandom | tr -d ' ')
endif
FUZZ_INPUTS ?= 50000
SOAK_SEEDS ?= 10
SOAK_SECONDS ?= 60
SOAK_KAFKA ?= embedded
# Against the committed result: a row that needs 15 % more of the processor fails.
BENCH ?= --compare

.DEFAULT_GOAL := help
.PHONY: help demo test test-kafka test-metrics test-chart test-pages test-cluster mutants fuzz soak soak-properties soak-crashes coverage coverage-floors lint format bench bench-guard bench-peers lock dashboards sbom image pictures clean

help: ## Show the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

demo: $(VENV)/.runtime ## Run the whole system in one process: embedded Kafka, LiveIntent sandbox, generated Segment events
	@$(BIN)/segment-liveintent demo --once --events $(EVENTS)

test: $(VENV)/.dev ## Run every test that needs nothing but Python
	@$(PYTEST) -n $(WORKERS) -m $(ANYWHERE)

test-kafka: $(VENV)/.dev ## Run the integration tests against a real Apache Kafka (needs Java 17+ and Maven)
	@TEST_KAFKA=real $(PYTEST) -n $(SERVER_WORKERS) --dist load --maxschedchunk 1 -m $(ON_KAFKA) --timeout 600

test-metrics: $(VENV)/.dev ## Metrics, rules, alerts and dashboards against a real Prometheus (Debian package prometheus)
	@$(PYTEST) -n $(SERVER_WORKERS) --dist load --maxschedchunk 1 -m "promtool or prometheus"

test-chart: $(VENV)/.dev ## Render the Helm chart under Helm 4 and 3, and hold it against schemas and scanners (fetches them once)
	@$(BIN)/python -m tests.chart.fetch
	@$(PYTEST) tests/chart tests/monitoring -n $(WORKERS) -m chart

test-pages: $(VENV)/.dev ## Look at the status page in a real browser, in every state (Debian package chromium)
	@$(PYTEST) tests/pages -m chromium

test-cluster: $(VENV)/.dev ## Install the chart in a real Kubernetes, built from its Go modules (Debian, as root; Go, Java, Maven)
	@$(BIN)/python -m tests.cluster.fetch
	@mkdir -p build
	@IMAGE_ARCHIVE=$(CURDIR)/build/image.tar tests/image/build_without_docker.sh
	@$(BIN)/python -m tests.cluster build/image.tar

mutants: $(VENV)/.dev ## Break the correctness core in small, listed ways, and show that the tests see each
	@$(BIN)/python -m tests.mutations

fuzz: $(VENV)/.fuzz ## Give the decoder hostile bytes: by a grammar, then led by coverage (SEED, FUZZ_INPUTS)
	@$(BIN)/python -m tests.fuzz --inputs $(FUZZ_INPUTS) --seed $(SEED)
	@$(BIN)/python -m tests.fuzz.guided --inputs $(FUZZ_INPUTS) --seed $(SEED)

soak: FUZZ_INPUTS = 1000000
soak: soak-properties fuzz soak-crashes bench-guard ## Look for new failures: long state machines, two million fuzz inputs, crashes, lost speed (SEED, SOAK_SEEDS, SOAK_SECONDS, SOAK_KAFKA)

soak-properties: $(VENV)/.dev
	@echo "Seed $(SEED): SEED=$(SEED) make soak does the same again."
	@HYPOTHESIS_PROFILE=soak $(PYTEST) tests/properties -n $(WORKERS) --timeout 7200 --hypothesis-seed=$(SEED)

soak-crashes: $(VENV)/.dev
	@$(BIN)/python -m tests.crash --seed $(SEED) --seeds $(SOAK_SEEDS) --seconds $(SOAK_SECONDS) --kafka $(SOAK_KAFKA)

coverage: export PYTEST_ADDOPTS = $(MEASURED)
coverage: test coverage-floors ## Run the tests, and hold branch coverage against its floors

coverage-floors: $(VENV)/.dev ## Branch coverage of the last measured run: 95 % over all, 100 % where there is no input or output
	@$(BIN)/python -m coverage report --fail-under 95
	@$(BIN)/python -m coverage report --fail-under 100 --include "$$($(BIN)/python -m tests.repo.pure_modules)"

lint: $(VENV)/.dev ## Check format, lint, types and the import rule
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(VENV)/.dev ## Put the code into its format
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(VENV)/.dev ## Measure the whole service against decoding alone, in one table, and fail when it has become slower (BENCH: other options, see BENCH=--help)
	@$(BIN)/python -m tests.benchmarks $(BENCH)

bench-guard: $(VENV)/.dev ## Measure again, and fail when a row has lost more than 15 % against the committed result
	@$(BIN)/python -m tests.benchmarks --only b,b-mixed,c,d,e,e-collector --compare

bench-peers: $(VENV)/.dev ## The same work by other programs and frameworks, and what a kill does to each (PEERS: its options; needs Java 17+ and Maven)
	@$(BIN)/python -m tests.benchmarks.peers $(PEERS)

lock: $(VENV)/.dev ## Resolve the dependencies anew into the lock files
	@$(COMPILE) --output-file requirements.lock pyproject.toml
	@$(COMPILE) --extra tracing --output-file requirements-tracing.lock pyproject.toml
	@$(COMPILE) --group dev --output-file requirements-dev.lock pyproject.toml
	@$(COMPILE) --group pyproject.toml:fuzz --output-file requirements-fuzz.lock

dashboards: $(VENV)/.dev ## Write the chart's Grafana dashboards from helm/dashboards
	@$(BIN)/python -m helm.dashboards

sbom: $(VENV)/.dev ## Write the software bill of materials of what is locked (SBOM=FILE)
	@mkdir -p "$(dir $(SBOM))"
	@PYTHONWARNINGS=ignore $(UV) tool run --from cyclonedx-bom==$(CYCLONEDX) cyclonedx-py requirements requirements.lock \
		--pyproject pyproject.toml --short-PURLs --output-reproducible --output-file "$(SBOM)"

image: ## Build the image and run it, without a docker engine (Debian, as root)
	@tests/image/build_without_docker.sh

pictures: $(VENV)/.dev ## Make the README's pictures anew (needs Chromium)
	@$(BIN)/python -m tests.repo.make_pictures

clean: ## Remove what the other targets made
	rm -rf $(VENV) build dist *.egg-info .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed, and none was found on the PATH."; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install --upgrade 'pip>=25.1'

$(VENV)/.runtime: $(VENV)/bin/python requirements.lock pyproject.toml
	@echo "Installing the locked dependencies into $(VENV) ..."
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-deps -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements-dev.lock
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@

$(VENV)/.fuzz: $(VENV)/.dev requirements-fuzz.lock
	@$(PIP) install --require-hashes -r requirements-fuzz.lock
	@touch $@
