//! The commands as an operator types them.

use std::process::Stdio;

use etappe_testkit::process::binary_path;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::{run, started};

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_explained_before_and_after_it_is_sent() -> anyhow::Result<()> {
    let event =
        r#"{"type":"track","event":"Order Completed","userId":"u","properties":{"revenue":5}}"#;
    let (code, explained, errors) = run(&["explain", event, "--json"]).await?;
    assert_eq!(code, Some(0), "{errors}");
    let explained: Value = serde_json::from_str(&explained)?;
    assert_eq!(explained["milestone"], "purchase", "{explained}");
    let text = explained.to_string();
    assert!(
        text.contains("\"revenue\"") && text.contains("aaarrr"),
        "{explained}"
    );

    let (mut process, site) = started("explained").await?;
    let sent =
        json!({ "type": "track", "event": "Order Completed", "userId": "u", "messageId": "m-1" });
    assert_eq!(site.send(&[sent]).await?.0, 200);
    site.settle(1).await?;
    let stored = process
        .run("explain", &["m-1", "--site", "explained"])
        .await?;
    assert!(stored.to_string().contains("purchase"), "{stored}");
    let missing = process
        .run("explain", &["m-2", "--site", "explained"])
        .await;
    assert!(missing.is_err(), "no such message");
    process.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn unmapped_names_are_listed_locally_and_remotely() -> anyhow::Result<()> {
    let (mut process, site) = started("nameless").await?;
    let event = |name: &str, user: &str| json!({ "type": "track", "event": name, "userId": user });
    let sent = [
        event("Garden newsletter joined", "a"),
        event("Garden newsletter joined", "b"),
        event("Garden newsletter joined", "b"),
        event("Plant care tip read", "a"),
        event("Login", "a"),
        event("Order Completed", "a"),
    ];
    assert_eq!(site.send(&sent).await?.0, 200);
    site.settle(6).await?;
    let found = process.run("unmapped", &["--site", "nameless"]).await?;
    let first = &found["names"][0];
    assert_eq!(
        (&first["name"], &first["events"], &first["people"]),
        (&json!("Garden newsletter joined"), &json!(3), &json!(2)),
        "{found}"
    );
    assert_eq!(first["suggestion"]["milestone"], "subscribe", "{found}");
    assert_eq!(found["names"].as_array().map(Vec::len), Some(2), "{found}");
    assert_eq!(
        site.get("/unmapped").await?.1["names"],
        found["names"],
        "the command and the address say the same"
    );
    let limited = ["--site", "nameless", "--limit", "1", "--kind", "track"];
    let limited = process.run("unmapped", &limited).await?;
    assert_eq!(
        (&limited["names_more"], &limited["events_more"]),
        (&json!(1), &json!(1))
    );

    let url = format!("http://{}", process.listen);
    let elsewhere = [
        "unmapped",
        "--site",
        "nameless",
        "--url",
        &url,
        "--read-token",
    ];
    let (code, table, errors) = run(&[&elsewhere[..], &[&site.read_token]].concat()).await?;
    assert_eq!(code, Some(0), "{errors}");
    for text in [
        "Garden newsletter joined",
        "perhaps `subscribe`",
        "docs/vocabularies.md",
    ] {
        assert!(table.contains(text), "{text} in {table}");
    }
    let (code, _, errors) = run(&[&elsewhere[..], &["er_wrong"]].concat()).await?;
    assert_eq!(code, Some(1));
    assert!(errors.contains("token"), "{errors}");
    let unknown = ["--site", "nameless", "--model", "no such"];
    assert!(process.run("unmapped", &unknown).await.is_err());
    let (code, _, errors) = run(&[&elsewhere[..3], &["--kind", "pages"]].concat()).await?;
    assert_eq!(code, Some(64), "{errors}");
    process.stop().await?;
    Ok(())
}

/// As in `etappe explain … | head -1`: nobody reads the rest.
#[tokio::test]
async fn a_command_whose_output_is_closed_ends_normally() -> anyhow::Result<()> {
    let event = r#"{"type":"track","event":"Order Completed","userId":"u"}"#;
    for (arguments, expected) in [
        (&["explain", event][..], 0),
        (&["explain", event, "--json"], 0),
        (&["models", "list"], 0),
        (&["models", "check"], 0),
        (&["config", "print"], 0),
        (&["--help"], 0),
        (&["explain", "{"], 1),
    ] {
        let (reader, writer) = std::io::pipe()?;
        drop(reader);
        let ended = Command::new(binary_path())
            .args(arguments)
            .stdout(writer)
            .stderr(Stdio::piped())
            .output()
            .await?;
        let errors = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(
            ended.status.code(),
            Some(expected),
            "{arguments:?}: {errors}"
        );
        assert!(!errors.contains("panicked"), "{arguments:?}: {errors}");
    }
    Ok(())
}

#[tokio::test]
async fn the_shipped_models_are_listed_and_valid() -> anyhow::Result<()> {
    let (code, listed, errors) = run(&["models", "list", "--json"]).await?;
    assert_eq!(code, Some(0), "{errors}");
    let listed: Value = serde_json::from_str(&listed)?;
    let mut ids: Vec<_> = listed["models"]
        .as_array()
        .expect("models")
        .iter()
        .map(|m| m["id"].to_string())
        .collect();
    ids.sort();
    let shipped = [
        "aaarrr",
        "aarrr",
        "advocacy-loop",
        "awareness-advocacy",
        "b2b",
        "klantreis",
        "store",
    ];
    assert_eq!(ids, shipped.map(|id| format!("\"{id}\"")));
    let (code, _, errors) = run(&["models", "check"]).await?;
    assert_eq!(code, Some(0), "{errors}");
    Ok(())
}

#[tokio::test]
async fn every_mistake_in_a_model_file_is_shown_with_its_line() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("mine.toml");
    std::fs::write(
        &file,
        "id = \"mine\"\n\n[[rule]]\nid = \"a\"\nevent = \"\"\nmilestone = \"buy\"\n\n[[rule]]\nid = \"a\"\nevnt = \"x\"\nmilestone = \"purchase\"\n",
    )?;
    let (code, out, errors) = run(&["models", "check", file.to_str().expect("text")]).await?;
    assert_eq!(code, Some(1), "{out}{errors}");
    let said = format!("{out}{errors}");
    for line in ["mine.toml:5", "mine.toml:6", "mine.toml:9", "mine.toml:10"] {
        assert!(said.contains(line), "{line} in {said}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_and_settings_can_be_changed_while_etappe_runs() -> anyhow::Result<()> {
    let (mut process, site) = started("keys").await?;
    let event = || json!({ "type": "track", "event": "x", "userId": "u" });
    assert_eq!(site.send(&[event()]).await?.0, 200);
    let listed = process.run("keys", &["list"]).await?;
    let entry = listed
        .as_array()
        .expect("sites")
        .iter()
        .find(|entry| entry["site"] == "keys");
    let keys = entry.expect("the site")["keys"]
        .as_array()
        .expect("keys")
        .clone();
    assert_eq!(keys.len(), 2);
    assert!(
        !listed.to_string().contains(&site.write_key),
        "only hashes are listed"
    );
    let write = keys
        .iter()
        .find(|key| key["opens"] != "read")
        .expect("a write key");
    let hash: String = write["hash"]
        .as_str()
        .expect("text")
        .chars()
        .take(16)
        .collect();
    process
        .run("keys", &["revoke", "--site", "keys", "--hash", &hash])
        .await?;
    assert_eq!(
        site.send(&[event()]).await?.0,
        401,
        "a revoked key is refused at once"
    );
    let set = [
        "set",
        "--site",
        "keys",
        "timezone=Europe/Amsterdam",
        "events_per_second=5",
        "largest_amount={\"EUR\":5000}",
    ];
    let settings = process.run("keys", &set).await?;
    assert_eq!(settings["timezone"], "Europe/Amsterdam");
    assert_eq!(settings["largest_amount"], json!({ "EUR": 5000 }));
    for wrong in [
        "timezone=Mars",
        "currency=XYZ",
        "largest_amount=-1",
        "largest_amount={\"EURO\":1}",
    ] {
        let set = process.run("keys", &["set", "--site", "keys", wrong]).await;
        assert!(set.is_err(), "{wrong}");
    }
    process.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn origins_are_accepted_in_common_spellings() -> anyhow::Result<()> {
    let (mut process, _) = started("origins").await?;
    let set = async |pair: &str| {
        let arguments = ["set", "--site", "origins", pair];
        process.run("keys", &arguments).await
    };
    let settings = set("allowed_origins=winkel.nl, http://localhost:3000/").await?;
    let origins = [
        "https://winkel.nl",
        "https://www.winkel.nl",
        "http://localhost:3000",
    ];
    assert_eq!(settings["allowed_origins"], json!(origins));
    for wrong in [
        "allowed_origins=https://winkel.nl/shop",
        "allowed_origins=*",
    ] {
        assert!(set(wrong).await.is_err(), "{wrong}");
    }
    let settings = set("allowed_origins=").await?;
    assert_eq!(settings["allowed_origins"], json!([]));
    process.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_over_its_rate_gets_retry_after() -> anyhow::Result<()> {
    let (mut process, site) = started("rated").await?;
    process
        .run("keys", &["set", "--site", "rated", "events_per_second=5"])
        .await?;
    let event = json!({ "type": "track", "event": "x", "userId": "u" });
    let mut statuses = Vec::new();
    for _ in 0..20 {
        statuses.push(site.send(std::slice::from_ref(&event)).await?.0);
    }
    assert!(
        statuses.contains(&200) && statuses.contains(&429),
        "{statuses:?}"
    );
    process.stop().await?;
    Ok(())
}

#[tokio::test]
async fn the_printed_configuration_can_be_read_again() -> anyhow::Result<()> {
    let (code, printed, errors) = run(&["config", "print"]).await?;
    assert_eq!(code, Some(0), "{errors}");
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("printed.toml");
    std::fs::write(&file, &printed)?;
    let path = file.to_str().expect("text");
    let (code, again, errors) = run(&["config", "print", "--config", path]).await?;
    assert_eq!((code, again), (Some(0), printed), "{errors}");
    Ok(())
}
