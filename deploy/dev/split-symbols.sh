#!/bin/sh
# Moves the debug information of a binary into BINARY.debug beside it: line numbers for backtraces,
# profilers and debuggers, which are two thirds of the file. The binary keeps its symbol table, so
# backtraces and profiles name functions without that file too, and with it they name lines.
#
# usage: split-symbols.sh BINARY
set -eu
binary=$1
# objcopy is in binutils, which every C compiler on Linux needs.
if ! command -v objcopy >/dev/null; then
  echo "objcopy is missing (package binutils): $binary keeps its debug information" >&2
  exit 0
fi
# A binary that was split before, and not built since, has nothing left to move.
if readelf --wide --sections "$binary" | grep -q "\.gnu_debuglink"; then
  exit 0
fi
cd "$(dirname "$binary")"
binary=$(basename "$binary")
objcopy --only-keep-debug --compress-debug-sections=zlib "$binary" "$binary.debug"
# Into a new file: Cargo has the old one under a second name, and a process may be running it.
objcopy --strip-debug --add-gnu-debuglink="$binary.debug" "$binary" "$binary.split"
mv "$binary.split" "$binary"
