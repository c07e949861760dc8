//! The scripts behind `make`: they must not call a run good that was not.

use std::path::Path;
use std::process::Command;

use anyhow::ensure;

/// Runs the script that counts tests over an output of `cargo test`; returns what it prints.
fn counted(output: &str, failed_steps: u32) -> anyhow::Result<String> {
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), output)?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/dev/count-tests.sh");
    let done = Command::new(script)
        .arg(file.path())
        .arg(failed_steps.to_string())
        .output()?;
    ensure!(done.status.success(), "{done:?}");
    Ok(String::from_utf8(done.stdout)?)
}

const GOOD: &str = "     Running unittests src/lib.rs (target/release/deps/a)\n\
    running 3 tests\n\
    test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out\n";

#[test]
fn a_test_program_that_died_counts_as_a_failure() -> anyhow::Result<()> {
    assert_eq!(counted(GOOD, 0)?, "3 passed, 0 failed, 1 skipped\n");
    let died = "     Running tests/it/main.rs (target/release/deps/it)\nrunning 5 tests\n\
        error: test failed, to rerun pass `-p x --test it`\n";
    let expected = "ended without a result: Running tests/it/main.rs (target/release/deps/it)\n\
        3 passed, 1 failed, 1 skipped\n";
    assert_eq!(counted(&format!("{GOOD}{died}"), 1)?, expected);
    assert_eq!(
        counted(&format!("{died}{GOOD}"), 1)?,
        expected,
        "in any order"
    );
    Ok(())
}

#[test]
fn a_step_that_failed_counts_even_if_all_tests_passed() -> anyhow::Result<()> {
    assert_eq!(counted(GOOD, 2)?, "3 passed, 2 failed, 1 skipped\n");
    let failed = "     Running a\ntest result: FAILED. 1 passed; 2 failed; 0 ignored;\n";
    assert_eq!(
        counted(&format!("{GOOD}{failed}"), 1)?,
        "4 passed, 2 failed, 1 skipped\n",
        "the step of the tests failed because of these two"
    );
    Ok(())
}
