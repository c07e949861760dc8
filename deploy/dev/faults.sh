#!/usr/bin/env bash
# The long trial of the guarantee: a million events under a hundred faults on three brokers.
#
# Anything after the script's name goes to etappe-faults, such as `--seed 7` for the same faults
# again, or `--events 100000 --faults 30 --brokers 1` for a shorter one.
set -euo pipefail
cd "$(dirname "$0")/../.."
cargo build --release --quiet --bin etappe
cargo build --release --quiet -p etappe-tests --bin etappe-faults
ETAPPE_ENGINE_LIBRARY=$(target/release/etappe engine --fetch)
export ETAPPE_ENGINE_LIBRARY
deploy/dev/kafka.sh fetch >/dev/null
exec target/release/etappe-faults "$@"
