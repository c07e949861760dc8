#!/usr/bin/env bash
# Runs promtool, taken out of Debian's package `prometheus` into the cache; the service is not installed.
set -euo pipefail
cache="${XDG_CACHE_HOME:-$HOME/.cache}/etappe/prometheus"
if command -v promtool >/dev/null; then exec promtool "$@"; fi
if [ ! -x "$cache/usr/bin/promtool" ]; then
  command -v apt-get >/dev/null || {
    echo "promtool is missing: install Prometheus with this system's package manager" >&2
    exit 1
  }
  mkdir -p "$cache"
  work=$(mktemp -d "$cache/fetch.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  (cd "$work" && apt-get download -q -q prometheus >&2) || {
    (cd "$work" && apt-get update -q -q >&2 && apt-get download -q -q prometheus >&2)
  }
  dpkg -x "$work"/prometheus_*.deb "$work/root"
  mkdir -p "$cache/usr/bin"
  mv "$work/root/usr/bin/promtool" "$cache/usr/bin/promtool"
fi
exec "$cache/usr/bin/promtool" "$@"
