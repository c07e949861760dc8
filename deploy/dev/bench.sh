#!/usr/bin/env bash
# Measures: microbenchmarks first, then the running program beside its limits.
#
# QUICK=1 takes at most 2 minutes of measuring instead of 8; SUSTAIN=180 holds the load of the whole
# path for 3 minutes; MICRO=0 leaves the microbenchmarks out. Anything after the script's name goes
# to etappe-bench.
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${QUICK:=}" "${SUSTAIN:=}" "${MICRO:=1}"

echo "building"
cargo build --release --quiet --bin etappe
cargo build --release --quiet -p etappe-benches --bins
ETAPPE_ENGINE_LIBRARY=$(target/release/etappe engine --fetch)
export ETAPPE_ENGINE_LIBRARY

if [ "$MICRO" != 0 ] && grep -q '^\[\[bench\]\]' benches/Cargo.toml; then
  echo "microbenchmarks"
  seconds=3
  [ "$QUICK" != 1 ] || seconds=1
  cargo bench --quiet -p etappe-benches --benches -- \
    --warm-up-time 1 --measurement-time "$seconds" --sample-size 20 --noplot >/dev/null
fi

arguments=()
[ "$QUICK" != 1 ] || arguments+=(--quick)
[ -z "$SUSTAIN" ] || arguments+=(--sustain "$SUSTAIN")
exec target/release/etappe-bench ${arguments[@]+"${arguments[@]}"} "$@"
