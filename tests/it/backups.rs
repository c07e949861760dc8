//! A backup made under load is complete, and restoring it gives exact figures.

use std::path::Path;

use etappe_testkit::process::EtappeProcess;
use etappe_tests::ledger::{Clients, Plan};

use crate::kills::check;
use crate::{run, started};

/// Moves a killed process's data folder away and restores a backup in its place.
async fn restore_in_place(process: &EtappeProcess, backup: &Path) -> anyhow::Result<()> {
    let data = process.data();
    std::fs::rename(&data, data.with_file_name("lost"))?;
    let (backup, data) = (backup.display().to_string(), data.display().to_string());
    let (code, said, errors) = run(&["restore", &backup, "--data", &data]).await?;
    assert_eq!(code, Some(0), "{said} {errors}");
    assert!(said.contains("etappe up --data"), "{said}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_taken_under_load_restores_exactly() -> anyhow::Result<()> {
    let seed = rand::random();
    eprintln!("seed {seed}");
    let (mut process, site) = started("backup").await?;
    let plan = Plan {
        seed,
        first_client: 0,
        clients: 4,
        batches: 150,
        batch: 40,
    };
    let clients = Clients::start(&site, plan);
    clients.reach(3_000).await;
    let before = clients.acknowledged();
    let backup = process.data().with_file_name("backup");
    let folder = backup.display().to_string();
    let made = process.run("backup", &[&folder]).await?;
    let after = clients.acknowledged();
    assert!(made["bytes"].as_u64() > Some(0), "{made}");
    let ledger = clients.finish().await;
    check(&site, &ledger).await?;
    process.kill().await?;

    restore_in_place(&process, &backup).await?;
    process.restart().await?;
    let restored = site.settle_down().await?;
    // An acknowledgement may still be on its way to the client when the event already counts.
    let most = after + plan.clients * plan.batch;
    assert!(
        (before..=most).contains(&restored),
        "{restored} events, acknowledged {before} before the backup and {after} after it"
    );
    assert!(restored < ledger.events, "the backup was made under load");
    let audit = process.run("audit", &[]).await?;
    assert_eq!(audit["is_clean"], true, "{audit}");
    // Sent again, events in the backup are not counted twice, and missing ones are added.
    let again = Clients::start(&site, plan).finish().await;
    assert_eq!((again.events, again.cents), (ledger.events, ledger.cents));
    check(&site, &ledger).await?;
    let audit = process.run("audit", &[]).await?;
    assert_eq!(audit["is_clean"], true, "{audit}");
    process.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_needs_a_folder_of_its_own_and_a_damaged_one_is_refused() -> anyhow::Result<()> {
    let (mut process, site) = started("refused").await?;
    let message = serde_json::json!({ "type": "track", "event": "a", "userId": "u" });
    site.send(&[message]).await?;
    assert_eq!(site.settle(1).await?, 1);
    let data = process.data().display().to_string();
    let folder = process.data();
    let beside = |name: &str| folder.with_file_name(name);
    let backup = beside("backup").display().to_string();
    let inside = process.data().join("backup").display().to_string();
    let taken = beside("taken");
    std::fs::create_dir(&taken)?;
    std::fs::write(taken.join("mine"), "precious")?;
    let around = format!("{data}/../data/imports/backup");
    for folder in [&inside, &around, &taken.display().to_string()] {
        let (code, _, errors) = run(&["backup", folder, "--data", &data]).await?;
        assert_eq!(code, Some(1), "{errors}");
        assert!(
            errors.contains("new or empty folder outside the data folder"),
            "{errors}"
        );
    }
    assert_eq!(std::fs::read_to_string(taken.join("mine"))?, "precious");
    let (code, said, errors) = run(&["backup", &backup, "--data", &data]).await?;
    assert_eq!(code, Some(0), "{errors}");
    assert!(said.contains("everything acknowledged before"), "{said}");
    process.stop().await?;
    let (code, _, errors) = run(&["backup", &backup, "--data", &data]).await?;
    assert_eq!(code, Some(1), "{errors}");
    assert!(errors.contains("is running on"), "{errors}");

    let (code, _, errors) = run(&["restore", &backup, "--data", &data]).await?;
    assert_eq!(code, Some(1), "{errors}");
    assert!(errors.contains("is not empty"), "{errors}");
    let target = beside("new").display().to_string();
    let sites = beside("backup").join("sites.json");
    let good = std::fs::read_to_string(&sites)?;
    std::fs::write(&sites, good.replace("refused", "REFUSED"))?;
    let (code, _, errors) = run(&["restore", &backup, "--data", &target]).await?;
    assert_eq!(code, Some(1), "{errors}");
    assert!(
        errors.contains("content of sites.json has changed"),
        "{errors}"
    );
    assert!(!beside("new").exists(), "nothing is left of it");
    std::fs::write(&sites, good)?;
    // Into a new folder, and into an existing empty one, such as a mount point.
    std::fs::create_dir(beside("there"))?;
    for name in ["new", "there"] {
        let target = beside(name).display().to_string();
        let (code, _, errors) = run(&["restore", &backup, "--data", &target]).await?;
        assert_eq!(code, Some(0), "{errors}");
        let mut names: Vec<_> = std::fs::read_dir(beside(name))?
            .map(|entry| entry.expect("listed").file_name())
            .filter(|entry| entry != "lock")
            .collect();
        names.sort();
        let expected = ["dead-letters", "engine", "imports", "log", "sites.json"];
        assert_eq!(names, expected, "{name}");
    }
    assert!(!beside("backup").join("engine").exists());
    Ok(())
}
