//! Data at rest: only its owner may read it, and missing parts are noticed.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use etappe_testkit::process::{EtappeProcess, free_address};
use etappe_tests::site::TestSite;
use serde_json::{Value, json};

use crate::{run, started};

fn event(id: &str) -> Value {
    json!({ "type": "track", "event": "Product Viewed", "userId": "u", "messageId": id })
}

fn set_mode(path: &Path, mode: u32) -> std::io::Result<()> {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
}

/// Returns the files in `folder` to which others have rights, and the number of all files.
fn open_to_others(folder: &Path) -> (Vec<String>, usize) {
    let mut open = Vec::new();
    let mut count = 0;
    let mut folders = vec![folder.to_owned()];
    let mut look = |path: &Path| {
        // ClickHouse's files come and go.
        let Ok(metadata) = path.symlink_metadata() else {
            return false;
        };
        // A link has no rights of its own; its target is checked at its own path.
        if metadata.is_symlink() {
            return false;
        }
        count += 1;
        let mode = metadata.permissions().mode() & 0o777;
        let expected = if metadata.is_dir() { 0o700 } else { 0o600 };
        if mode & !expected != 0 {
            open.push(format!("{mode:o} {}", path.display()));
        }
        metadata.is_dir()
    };
    look(folder);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            if look(&entry.path()) {
                folders.push(entry.path());
            }
        }
    }
    (open, count)
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_owner_can_read_the_files_of_a_running_etappe() -> anyhow::Result<()> {
    let (mut process, site) = started("private").await?;
    let data = process.data();
    for number in 0..20 {
        site.send(&[event(&format!("m{number}"))]).await?;
    }
    let file = data.with_file_name("events.ndjson");
    let mut imported = event("imported");
    imported["timestamp"] = json!("2024-03-01T12:00:00Z");
    std::fs::write(&file, format!("{imported}\nno event\n"))?;
    let file = file.to_str().expect("text");
    process.run("import", &["--site", "private", file]).await?;
    site.settle(21).await?;
    let (open, count) = open_to_others(&data);
    assert_eq!(open, [""; 0]);
    assert!(count > 100, "only {count} files and folders");
    process.stop().await?;
    // An earlier version, or a copy from elsewhere, may have left these rights.
    set_mode(&data, 0o755)?;
    set_mode(&data.join("sites.json"), 0o644)?;
    set_mode(&data.join("log"), 0o775)?;
    set_mode(&data.join("engine"), 0o755)?;
    process.restart().await?;
    assert_eq!(open_to_others(&data).0, [""; 0]);
    let log = std::fs::read_to_string(data.with_file_name("etappe.log"))?;
    assert!(
        log.contains("other users could read the data folder"),
        "{log}"
    );
    process.stop().await?;
    Ok(())
}

/// Starts `up` on a folder that it must refuse, with further arguments.
async fn refused(data: &Path, more: &[&str]) -> anyhow::Result<String> {
    let (listen, admin) = (free_address()?, free_address()?);
    let data = data.to_str().expect("text");
    let own = ["up", "--data", data, "--listen", &listen, "--admin", &admin];
    let (code, _, errors) = run(&[&own[..], more].concat()).await?;
    assert_eq!(code, Some(64), "{errors}");
    Ok(errors)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_lost_a_part_is_refused_until_the_loss_is_accepted() -> anyhow::Result<()> {
    let (mut process, site) = started("shop").await?;
    let data = process.data();
    site.send(&[event("m1"), event("m2")]).await?;
    site.settle(2).await?;
    process.stop().await?;
    let away = data.with_file_name("away");
    std::fs::create_dir(&away)?;
    for part in ["sites.json", "log", "engine"] {
        let aside: PathBuf = away.join(part);
        std::fs::rename(data.join(part), &aside)?;
        let errors = refused(&data, &[]).await?;
        let name = part.trim_end_matches(".json");
        assert!(
            errors.contains(&format!("--accept-missing {name}")),
            "{errors}"
        );
        assert!(!data.join(part).exists(), "nothing was made");
        let others = if name == "log" { "sites" } else { "log" };
        refused(&data, &["--accept-missing", others]).await?;
        std::fs::rename(&aside, data.join(part))?;
    }
    process.restart().await?;
    assert_eq!(site.settle(2).await?, 2, "put back, it is as before");
    process.stop().await?;

    // Without the engine, everything still in the log is stored again.
    std::fs::rename(data.join("engine"), away.join("engine"))?;
    std::fs::rename(data.join("sites.json"), away.join("sites.json"))?;
    let accept = ["--accept-missing", "engine", "--accept-missing", "sites"];
    let options: Vec<OsString> = accept.map(OsString::from).into();
    let folder = data.parent().expect("it is in a folder");
    let mut anew = EtappeProcess::start_with(folder, options).await?;
    assert!(!anew.write_key.is_empty(), "it has made keys again");
    let site = TestSite::create(&anew, "shop").await?;
    assert_eq!(site.settle(2).await?, 2);
    anew.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_files_that_lose_no_event_do_not_prevent_a_start() -> anyhow::Result<()> {
    let (mut process, site) = started("shop").await?;
    let data = process.data();
    site.send(&[event("m1")]).await?;
    site.settle(1).await?;
    process.kill().await?;
    let letters = data.join("dead-letters/letters.ndjson");
    std::fs::write(&letters, "{\"crc\":1,\"letter\":{}}\n\u{0}\u{0}torn")?;
    std::fs::write(data.join("log/boot.json"), "{\"boot")?;
    std::fs::write(data.join("run.json"), "")?;
    process.restart().await?;
    site.send(&[event("m2")]).await?;
    assert_eq!(site.settle(2).await?, 2);
    let metrics = process.get_admin("/metrics").await?.text;
    let counted = "etappe_classifier_damaged_letters_total 2";
    assert!(metrics.contains(counted), "{metrics}");
    let aside = std::fs::read_to_string(letters.with_extension("ndjson.damaged"))?;
    assert!(
        aside.contains("{\"crc\":1") && aside.contains("torn"),
        "{aside}"
    );
    let listed = process.run("dead-letters", &["list"]).await?;
    assert_eq!(listed, json!([]));
    process.stop().await?;
    Ok(())
}
