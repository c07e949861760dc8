//! A process killed with SIGKILL has lost nothing that it acknowledged.

use std::collections::HashSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use etappe_core::ports::EventPublisher;

use crate::support::{open, read_all, record};

/// Set in the process to be killed; holds the folder of its log.
const DIRECTORY: &str = "ETAPPE_TEST_KILL_DIRECTORY";
const ROUNDS: usize = 4;

#[test]
fn acknowledged_records_survive_a_kill() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    match std::env::var_os(DIRECTORY) {
        Some(directory) => runtime.block_on(publish_until_killed(Path::new(&directory))),
        None => {
            let folder = tempfile::tempdir().unwrap();
            let mut acknowledged = HashSet::new();
            for round in 0..ROUNDS {
                kill_a_publisher(folder.path(), round, &mut acknowledged);
                runtime.block_on(check(folder.path(), &acknowledged));
            }
            assert!(acknowledged.len() >= ROUNDS * 100);
        }
    }
}

/// Publishes from several tasks and prints each record once it is acknowledged.
async fn publish_until_killed(directory: &Path) {
    let log = open(directory, "boot").unwrap();
    let mut publishers = tokio::task::JoinSet::new();
    for key in 0..6 {
        let publisher = log.publisher();
        publishers.spawn(async move {
            for number in 0_u64.. {
                let name = format!("{}-{key}-{number}", std::process::id());
                let outcomes = publisher.publish(vec![record(key, &*name)]).await;
                assert_eq!(outcomes, [Ok(())]);
                println!("acknowledged {name}");
            }
        });
    }
    publishers.join_all().await;
}

/// Starts a publisher and kills it in the middle of its work.
fn kill_a_publisher(directory: &Path, round: usize, acknowledged: &mut HashSet<String>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill::acknowledged_records_survive_a_kill"])
        .arg("--nocapture")
        .env(DIRECTORY, directory)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut seen = 0;
    while seen < 100 + 37 * round {
        let line = lines.next().expect("the publisher goes on").unwrap();
        seen += usize::from(note(&line, acknowledged));
    }
    child.kill().unwrap();
    // What it printed before it died counts too; its last line may be incomplete.
    for line in lines.map_while(Result::ok) {
        note(&line, acknowledged);
    }
    child.wait().unwrap();
}

fn note(line: &str, acknowledged: &mut HashSet<String>) -> bool {
    // The test harness prints a text of its own before the first line.
    match line.split_once("acknowledged ") {
        Some((_, name)) if name.split('-').filter(|part| !part.is_empty()).count() == 3 => {
            acknowledged.insert(name.to_owned())
        }
        Some(_) | None => false,
    }
}

async fn check(directory: &Path, acknowledged: &HashSet<String>) {
    let log = open(directory, "boot").unwrap();
    let mut found = HashSet::new();
    for partition in 0..2 {
        for (at, (offset, name)) in read_all(&log.reader(), partition, 0)
            .await
            .into_iter()
            .enumerate()
        {
            assert_eq!(offset, at as u64);
            assert!(found.insert(name), "a record is there twice");
        }
    }
    let lost: Vec<_> = acknowledged.difference(&found).collect();
    assert!(lost.is_empty(), "lost: {lost:?}");
}
