#!/usr/bin/env bash
# Measures: microbenchmarks first, then the running program beside its limits, on the local log and
# on a real Kafka.
#
# QUICK=1 takes about 3 minutes of measuring for each of the two, instead of 8 and 9; SUSTAIN=180
# holds the load of the whole path for 3 minutes; MICRO=0 leaves the microbenchmarks out, LOCAL=0 the
# local log, KAFKA=0 Kafka, COST=0 the cost of the guarantee. BACKLOG=1 measures only how a backlog
# of 5 million events is drained
# (another number: so many). Anything after the script's name goes to etappe-bench.
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${QUICK:=}" "${SUSTAIN:=}" "${MICRO:=1}" "${LOCAL:=1}" "${KAFKA:=1}" "${BACKLOG:=}" "${COST:=1}"

echo "building"
cargo build --release --quiet --bin etappe
cargo build --release --quiet -p etappe-benches --bins
programs=${CARGO_TARGET_DIR:-target}/release
ETAPPE_BIN=$(realpath "$programs/etappe")
ETAPPE_ENGINE_LIBRARY=$("$ETAPPE_BIN" engine --fetch)
export ETAPPE_BIN ETAPPE_ENGINE_LIBRARY
[ "$KAFKA" = 0 ] || deploy/dev/kafka.sh fetch >/dev/null

if [ "$MICRO" != 0 ] && [ -z "$BACKLOG" ]; then
  echo "microbenchmarks"
  seconds=3
  [ "$QUICK" != 1 ] || seconds=1
  cargo bench --quiet -p etappe-benches --benches -- \
    --warm-up-time 1 --measurement-time "$seconds" --sample-size 20 --noplot >/dev/null
fi

arguments=(--criterion "${CARGO_TARGET_DIR:-target}/criterion")
[ "$QUICK" != 1 ] || arguments+=(--quick)
[ -z "$SUSTAIN" ] || arguments+=(--sustain "$SUSTAIN")
[ "$BACKLOG" != 1 ] || BACKLOG=5000000
[ -z "$BACKLOG" ] || arguments+=(--backlog "$BACKLOG")
status=0
[ "$LOCAL" = 0 ] || "$programs/etappe-bench" "${arguments[@]}" "$@" || status=$?
[ "$KAFKA" = 0 ] || "$programs/etappe-bench" --kafka "${arguments[@]}" "$@" || status=$?
if [ "$COST" != 0 ] && [ -z "$BACKLOG" ]; then
  cost=()
  [ "$QUICK" != 1 ] || cost+=(--quick)
  [ "$KAFKA" != 0 ] || cost+=(--without-kafka)
  "$programs/etappe-cost" "${cost[@]}" || status=$?
fi
exit "$status"
