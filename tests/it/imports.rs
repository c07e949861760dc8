//! An import can be interrupted and resumed at any time without duplicates or losses.

use std::process::Stdio;

use etappe_testkit::process::{EtappeProcess, binary_path};
use etappe_testkit::wait::{PATIENCE, until};
use etappe_tests::data_set;
use etappe_tests::site::TestSite;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tokio::process::{Child, Command};

use crate::started;

const FILE: &str = "online_retail/lines.ndjson.gz";
const EVENTS: u64 = 406_829;

fn start(process: &EtappeProcess, site: &TestSite, file: &str) -> std::io::Result<Child> {
    Command::new(binary_path())
        .args(["import", "--site", &site.name, "--json", "--data"])
        .arg(process.data())
        .arg(data_set::path(file))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
}

/// Signals an import once some, but not all, of its events are visible.
async fn interrupt(
    process: &EtappeProcess,
    site: &TestSite,
    signal: Signal,
    visible: u64,
) -> anyhow::Result<Option<i32>> {
    let mut import = start(process, site, FILE)?;
    let id = import
        .id()
        .and_then(|id| i32::try_from(id).ok())
        .and_then(Pid::from_raw);
    until("some events are visible", PATIENCE, async || {
        let ended = import.try_wait().expect("its state can be read");
        assert!(
            ended.is_none(),
            "the import ended before it was interrupted"
        );
        site.visible_events()
            .await
            .is_ok_and(|seen| seen >= visible)
    })
    .await;
    kill_process(id.expect("it runs"), signal)?;
    Ok(import.wait().await?.code())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_import_continues_where_it_stopped() -> anyhow::Result<()> {
    let (mut process, site) = started("retail").await?;
    let killed = interrupt(&process, &site, Signal::KILL, 1).await?;
    assert_eq!(killed, None, "killed by a signal");
    let stopped = interrupt(&process, &site, Signal::INT, 40_000).await?;
    assert_eq!(stopped, Some(1), "interrupted");
    let output = start(&process, &site, FILE)?.wait_with_output().await?;
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(site.settle(EVENTS).await?, EVENTS);
    let counts = data_set::count(&data_set::read(FILE)?);
    let actors = site.funnel(&[json!({ "any": true })]).await?;
    assert_eq!(actors, [counts.actors as u64]);

    let again = start(&process, &site, FILE)?.wait_with_output().await?;
    assert_eq!(again.status.code(), Some(1), "a finished file is refused");
    let said = String::from_utf8_lossy(&again.stdout).into_owned();
    assert!(said.contains("refused"), "{said}");
    let other = TestSite::create(&process, "other").await?;
    let elsewhere = start(&process, &other, "sepsis/events.ndjson.gz")?
        .wait_with_output()
        .await?;
    assert!(
        elsewhere.status.success(),
        "another site may import the same file"
    );
    assert_eq!(site.visible_events().await?, EVENTS);
    process.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_survives_a_crash_of_the_installation() -> anyhow::Result<()> {
    let (mut process, site) = started("retail").await?;
    let mut import = start(&process, &site, "cdnow/events.ndjson.gz")?;
    until("the first events are visible", PATIENCE, async || {
        let ended = import.try_wait().expect("its state can be read");
        assert!(ended.is_none_or(|it| it.success()), "the import failed");
        site.visible_events().await.is_ok_and(|seen| seen >= 1)
    })
    .await;
    process.kill().await?;
    process.restart().await?;
    // The key ended with the installation, so the import ends with an error and is started again.
    import.wait_with_output().await?;
    let output = start(&process, &site, "cdnow/events.ndjson.gz")?
        .wait_with_output()
        .await?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success() || said.contains("refused"),
        "{said}"
    );
    assert_eq!(site.settle(69_659).await?, 69_659);
    process.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_lines_are_listed_and_affect_no_other_line() -> anyhow::Result<()> {
    let (mut process, site) = started("lines").await?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("mixed.ndjson");
    let good = r#"{"event":"a","distinct_id":"u","timestamp":"2024-01-01T00:00:00Z"}"#;
    let no_person = r#"{"event":"a","timestamp":"2024-01-01T00:00:00Z"}"#;
    let text = [good, "not json", good, no_person, "", good].join("\n");
    std::fs::write(&file, text)?;
    let data = process.data();
    let file = file.to_str().expect("text");
    let answer = process.run("import", &["--site", "lines", file]).await?;
    assert_eq!(
        (&answer["accepted"], &answer["rejected"]),
        (&json!(3), &json!(2)),
        "{answer}"
    );
    assert_eq!(site.settle(3).await?, 3, "equal lines stay apart");
    let kept = std::fs::read_dir(data.join("imports/lines"))?
        .filter_map(Result::ok)
        .find(|entry| {
            entry
                .file_name()
                .to_string_lossy()
                .ends_with(".rejected.ndjson")
        });
    let listed = std::fs::read_to_string(kept.expect("a list of rejected lines").path())?;
    assert!(
        listed.contains("\"line\":2") && listed.contains("\"line\":4"),
        "{listed}"
    );
    process.stop().await?;
    Ok(())
}

/// Imports a text and returns the exit code and the output.
async fn import_text(
    process: &EtappeProcess,
    site: &TestSite,
    text: &str,
) -> anyhow::Result<(Option<i32>, serde_json::Value, String)> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("events");
    std::fs::write(&file, text)?;
    let data = process.data().display().to_string();
    import_with(&["--site", &site.name, "--data", &data], &file).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_without_an_accepted_line_fails_and_can_be_retried() -> anyhow::Result<()> {
    let (mut process, site) = started("nothing").await?;
    let late = r#"{"event":"a","distinct_id":"u","timestamp":"2999-01-01T00:00:00Z"}"#;
    let text = format!("nonsense\n{late}\n");
    for attempt in 1..=2 {
        let (code, answer, said) = import_text(&process, &site, &text).await?;
        assert_eq!(code, Some(1), "attempt {attempt}: {said}");
        assert_eq!(answer["state"], "failed", "attempt {attempt}: {answer}");
        assert_eq!(
            (&answer["accepted"], &answer["rejected"]),
            (&json!(0), &json!(2)),
            "attempt {attempt}: {answer}"
        );
        let first = &answer["first_rejected"];
        assert_eq!(
            (&first[0]["line"], &first[1]["line"]),
            (&json!(1), &json!(2))
        );
        assert!(said.contains("line 1: not a JSON object"), "{said}");
        assert!(said.contains("line 2: invalid_timestamp"), "{said}");
    }
    let (code, _, said) = import_text(&process, &site, "event,user\na,u\n").await?;
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("this is CSV: a table with the columns event, user;"),
        "{said}"
    );
    let (code, _, said) = import_text(&process, &site, "\n").await?;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("it holds no events"), "{said}");
    let good = r#"{"event":"a","distinct_id":"u","timestamp":"2024-01-01T00:00Z"}"#;
    let windows = format!("\u{feff}{good}\r\n\r\n{good}\r\n");
    let (code, answer, said) = import_text(&process, &site, &windows).await?;
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(
        (&answer["accepted"], &answer["rejected"]),
        (&json!(2), &json!(0))
    );
    assert_eq!(site.settle(2).await?, 2);
    process.stop().await?;
    Ok(())
}

/// One line each of PostHog, Mixpanel, Amplitude and Google Analytics, a plain one with an epoch,
/// and one without a time.
const EXPORTS: &str = r#"{"uuid":"p-1","event":"Order Completed","distinct_id":"p","timestamp":"2024-03-01T12:00:00.123456+00:00","properties":{"revenue":1}}
{"event":"Order Completed","properties":{"time":1709294400,"distinct_id":"m","$insert_id":"m-1","revenue":2}}
{"$insert_id":"a-1","event_type":"Order Completed","user_id":"a","device_id":"d","event_time":"2024-03-01 12:00:00.123456","event_properties":{"revenue":4}}
{"event_name":"Order Completed","event_timestamp":"1709294400250000","user_pseudo_id":"1.2","event_params":[{"key":"revenue","value":{"double_value":8}}]}
{"event":"Order Completed","distinct_id":"t","ts":"1709294400250","properties":{"revenue":16}}
{"event":"Order Completed","distinct_id":"n","properties":{"revenue":32,"time":"?"}}
"#;

#[tokio::test(flavor = "multi_thread")]
async fn exports_of_other_programs_are_read_and_a_line_without_a_time_is_not() -> anyhow::Result<()>
{
    let (mut process, site) = started("exports").await?;
    let (code, answer, said) = import_text(&process, &site, EXPORTS).await?;
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(
        (&answer["accepted"], &answer["rejected"]),
        (&json!(5), &json!(1)),
        "{answer} {said}"
    );
    assert_eq!(site.settle(5).await?, 5);
    let day = json!({ "event": "Order Completed" });
    assert_eq!(site.funnel(std::slice::from_ref(&day)).await?, [5]);
    process.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_never_answers_is_reported_and_the_import_ends() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("events.ndjson");
    std::fs::write(&file, EXPORTS)?;
    let output = Command::new(binary_path())
        .args([
            "import",
            "--site",
            "x",
            "--url",
            "http://127.0.0.1:9",
            "--state",
        ])
        .arg(folder.path())
        .arg(&file)
        .env("ETAPPE_WRITE_KEY", "key")
        .stdin(Stdio::null())
        .output()
        .await?;
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for part in ["retrying", "cannot be reached", "refused"] {
        assert!(said.contains(part), "{said}");
    }
    Ok(())
}

/// Returns lines of events of different people, numbered.
fn numbered_lines(numbers: std::ops::Range<u32>) -> String {
    numbers
        .map(|number| {
            format!(
                "{{\"event\":\"a\",\"distinct_id\":\"u{number}\",\"timestamp\":\"2024-01-01\"}}\n"
            )
        })
        .collect()
}

/// Runs an import and returns the exit code, the answer and the other output.
async fn import_with(
    arguments: &[&str],
    file: &std::path::Path,
) -> anyhow::Result<(Option<i32>, serde_json::Value, String)> {
    let output = Command::new(binary_path())
        .args(["import", "--json"])
        .args(arguments)
        .arg(file)
        .env_remove("ETAPPE_WRITE_KEY")
        .stdin(Stdio::null())
        .output()
        .await?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let answer = serde_json::from_slice(&output.stdout).unwrap_or_default();
    Ok((output.status.code(), answer, said))
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_new_lines_of_a_grown_file_are_sent() -> anyhow::Result<()> {
    let (mut process, site) = started("growing").await?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("export.ndjson");
    let data = process.data().display().to_string();
    let plain = ["--site", "growing", "--data", &data];
    let every = ["--site", "growing", "--data", &data, "--all"];
    // The lines of the export, the arguments, the accepted lines, and the total number of events.
    let exports = [
        (30, &plain[..], 30, 30),
        (50, &plain[..], 20, 50),
        (51, &plain[..], 1, 51),
        (60, &every[..], 60, 111),
    ];
    for (lines, arguments, taken, events) in exports {
        std::fs::write(&file, numbered_lines(0..lines))?;
        let (code, answer, said) = import_with(arguments, &file).await?;
        assert_eq!(code, Some(0), "{said}");
        assert_eq!(answer["accepted"], json!(taken), "{answer} {said}");
        let is_told = said.contains("begins with the content imported");
        assert_eq!(is_told, taken < lines, "{said}");
        assert_eq!(site.settle(events).await?, events);
    }
    // The same content is still refused, and a content that differs in its first line is another
    // file.
    let (code, _, said) = import_with(&plain, &file).await?;
    assert_eq!(code, Some(1), "{said}");
    std::fs::write(&file, numbered_lines(100..170))?;
    let (code, answer, said) = import_with(&plain, &file).await?;
    assert_eq!((code, &answer["accepted"]), (Some(0), &json!(70)), "{said}");
    // An incomplete line is sent once it is complete.
    let whole = numbered_lines(200..203);
    std::fs::write(&file, whole.get(..whole.len() - 10).unwrap_or_default())?;
    let (code, answer, said) = import_with(&plain, &file).await?;
    assert_eq!((code, &answer["accepted"]), (Some(0), &json!(2)), "{said}");
    std::fs::write(&file, &whole)?;
    let (code, answer, said) = import_with(&plain, &file).await?;
    assert_eq!((code, &answer["accepted"]), (Some(0), &json!(1)), "{said}");
    // Only a blank line is new: that is not a failure.
    std::fs::write(&file, whole + "\n")?;
    let (code, answer, said) = import_with(&plain, &file).await?;
    assert_eq!((code, &answer["accepted"]), (Some(0), &json!(0)), "{said}");
    assert_eq!(site.settle(111 + 70 + 3).await?, 184);
    process.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_another_site_is_refused() -> anyhow::Result<()> {
    let (mut process, site) = started("mine").await?;
    let other = TestSite::create(&process, "other").await?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("events.ndjson");
    std::fs::write(&file, numbered_lines(0..3))?;
    let state = folder.path().join("state").display().to_string();
    let url = format!("http://{}", process.listen);
    let arguments = |key: &str| {
        let words = [
            "--site",
            "mine",
            "--url",
            &url,
            "--state",
            &state,
            "--write-key",
            key,
        ];
        words.map(str::to_owned)
    };
    let with_other = arguments(&other.write_key);
    let (code, _, said) = import_with(&with_other.each_ref().map(String::as_str), &file).await?;
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("belongs to another site than `mine`"),
        "{said}"
    );
    let with_own = arguments(&site.write_key);
    let (code, _, said) = import_with(&with_own.each_ref().map(String::as_str), &file).await?;
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(site.settle(3).await?, 3);
    assert_eq!(other.visible_events().await?, 0);
    process.stop().await?;
    Ok(())
}
