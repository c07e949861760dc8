#!/usr/bin/env bash
# Prints "N passed, N failed, N skipped" for the output of `cargo test`: count-tests.sh FILE [STEPS]
#
# A test program that died (a signal, an abort, a limit) prints no result; it counts as one failure,
# named on a line of its own. STEPS is how many other steps failed: the tests themselves are one of
# them, and each further one counts as a failure.
set -euo pipefail
awk -v steps="${2:-0}" '
  function died() {
    if (running != "") { print "ended without a result: " running; failed++ }
  }
  /^ +Running / || /^ +Doc-tests / { died(); sub(/^ +/, ""); running = $0 }
  /^test result:/ { passed += $4; failed += $6; ignored += $8; running = "" }
  END {
    died()
    # A failed test makes the step fail, too, and is counted already.
    if (failed > 0 && steps > 0) steps--
    failed += steps
    printf "%d passed, %d failed, %d skipped\n", passed, failed, ignored
  }' "$1"
