//! Tests the scripts behind `make`: they must not report success for a failed run.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};

/// Runs the script that counts tests on output of `cargo test`; returns what it prints.
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
fn a_failed_step_counts_even_if_all_tests_passed() -> anyhow::Result<()> {
    assert_eq!(counted(GOOD, 2)?, "3 passed, 2 failed, 1 skipped\n");
    let failed = "     Running a\ntest result: FAILED. 1 passed; 2 failed; 0 ignored;\n";
    assert_eq!(
        counted(&format!("{GOOD}{failed}"), 1)?,
        "4 passed, 2 failed, 1 skipped\n",
        "the step of the tests failed because of these two"
    );
    Ok(())
}

/// A page as browsers show it on plain HTTP, where `crypto.randomUUID` is missing; its own script
/// uses names that a snippet might use. Prints the requests sent and the global names that were
/// added.
const PAGE: &str = r#"
const vm = require("vm"), snippet = require("fs").readFileSync(0, "utf8");
const sent = [];
const page = { navigator: { userAgent: "Mozilla/5.0" }, localStorage: {}, Uint8Array, JSON, Date, Array,
  location: { href: "http://shop.example/lamp?a=1", pathname: "/lamp" },
  document: { title: "Lamp", referrer: "https://search.example/" },
  crypto: { getRandomValues: (bytes) => require("crypto").randomFillSync(bytes) },
  fetch: (url, options) => { sent.push({ url, ...JSON.parse(options.body) }); return Promise.resolve(); } };
page.window = page;
vm.createContext(page);
vm.runInContext("const id = 1, track = 2, random = 3, visitor = 4;", page);
const before = Object.keys(page);
vm.runInContext(snippet, page);
vm.runInContext("etappe('Product Viewed', { product: 'Lamp' })", page);
const added = Object.keys(page).filter((name) => !before.includes(name));
console.log(JSON.stringify({ sent, added, kept: Object.keys(page.localStorage) }));
"#;

/// Returns the script in a text that begins with `<script>`.
fn script_in(text: &str) -> anyhow::Result<&str> {
    let after = text.split_once("<script>").context("no script")?.1;
    Ok(after.split_once("</script>").context("no end of it")?.0)
}

#[test]
fn the_page_snippet_works_with_other_scripts_and_over_plain_http() -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let up = std::fs::read_to_string(root.join("deploy/dev/up.sh"))?;
    let printed = script_in(&up)?
        .replace("http://$listen", "https://HOST")
        .replace("$key", "KEY");
    let documented = std::fs::read_to_string(root.join("docs/sending-events.md"))?;
    assert_eq!(printed, script_in(&documented)?, "one snippet");
    let mut node = Command::new("node")
        .args(["-e", PAGE])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut input = node.stdin.take().context("it has an input")?;
    input.write_all(printed.as_bytes())?;
    drop(input);
    let done = node.wait_with_output()?;
    ensure!(done.status.success(), "{done:?}");
    let seen: Value = serde_json::from_slice(&done.stdout)?;
    assert_eq!(
        (&seen["added"], &seen["kept"]),
        (&json!(["etappe"]), &json!(["etappe"]))
    );
    let [first, second] = seen["sent"].as_array().context("a list")?.as_slice() else {
        bail!("not two events: {seen}");
    };
    assert_eq!(
        (&first["event"], &second["event"]),
        (&json!("Page Viewed"), &json!("Product Viewed"))
    );
    assert_eq!(
        first["context"]["page"]["referrer"],
        "https://search.example/"
    );
    assert_eq!(
        (&first["url"], &first["writeKey"]),
        (&json!("https://HOST/v1/track"), &json!("KEY"))
    );
    assert_eq!(first["anonymousId"], second["anonymousId"]);
    assert_ne!(first["messageId"], second["messageId"]);
    Ok(())
}
