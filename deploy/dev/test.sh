#!/usr/bin/env bash
# Everything that must hold before a change lands; ends with the counts of tests.
#
# Each step runs even if an earlier one failed, and the last line counts what failed: tests, test
# programs that died before they said how they ended, and steps. Whatever the run started is ended
# with it. TEST_LIMIT is how many seconds the tests may take in all.
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${TEST_LIMIT:=3600}"
started=$SECONDS
output=$(mktemp)
browser_output=$(mktemp)
failed_steps=()

# Every process of this run inherits the mark, also one that left its group, its session or its parent.
RUN_OF_TESTS="$$.$(date +%s%N)"
export RUN_OF_TESTS

# Prints the ids of the processes that carry the mark, without this script and those it waits in.
left_over() {
  local environ pid
  for environ in /proc/[0-9]*/environ; do
    pid=${environ#/proc/}
    pid=${pid%/environ}
    [ "$pid" != "$$" ] && [ "$pid" != "$BASHPID" ] || continue
    if grep -qza "^RUN_OF_TESTS=$RUN_OF_TESTS\$" "$environ" 2>/dev/null; then echo "$pid"; fi
  done
}

end_left_over() {
  local signal pids
  for signal in TERM KILL; do
    pids=$(left_over)
    [ -n "$pids" ] || return 0
    echo "ending what the run left behind ($signal):" $pids >&2
    # They may end by themselves meanwhile.
    kill -s "$signal" $pids 2>/dev/null || true
    for _ in $(seq 50); do
      [ -n "$(left_over)" ] || return 0
      sleep 0.1
    done
  done
}

finish() {
  end_left_over
  rm -f "$output" "$browser_output"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

step() {
  local name=$1
  shift
  echo
  echo "== $name ($((SECONDS - started)) s)"
  "$@" || failed_steps+=("$name")
}

run_tests() {
  # The long tests wait more than they compute, so there is one more of them than cores.
  RUST_TEST_THREADS=${RUST_TEST_THREADS:-$(($(nproc) + 1))} \
    timeout --kill-after=30 "$TEST_LIMIT" cargo test --release --workspace --no-fail-fast 2>&1 | tee "$output"
  local status=${PIPESTATUS[0]}
  if [ "$status" -eq 124 ] || [ "$status" -eq 137 ]; then
    echo "the tests did not end within $TEST_LIMIT s (TEST_LIMIT); still running:"
    # The harness names what takes long; what it never names again has not ended.
    comm -23 \
      <(sed -nE 's/^test (.*) has been running for over .*/\1/p' "$output" | sort -u) \
      <(sed -nE 's/^test (.*) \.\.\. (ok|FAILED|ignored).*/\1/p' "$output" | sort -u) | sed 's/^/  /'
  fi
  return "$status"
}

lint() { cargo clippy --release --workspace --all-targets --quiet -- -D warnings; }
document() { RUSTDOCFLAGS="-D warnings" cargo doc --release --workspace --no-deps --quiet; }
web() { deploy/dev/web.sh && npm --prefix web run --silent check; }
browser() {
  npm --prefix web run --silent e2e 2>&1 | tee "$browser_output"
  return "${PIPESTATUS[0]}"
}
fetch_kafka() { deploy/dev/kafka.sh fetch >/dev/null; }

step "format" cargo fmt --all --check
# Before the build, which puts it into the binary.
step "web interface" web
# In the release profile, as all that follows: C libraries are then built once.
step "lints" lint
# The programs as the tests want them: a build of the binary alone has other features and is a second one.
step "build" cargo test --release --workspace --no-run --quiet
echo
echo "== engine library ($((SECONDS - started)) s)"
ETAPPE_ENGINE_LIBRARY=$(target/release/etappe engine --fetch)
export ETAPPE_ENGINE_LIBRARY
step "Kafka" fetch_kafka
step "tests" run_tests
step "browser" browser
step "documentation" document
step "dependencies" deploy/dev/deny.sh
step "deployments" deploy/dev/check-deploy.sh

[ "${#failed_steps[@]}" -eq 0 ] || printf '\nfailed: %s\n' "${failed_steps[@]}"
# By name, for a log of which only the end is looked at.
sed -nE 's/^test (.*) \.\.\. FAILED$/  \1/p' "$output"
sed -nE 's/^    (\[.*\] › [^─]*[^─ ]).*$/  \1/p' "$browser_output" | sort -u
deploy/dev/count-tests.sh "$output" "${#failed_steps[@]}"
[ "${#failed_steps[@]}" -eq 0 ]
