//! Startup: missing, broken, occupied or full resources are reported clearly, and nothing is lost.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use etappe_testkit::process::free_address;
use etappe_tests::role::{RoleProcess, Surroundings};
use etappe_tests::site::TestSite;
use etappe_tests::small_disk::SmallDisk;
use serde_json::{Value, json};

use crate::{run, started};

#[tokio::test(flavor = "multi_thread")]
async fn a_second_start_on_the_same_folder_names_the_process_that_uses_it() -> anyhow::Result<()> {
    let (mut process, site) = started("first").await?;
    let data = process.data();
    let (listen, admin) = (free_address()?, free_address()?);
    let folder = data.to_str().expect("text");
    let second = [
        "up", "--data", folder, "--listen", &listen, "--admin", &admin,
    ];
    let (code, _, errors) = run(&second).await?;
    assert_eq!(code, Some(1), "{errors}");
    let holder = process.id().expect("it runs").to_string();
    assert!(
        errors.contains("is in use by process") && errors.contains(&holder),
        "{errors}"
    );
    let (status, _) = site.send(&[event("m1")]).await?;
    assert_eq!(status, 200, "the first one goes on");
    process.stop().await?;
    Ok(())
}

fn event(id: &str) -> Value {
    json!({ "type": "track", "event": "Product Viewed", "userId": "u", "messageId": id })
}

#[tokio::test]
async fn an_address_in_use_is_named() -> anyhow::Result<()> {
    let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
    let address = taken.local_addr()?.to_string();
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let (code, _, errors) = run(&[
        "up",
        "--data",
        data.to_str().expect("text"),
        "--listen",
        &address,
    ])
    .await?;
    assert_eq!(code, Some(1), "{errors}");
    assert!(errors.contains(&address), "{errors}");
    Ok(())
}

#[tokio::test]
async fn a_folder_that_cannot_be_created_is_refused() -> anyhow::Result<()> {
    // Not even root can create a folder there.
    let (code, _, errors) = run(&["up", "--data", "/proc/etappe-data"]).await?;
    assert_eq!(code, Some(1), "{errors}");
    assert!(
        errors.contains("cannot create the data folder /proc/etappe-data"),
        "{errors}"
    );
    let file = tempfile::NamedTempFile::new()?;
    let path = file.path().to_str().expect("text");
    let (code, _, errors) = run(&["up", "--data", path]).await?;
    assert_eq!(code, Some(1), "{errors}");
    assert!(errors.contains("cannot create the data folder"), "{errors}");
    Ok(())
}

#[tokio::test]
async fn a_missing_or_wrong_engine_library_is_named() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let data = data.to_str().expect("text");
    let wrong = folder.path().join("libchdb.so");
    std::fs::write(&wrong, "not a library")?;
    for library in ["/nowhere/libchdb.so", wrong.to_str().expect("text")] {
        let (listen, admin) = (free_address()?, free_address()?);
        let arguments = ["up", "--data", data, "--listen", &listen, "--admin", &admin];
        let (code, _, errors) =
            run(&[&arguments[..], &["--engine-library", library]].concat()).await?;
        assert_eq!(code, Some(1), "{errors}");
        assert!(errors.contains(library), "{errors}");
    }
    Ok(())
}

#[tokio::test]
async fn every_problem_of_a_configuration_is_shown_at_once() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("etappe.toml");
    std::fs::write(
        &file,
        "[collector]\nmax_conections = 5\n[telemetry]\nlevel = 7\nformat = 'xml'\n[nonsense]\nx = 1\n",
    )?;
    let path = file.to_str().expect("text");
    for arguments in [
        vec!["config", "check", "--config", path],
        vec!["up", "--config", path, "--data", "/proc/never-made"],
    ] {
        let (code, _, errors) = run(&arguments).await?;
        assert_eq!(code, Some(64), "{errors}");
        for place in [
            "etappe.toml:2: ",
            "etappe.toml:4: ",
            "etappe.toml:5: ",
            "etappe.toml:7: ",
        ] {
            assert!(errors.contains(place), "{place} in {errors}");
        }
    }
    let (code, _, errors) = run(&["config", "check", "--config", "/nowhere.toml"]).await?;
    assert_eq!(code, Some(64), "{errors}");
    let (code, _, _) = run(&["up", "--no-such-flag"]).await?;
    assert_eq!(code, Some(64));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_names_missing_components_and_metrics_count_events() -> anyhow::Result<()> {
    let (mut process, site) = started("metrics").await?;
    let ready = process.get_admin("/readyz").await?;
    assert_eq!(ready.status, 200, "{}", ready.text);
    let components = ready.body["components"]
        .as_object()
        .expect("components")
        .clone();
    for name in ["collector", "event_log", "classifier", "engine"] {
        assert_eq!(
            components[name]["state"], "ready",
            "{name} in {}",
            ready.text
        );
    }
    site.send(&[event("m1"), event("m1")]).await?;
    site.settle(1).await?;
    let metrics = process.get_admin("/metrics").await?.text;
    for name in [
        "collector_events_accepted_total",
        "log_appended_records_total",
        "classifier_rows_total",
        "warehouse_inserted_rows_total",
        "insights_requests_total",
    ] {
        assert!(
            metrics.contains(&format!("# TYPE etappe_{name} counter")),
            "{name}: {metrics}"
        );
    }
    let documented = documented_metrics()?;
    let undocumented: Vec<_> = metrics
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .filter(|name| !documented.contains(&(*name).to_owned()))
        .collect();
    assert!(
        undocumented.is_empty(),
        "exported but not documented: {undocumented:?}"
    );
    process.stop().await?;
    Ok(())
}

/// Returns the metrics that `docs/metrics.md` lists.
fn documented_metrics() -> anyhow::Result<Vec<String>> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/metrics.md");
    let text = std::fs::read_to_string(page)?;
    let rows = text
        .lines()
        .filter_map(|line| line.strip_prefix("| `etappe_"));
    Ok(rows
        .filter_map(|row| row.split('`').next())
        .map(|name| format!("etappe_{name}"))
        .collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_events_and_loses_none() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let place = folder.path().join("disk");
    std::fs::create_dir(&place)?;
    let disk = Arc::new(SmallDisk::mount(&place, 400 << 20).await?);
    let surroundings = Surroundings {
        disk: Some(Arc::clone(&disk)),
        is_group: true,
        ..Surroundings::default()
    };
    let data = place.join("data").display().to_string();
    let (listen, admin) = (free_address()?, free_address()?);
    let arguments = [
        "up", "--data", &data, "--listen", &listen, "--admin", &admin, "--json",
    ];
    let mut up = RoleProcess::start_in(surroundings, folder.path(), "up", arguments).await?;
    let keys = (up.said("write_key"), up.said("read_token"));
    let site = TestSite::of(&listen, &listen, &up.said("site"), keys)?;
    let padding = "x".repeat(20_000);
    let message = |number: u64| {
        let properties = json!({ "padding": format!("{number}{}", scrambled(number, &padding)) });
        json!({ "type": "track", "event": "e", "userId": "u", "messageId": number.to_string(),
                "properties": properties })
    };
    let filler = disk.outside(&place.join("filler"));
    std::fs::write(&filler, vec![1_u8; 250 * 1024 * 1024])?;
    let (mut accepted, mut refused) = (0, None);
    for number in 0..4_000 {
        let batch: Vec<_> = (number * 10..number * 10 + 10).map(message).collect();
        match site.send(&batch).await? {
            (200, _) => accepted += 10,
            (status, body) => {
                refused = Some((status, body, batch));
                break;
            }
        }
    }
    let (status, body, batch) = refused.expect("a disk that is full refuses at last");
    assert_eq!(status, 503, "{body}");
    std::fs::remove_file(&filler)?;
    // Once there is space again, refused batches can be sent again.
    let mut repeats = 0;
    while site.send(&batch).await?.0 != 200 {
        repeats += 1;
        assert!(repeats < 300, "the log does not recover");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(site.settle(accepted + 10).await?, accepted + 10);
    up.stop().await
}

/// Returns text that cannot be compressed much.
fn scrambled(seed: u64, text: &str) -> String {
    let mut state = seed | 1;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        char::from(b'a' + u8::try_from((state >> 33) % 26).unwrap_or_default())
    };
    text.chars().map(|_| next()).collect()
}
