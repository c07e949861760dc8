# The commands of the project. `make help` lists them.
#
# `make up` and `make test` install or fetch what is missing: as root through Debian's package
# manager (on a person's machine they ask first; YES=1 skips the question).

DATA ?= etappe-data
export DATA

# OpenSSL 3 of this system, where its development files are: to build one takes minutes. A plain
# `cargo build` makes a binary that brings its own.
ifeq ($(shell pkg-config --atleast-version=3.0 openssl 2>/dev/null && echo found),found)
export OPENSSL_NO_VENDOR := 1
endif

.PHONY: help up down test bench bench-ui overload faults lint format docs deny build requirements

help: ## List the commands.
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

up: requirements ## Build Etappe, start it in the background and show how to use it.
	@deploy/dev/up.sh

down: ## Stop what `make up` started.
	@deploy/dev/down.sh

test: requirements ## Check format and lints, build, run every test; ends with the counts.
	@deploy/dev/test.sh

bench: requirements ## Measure, with the limit harness beside it.
	@deploy/dev/bench.sh

bench-ui: build ## Measure the web interface in Chromium; EVENTS=… loads so many first.
	cd web && ETAPPE_E2E_EVENTS=$${EVENTS:-200000} npm run --silent bench-ui

overload: requirements ## Flood one site with five times what this machine can do, let it ask; measure another.
	@deploy/dev/overload.sh

faults: requirements ## Try the guarantee: a million events under a hundred faults.
	@deploy/dev/faults.sh

build: ## Build the binary: target/release/etappe, its symbols in etappe.debug beside it.
	@deploy/dev/web.sh
	cargo build --release --bin etappe
	@deploy/dev/split-symbols.sh $${CARGO_TARGET_DIR:-target}/release/etappe

format: ## Format the code.
	cargo fmt --all

lint: ## Run the lints as `make test` does.
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --quiet -- -D warnings

docs: ## Build the API documentation.
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --quiet

deny: ## Check licences, duplicate versions and forbidden dependencies.
	deploy/dev/deny.sh

requirements:
	@deploy/dev/requirements.sh
