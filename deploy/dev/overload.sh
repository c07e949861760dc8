#!/usr/bin/env bash
# Floods one site of an Etappe with five times what this machine can do, then lets it ask as hard as it
# can, and measures another one.
#
# SECONDS_OF_FLOOD=15 SECONDS_OF_QUESTIONS=15 is brief. Anything after the script's name goes to etappe-overload.
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${SECONDS_OF_FLOOD:=180}"
: "${SECONDS_OF_QUESTIONS:=60}"

echo "building"
cargo build --release --quiet --bin etappe
cargo build --release --quiet -p etappe-benches --bins
programs=${CARGO_TARGET_DIR:-target}/release
ETAPPE_BIN=$(realpath "$programs/etappe")
ETAPPE_ENGINE_LIBRARY=$("$ETAPPE_BIN" engine --fetch)
export ETAPPE_BIN ETAPPE_ENGINE_LIBRARY
exec "$programs/etappe-overload" --seconds "$SECONDS_OF_FLOOD" \
    --ask-seconds "$SECONDS_OF_QUESTIONS" "$@"
