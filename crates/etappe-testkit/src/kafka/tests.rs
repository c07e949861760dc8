//! Tests that a node does what tests ask of it and leaves nothing behind.

use std::path::Path;

use super::*;

fn is_running(id: u32) -> bool {
    // A process that was killed but not yet waited for has no command line.
    std::fs::read(format!("/proc/{id}/cmdline")).is_ok_and(|line| !line.is_empty())
}

fn values(records: &[PlainRecord]) -> Vec<&[u8]> {
    let values = records.iter().filter_map(|it| it.value.as_deref());
    values.collect()
}

#[tokio::test]
async fn a_killed_node_restarts_with_its_data_on_its_ports() {
    let node = KafkaNode::start().await.unwrap();
    let topic = node.topic("kept", 2).await.unwrap();
    node.produce(&topic, 1, ["a", "b"]).await.unwrap();
    let first = node.id().unwrap();
    node.kill().unwrap();
    assert!(!is_running(first));
    assert!(node.id().is_none());
    node.start_again().await.unwrap();
    assert_ne!(node.id(), Some(first));
    let records = node.read(&topic, 1).await.unwrap();
    assert_eq!(values(&records), [b"a", b"b"]);

    node.pause();
    let asked = tokio::time::timeout(Duration::from_millis(500), node.offsets(&topic, 1)).await;
    asked.expect_err("a frozen node does not answer");
    node.resume();
    assert_eq!(node.offsets(&topic, 1).await.unwrap(), (0, 2));

    node.stop().await.unwrap();
    node.start_again().await.unwrap();
    node.delete_before(&topic, 1, 1).await.unwrap();
    assert_eq!(node.offsets(&topic, 1).await.unwrap(), (1, 2));
    let (last, folder) = (node.id().unwrap(), node.cluster.path().to_owned());
    drop(node);
    assert!(!is_running(last));
    assert!(!folder.exists());
}

#[tokio::test]
async fn three_nodes_keep_serving_after_one_is_killed() {
    let nodes = KafkaNodes::start(3).await.unwrap();
    let [first, second, third] = nodes.nodes() else {
        panic!("three were asked for");
    };
    let topic = first.topic("replicated", 1).await.unwrap();
    first.produce(&topic, 0, ["a"]).await.unwrap();
    third.kill().unwrap();
    second.produce(&topic, 0, ["b"]).await.unwrap();
    third.start_again().await.unwrap();
    let records = third.read(&topic, 0).await.unwrap();
    assert_eq!(values(&records), [b"a", b"b"]);
}

#[tokio::test]
async fn a_node_and_its_data_are_removed_when_the_test_program_dies() {
    let folder = tempfile::tempdir().unwrap().keep();
    std::fs::create_dir(folder.join("node-1")).unwrap();
    let script = folder.join("script");
    std::fs::write(&script, "#!/bin/sh\nexec sleep 60\n").unwrap();
    make_executable(&script);
    let mut running = Running::start(&script, &folder.join("node-1"), &folder).unwrap();
    let id = running.id();
    // The end of the program closes the watch's input.
    running.close_watch();
    let deadline = Instant::now() + Duration::from_secs(10);
    while is_running(id) || folder.exists() {
        assert!(
            Instant::now() < deadline,
            "the node or its data is still there"
        );
        // The shell needs a moment to notice.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn make_executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}
