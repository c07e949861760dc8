#!/usr/bin/env bash
# Everything that must hold before a change lands; ends with the counts of tests.
set -euo pipefail
cd "$(dirname "$0")/../.."
started=$SECONDS
step() { echo; echo "== $* ($((SECONDS - started)) s)"; }

step "format"
cargo fmt --all --check
step "lints"
# In the release profile, as all that follows: C libraries are then built once.
cargo clippy --release --workspace --all-targets --quiet -- -D warnings
step "build"
cargo build --release --quiet --bin etappe
step "engine library"
ETAPPE_ENGINE_LIBRARY=$(target/release/etappe engine --fetch)
export ETAPPE_ENGINE_LIBRARY
step "Kafka"
deploy/dev/kafka.sh fetch
step "tests"
output=$(mktemp)
trap 'rm -f "$output"' EXIT
status=0
cargo test --release --workspace --no-fail-fast 2>&1 | tee "$output" || status=$?
step "documentation"
RUSTDOCFLAGS="-D warnings" cargo doc --release --workspace --no-deps --quiet
step "dependencies"
deploy/dev/deny.sh
step "deployments"
deploy/dev/check-deploy.sh

awk '/^test result:/ { passed += $4; failed += $6; ignored += $8 }
     END { printf "\n%d passed, %d failed, %d skipped\n", passed, failed, ignored }' "$output"
exit "$status"
