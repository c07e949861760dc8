#!/usr/bin/env bash
# Stops the Etappe that runs on the folder $DATA, and waits for its end.
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${DATA:=etappe-data}"
if [ ! -f "$DATA/run.json" ]; then
  echo "nothing runs on $DATA"
  exit 0
fi
pid=$(sed -E 's/.*"pid":([0-9]+).*/\1/' "$DATA/run.json")
kill -TERM "$pid" 2>/dev/null || { echo "process $pid is gone"; rm -f "$DATA/run.json"; exit 0; }
for _ in $(seq 300); do
  kill -0 "$pid" 2>/dev/null || { echo "stopped"; exit 0; }
  sleep 0.1
done
echo "process $pid has not ended within 30 seconds" >&2
exit 1
