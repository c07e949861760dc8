#!/usr/bin/env bash
# Takes the picture of Today for the README, docs/images/today.png, from a running Etappe.
#
# ETAPPE_EMAIL and ETAPPE_PASSWORD name an account that may see the site; what follows the script's
# name goes to web/dev/picture.mjs: --etappe ADDRESS, --site ID, --to FILE, --height PIXELS.
set -euo pipefail
cd "$(dirname "$0")/../../web"
[ -d node_modules ] || npm ci --silent
exec node dev/picture.mjs "$@"
