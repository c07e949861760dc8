#!/usr/bin/env bash
# Builds the web interface into web/dist, from where `cargo build` takes it into the binary, unless it
# is newer than its sources.
set -euo pipefail
cd "$(dirname "$0")/../../web"

# Installed packages carry the lock file that they were installed from.
if ! cmp -s package-lock.json node_modules/.etappe-lock; then
  echo "fetching the packages of the web interface"
  npm ci --no-audit --no-fund --loglevel=error
  cp package-lock.json node_modules/.etappe-lock
fi
if [ -f dist/index.html.gz ] &&
  [ -z "$(find . -path ./node_modules -prune -o -path ./dist -prune -o -type f -newer dist/index.html.gz -print -quit)" ]; then
  exit 0
fi
echo "building the web interface"
npm run --silent build
