# Everything runs from here. `make` alone lists the targets; each one sets up the tools it needs first.

STACK ?= local
ARGS ?=

# The first Python of this machine that is new enough: an older `python3` may hide a newer one.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then echo $$python; break; fi; done)

BIN := .venv/bin
SANDBOX := $(BIN)/sandbox

export PULUMI_SKIP_UPDATE_CHECK := true

.DEFAULT_GOAL := help
.PHONY: help setup session-manager-plugin up bootstrap acceptance stop upgrade test test-part test-all test-times page-views recording screenshots soak histories mutants mutation check docs format

help: ## This list
	@echo 'Web services on ECS Fargate and their deploy pipelines, as a Pulumi program.'
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo '  make up STACK=dev            the same program against the AWS account of your credentials'
	@echo '  make test ARGS="-k naming"   more arguments for pytest'
	@echo
	@echo 'Everything is installed into .venv, .tools, policy/.venv and deployments/.venv of this folder, nothing elsewhere.'

# A stamp does not outlive what it stands for: a Python or a linked CLI may have been uninstalled.
$(shell for tool in .venv/bin/python policy/.venv/bin/python deployments/.venv/bin/python .tools/bin/pulumi; do \
	test -x $$tool || rm -f $${tool%/bin/*}/ready; done)

setup: .tools/ready policy/.venv/ready deployments/.venv/ready ## Install Python packages and the Pulumi CLI (the other targets do it by themselves)

.venv/ready: pyproject.toml sandbox/pyproject.toml uv.lock tools/setup.py tools/programs.py
	@$(or $(PYTHON),$(error Python 3.11 or newer is needed and none is on PATH. Install one, or name it: make setup PYTHON=/path/to/python)) -m tools.setup packages
	@touch $@

policy/.venv/ready: policy/pyproject.toml policy/uv.lock .venv/ready
	@$(BIN)/python -m tools.setup policy
	@touch $@

deployments/.venv/ready: deployments/pyproject.toml deployments/uv.lock .venv/ready
	@$(BIN)/python -m tools.setup deployments
	@touch $@

.tools/ready: tools/go.mod tools/go.sum tools/setup.py tools/programs.py .venv/ready
	@$(BIN)/python -m tools.setup cli
	@touch $@

session-manager-plugin: setup ## Build AWS's plugin for `sandbox exec` and `sandbox tunnel` with Go, where none is on PATH
	@$(BIN)/python -m tools.setup plugin

ifeq ($(STACK),local)
up: .tools/ready ## Deploy to an offline AWS on this machine, then deliver examples/hello through its pipeline
	SANDBOX_SPEED=$${SANDBOX_SPEED:-60} $(SANDBOX) up --stack local
	$(SANDBOX) ship hello --source examples/hello --yes --stack local
	$(SANDBOX) status hello --stack local
else
up: setup
	@$(BIN)/python -m tools.setup language-host
	PATH="$(CURDIR)/.tools/bin:$(CURDIR)/.tools/uv/bin:$$PATH" $(BIN)/delivery up --stack $(STACK)
endif

bootstrap: setup ## Bring an AWS account to what bootstrap/Pulumi.STACK.yaml says; can be run again
	@$(BIN)/python -m tools.setup language-host
	PATH="$(CURDIR)/.tools/bin:$(CURDIR)/.tools/uv/bin:$$PATH" $(BIN)/delivery bootstrap --stack $(STACK)

acceptance: setup ## Make, release, break and destroy a small stack in the account of STACK, and print what held of AWS
	@$(BIN)/python -m tools.setup language-host
	PATH="$(CURDIR)/.tools/bin:$(CURDIR)/.tools/uv/bin:$$PATH" $(BIN)/python -m acceptance --stack $(STACK) $(ARGS)

stop: ## Stop the offline AWS and forget what it holds
	@if [ -x $(SANDBOX) ]; then $(SANDBOX) stop --stack $(STACK); else echo 'Nothing was running: nothing is installed here'; fi

REMOTE ?= upstream

upgrade: ## Merge VERSION of the program, a branch or a tag of REMOTE (upstream), and keep the files that are yours
	@: $(if $(VERSION),,$(error Which one? make upgrade VERSION=main, or a tag))
	@.ci/upgrade $(REMOTE) $(VERSION)
	@echo 'CHANGELOG.md says what it asks for; then: make setup, make bootstrap STACK=dev, make up STACK=dev'

PYTEST := $(BIN)/pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder --junitxml=.pytest_cache/report.xml

test: setup ## Run the unit tests, the program on the real Pulumi engine, and one scenario for each promise
	cd policy && .venv/bin/pytest --quiet
	cd deployments && .venv/bin/pytest --quiet
	$(PYTEST) -m 'not nightly' $(ARGS)

test-part: setup ## Run the part of the other tests that is DAY's (of the year; today's by default)
	@files=$$($(BIN)/python -m tests.support.parts $(DAY)) && set -x && $(PYTEST) $$files $(ARGS)

test-all: setup ## Run all tests
	cd policy && .venv/bin/pytest --quiet
	cd deployments && .venv/bin/pytest --quiet
	$(PYTEST) $(ARGS)

test-times: setup ## Write how long the tests took in the last run into tests/README.md
	$(BIN)/python -m tests.support.times .pytest_cache/report.xml

recording: setup ## Record the tutorial in a terminal, and write docs/session.svg
	$(BIN)/python -m tests.support.recording

page-views: setup ## Count the page views that break while each strategy releases, and write docs/how-to/assets.md
	$(BIN)/python -m tests.support.page_views

screenshots: setup ## Release an app ten times in the sandbox, and take the pictures of the page that `delivery page` writes
	$(BIN)/python -m tests.support.page_screenshots

soak: setup ## Let both writers work for MINUTES, in an order that SEED gives
	$(BIN)/python -m tests.soak --minutes $(or $(MINUTES),30) --seed $(or $(SEED),1)

histories: setup ## Take COUNT short histories of both writers over all strategies of ECS's, which SEED chooses
	$(BIN)/python -m tests.histories --count $(or $(COUNT),200) --seed $(or $(SEED),1)

mutants: setup ## Break the contract of both writers in code, and see that `make soak` or `make histories` finds each break
	$(BIN)/python -m tests.soak.mutants --seed $(or $(SEED),1) $(ARGS)

.venv/mutation: .venv/ready
	@$(BIN)/python -m tools.setup mutation
	@touch $@

mutation: setup .venv/mutation ## Break SAMPLE functions that SEED chooses, one at a time, and see that the unit tests notice
	$(BIN)/python -P tools/mutation.py --sample $(or $(SAMPLE),200) --seed $(or $(SEED),1) $(ARGS)

.tools/lint/actionlint: tools/actionlint/go.mod tools/actionlint/go.sum | setup
	@$(BIN)/python -m tools.setup actionlint

check: setup .tools/lint/actionlint ## Lint, formatting and types, and the workflows of GitHub and GitLab
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/mypy examples/own-program/__main__.py
	cd policy && .venv/bin/mypy
	cd deployments && .venv/bin/mypy
	.tools/lint/actionlint
	.tools/lint/actionlint examples/ci/github/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.gitlab-ci .gitlab-ci.yml examples/ci/gitlab/*.yml

docs: setup ## Draw the pictures, write docs/reference/ and the stack files' JSON Schema anew
	$(BIN)/python -m docs.draw
	$(BIN)/python -m docs.access
	$(BIN)/python -m docs.json_documents
	$(BIN)/python -m docs.templates
	$(BIN)/python -m docs.stack_file
	$(BIN)/python -m docs.components
	$(BIN)/python -m docs.costs
	$(BIN)/python -m docs.commands
	$(BIN)/python -m tools.fargate_limits
	$(BIN)/python -m config.schema
	$(BIN)/python -m tools.image_tag_script

format: setup ## Format, and fix what the linter can fix
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
