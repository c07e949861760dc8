#!/bin/sh
# Gives every manifest below this folder empty sources, so that dependencies can be built before the
# sources are copied: that layer stays as long as no manifest changes.
set -eu
find . -name Cargo.toml -not -path './target/*' | while read -r manifest; do
  folder=$(dirname "$manifest")
  grep -q '^\[package\]' "$manifest" || continue
  mkdir -p "$folder/src"
  : >"$folder/src/lib.rs"
  # Targets that a manifest names, by path or in the usual place.
  awk -v folder="$folder" '
    function emit() {
      if (kind != "" && kind != "lib") {
        if (path == "") path = (kind == "bin" ? "src/bin/" name ".rs" : (kind == "bench" ? "benches/" : "tests/") name ".rs")
        print folder "/" path
      }
      kind = ""; name = ""; path = ""
    }
    /^\[/ { emit() }
    /^\[\[(bin|bench|test|example)\]\]/ { kind = $0; gsub(/[][]/, "", kind) }
    /^name *=/ { name = $0; sub(/^[^"]*"/, "", name); sub(/".*/, "", name) }
    /^path *=/ { path = $0; sub(/^[^"]*"/, "", path); sub(/".*/, "", path) }
    END { emit() }
  ' "$manifest" | while read -r target; do
    mkdir -p "$(dirname "$target")"
    echo 'fn main() {}' >"$target"
  done
done
# The program itself has its main file in the usual place, without a word about it in its manifest.
echo 'fn main() {}' >crates/etappe/src/main.rs
rm -f crates/etappe/src/lib.rs
