# One way to do each thing, the same here and in CI. `make help` lists the verbs; each sets up what it needs.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup run test check golden live fuzz bench images sbom compose e2e conformance rig messages lock clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/setup.stamp
# Seconds of load per case: bounded in `make test`, long in `make live`.
LOAD_S ?= 60
# Seconds of fuzzing, all targets together.
FUZZ_S ?= 60
# Release and channel of the Gateway API for `make conformance`.
VERSION ?= 1.7.0
CHANNEL ?= experimental
# The rig is a folder with `up` and `down` that makes a real Kubernetes node; it may stand beside the checkout.
RIG ?= $(patsubst %/up,%,$(firstword $(wildcard $(if $(XDSSERVER_RIG),$(XDSSERVER_RIG)/up) ../rig/up ../*/rig/up)))

help: ## list the verbs
	@grep -hE '^[a-z0-9]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9]+):.*## /\1\t/' | expand -t 10

setup: $(STAMP) ## make .venv with everything that the other verbs need

# pip alone, so that a plain Python is enough. The last pip line installs the checkout itself; its build backend is
# among the hashed requirements, so nothing is fetched without a hash.
$(STAMP): requirements-dev.txt pyproject.toml tools/proto_stubs.py
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-index --no-deps --no-build-isolation -e .
	$(BIN)/python tools/proto_stubs.py $(VENV)/stubs
	touch $@

run: $(STAMP) ## start the quickstart: two demo backends, the gateway and Envoy
	$(BIN)/python examples/quickstart/run.py

# What measures nothing runs side by side, a file after the other on each worker; what does has the machine to itself.
# One worker more than processors: tests of real processes mostly wait.
test: check ## check, then every test: golden, properties, protocol, unit, and live in bounded form
ifeq ($(ARGS),)
	$(BIN)/python -m pytest -m "not alone" --numprocesses $$(($$(nproc) + 1)) --dist loadfile --no-loadscope-reorder
	$(BIN)/python -m pytest -m alone
else
	$(BIN)/python -m pytest $(ARGS)
endif

check: $(STAMP) ## lint, format, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

golden: $(STAMP) ## rewrite the golden files and the pages made from code; read the diff before committing it
	$(BIN)/python -m tests.golden.rewrite
	$(BIN)/python -m tests.proxy.rewrite_bootstrap
	$(BIN)/python -m tests.docs.rewrite

live: $(STAMP) ## the tests with a real Envoy, LOAD_S seconds (60) of load per case
	$(BIN)/python -m pytest -m live --load-s $(LOAD_S) $(ARGS)

fuzz: $(STAMP) ## any bytes at what reads certificates and Secrets, FUZZ_S seconds (60) in all
	$(BIN)/python -m pytest tests/fuzz --fuzz-s $(FUZZ_S) $(ARGS)

bench: $(STAMP) ## measure; ONLY=prefix for some of it
	$(BIN)/python -m bench $(ONLY)

images: $(STAMP) ## images of the server and of Envoy as files, without an engine or a registry
	$(BIN)/python -m tools.images

sbom: $(STAMP) ## build/sbom.cdx.json: every package that the server is made of
	mkdir -p build
	$(BIN)/python tools/sbom.py > build/sbom.cdx.json

compose: $(STAMP) ## server, Envoys and backends in containers, each broken under load; needs an engine (docker)
	$(BIN)/python -m pytest e2e/compose $(ARGS)

# Set up only where there is something to run on.
e2e: $(if $(RIG)$(KUBECONFIG),$(STAMP)) ## cluster tests: of the rig that stands beside the checkout (or XDSSERVER_RIG names), or of KUBECONFIG
	@if [ -z "$(RIG)$(KUBECONFIG)" ]; then echo 'e2e: no cluster (set KUBECONFIG or XDSSERVER_RIG): nothing run'; \
	else XDSSERVER_RIG=$(RIG) $(BIN)/python -m pytest e2e --ignore=e2e/compose $(ARGS); fi

conformance: $(if $(RIG)$(KUBECONFIG),$(STAMP)) ## the Gateway API's own suite; VERSION=1.7.0 CHANNEL=experimental ARGS='--run-test=HTTPRouteWeight'
	@if [ -z "$(RIG)$(KUBECONFIG)" ]; then echo 'conformance: no cluster (set KUBECONFIG or XDSSERVER_RIG): nothing run'; \
	else XDSSERVER_RIG=$(RIG) $(BIN)/python -m e2e.conformance.run \
	  --version=$(VERSION) --channel=$(CHANNEL) $(ARGS); fi

rig: # where the rig was found; empty when it was not
	@echo $(RIG)

messages: $(STAMP) ## compile our own messages again, after a change in protos/
	$(BIN)/python tools/messages.py

lock: $(STAMP) ## pin and hash the requirements again, from the index that pip is configured with
	$(BIN)/python tools/lock.py

clean: ## remove what was made, .venv too
	rm -rf $(VENV) build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
