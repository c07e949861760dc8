//! Checks that crate dependencies match ARCHITECTURE.md and that files keep their form.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Dependencies between our crates: crate → its dependencies, without development and build ones.
fn edges() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--offline",
        ])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo prints JSON");
    let name = |value: &Value| value["name"].as_str().unwrap_or_default().to_owned();
    let ours = |name: &String| name.starts_with("etappe-");
    let packages = metadata["packages"].as_array().expect("packages").iter();
    packages
        .map(|package| {
            let dependencies = package["dependencies"]
                .as_array()
                .expect("dependencies")
                .iter();
            let normal = dependencies
                .filter(|dependency| dependency["kind"].is_null())
                .map(name);
            (name(package), normal.filter(ours).collect())
        })
        .collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| format!("etappe-{name}")).collect()
}

#[test]
fn adapters_and_applications_never_name_each_other() {
    let allowed = BTreeMap::from([
        ("etappe-core", set(&[])),
        ("etappe-wire", set(&["core"])),
        ("etappe-log", set(&["core", "runtime", "wire"])),
        ("etappe-warehouse", set(&["core", "runtime", "wire"])),
        ("etappe-collector", set(&["core", "runtime", "wire"])),
        ("etappe-classifier", set(&["core", "runtime", "wire"])),
        ("etappe-insights", set(&["core", "runtime", "wire"])),
        ("etappe-import", set(&["core", "runtime"])),
        ("etappe-journeys", set(&["core", "runtime"])),
        ("etappe-simulate", set(&[])),
        ("etappe-web", set(&["core", "runtime"])),
        ("etappe-runtime", set(&["core"])),
        ("etappe-engine", set(&["core", "runtime"])),
        ("etappe-testkit", set(&["core", "wire", "runtime"])),
    ]);
    let edges = edges();
    for (name, allowed) in &allowed {
        let actual = &edges[*name];
        assert!(
            actual.is_subset(allowed),
            "{name} depends on {:?}",
            actual - allowed
        );
    }
    let crates = allowed.len() + ["etappe", "etappe-tests", "etappe-benches"].len();
    assert_eq!(
        edges.len(),
        crates,
        "a new crate wants a line here and in ARCHITECTURE.md"
    );
    for (name, dependencies) in &edges {
        let is_test = ["etappe-tests", "etappe-benches"].contains(&name.as_str());
        assert!(
            is_test || !dependencies.contains("etappe-testkit"),
            "{name} names the test kit"
        );
    }
}

#[test]
fn the_architecture_lists_every_crate_with_its_dependencies() {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).expect("readable");
    let rows: BTreeMap<_, _> = text
        .lines()
        .filter_map(|line| line.strip_prefix("| `etappe"))
        .filter_map(|row| {
            let mut cells = row.split('|');
            let name = cells.next()?.trim().trim_end_matches('`');
            Some((format!("etappe{name}"), cells.nth(1)?.to_owned()))
        })
        .collect();
    for (name, dependencies) in edges() {
        if ["etappe", "etappe-tests", "etappe-benches"].contains(&name.as_str()) {
            continue;
        }
        let row = rows
            .get(&name)
            .unwrap_or_else(|| panic!("{name} is not in the table"));
        for dependency in dependencies {
            let short = dependency.trim_start_matches("etappe-");
            assert!(row.contains(short), "{name} → {short} is not in the table");
        }
    }
}

/// Every Rust file of the project.
fn files() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = ["crates", "tests", "benches"]
        .map(|name| root().join(name))
        .to_vec();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)
            .expect("readable")
            .filter_map(Result::ok)
        {
            let path = entry.path();
            if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found
}

#[test]
fn every_file_says_what_it_is_and_stays_readable() {
    let mut problems = Vec::new();
    for path in files() {
        let text = std::fs::read_to_string(&path).expect("readable");
        let name = path.display();
        if !text.starts_with("//!") {
            problems.push(format!("{name} does not start with `//!`"));
        }
        let production = text
            .split("#[cfg(test)]\nmod tests {")
            .next()
            .unwrap_or_default();
        let lines = production.lines().count();
        let is_test = path.components().any(|part| {
            ["tests", "it", "tests.rs"]
                .iter()
                .any(|name| part.as_os_str() == *name)
        });
        if lines > 400 && !is_test {
            problems.push(format!(
                "{name} has {lines} lines of production code, 400 at most"
            ));
        }
        if path.ends_with("mod.rs") {
            problems.push(format!("{name}: modules are `foo.rs` beside `foo/`"));
        }
    }
    assert!(problems.is_empty(), "{problems:#?}");
}

/// Returns the relative paths in `text` that go up at least one folder, such as `../../config`.
fn climbing_paths(text: &str) -> impl Iterator<Item = &str> {
    let is_part = |character: char| character.is_ascii_alphanumeric() || "./_-".contains(character);
    text.split(move |character| !is_part(character))
        .filter(|word| word.starts_with("../"))
}

#[test]
fn a_clone_reads_nothing_that_lies_beside_it() {
    let mut problems = Vec::new();
    for path in files() {
        let text = std::fs::read_to_string(&path).expect("readable");
        let from_root = path
            .strip_prefix(root())
            .unwrap_or_else(|_| panic!("{} is outside the project", path.display()));
        // `include_str!` starts in the file's folder, CARGO_MANIFEST_DIR higher up: never deeper.
        let depth = from_root.components().count() - 1;
        for climbing in climbing_paths(&text) {
            let steps = climbing.split('/').filter(|part| *part == "..").count();
            if steps > depth {
                problems.push(format!("{}: {climbing}", from_root.display()));
            }
        }
        // Crates and tests are one or two folders below the root, and their paths go up from there.
        let base = match from_root.iter().next().and_then(|first| first.to_str()) {
            Some("crates") => 2,
            _ => 1,
        };
        let manifest = text
            .split("CARGO_MANIFEST_DIR")
            .skip(1)
            .filter_map(|after| climbing_paths(after).next())
            .filter(|first| first.split('/').filter(|part| *part == "..").count() > base);
        problems.extend(manifest.map(|it| format!("{}: {it}", from_root.display())));
    }
    assert!(problems.is_empty(), "paths out of the clone: {problems:#?}");
}
