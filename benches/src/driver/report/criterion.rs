//! Reads criterion's latest results from the files it leaves behind.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::Figure;

/// How deep criterion nests its folders.
const DEPTH: usize = 4;

/// Returns a figure per benchmark, sorted by name: elements or bytes per second if the benchmark
/// states its throughput, otherwise the time.
pub(crate) fn figures(dir: &Path) -> Vec<Figure> {
    let mut found = Vec::new();
    collect(dir, DEPTH, &mut found);
    found.sort_by(|left, right| left.what.cmp(&right.what));
    found
}

fn collect(dir: &Path, depth: usize, found: &mut Vec<Figure>) {
    let newest = dir.join("new");
    if let Some(figure) = read(&newest) {
        found.push(figure);
        return;
    }
    if depth == 0 {
        return;
    }
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            collect(&entry.path(), depth - 1, found);
        }
    }
}

fn read(dir: &Path) -> Option<Figure> {
    let json = |name: &str| -> Option<Value> {
        serde_json::from_str(&fs::read_to_string(dir.join(name)).ok()?).ok()
    };
    let nanoseconds = json("estimates.json")?["median"]["point_estimate"].as_f64()?;
    let benchmark = json("benchmark.json")?;
    let name = format!("criterion: {}", benchmark["full_id"].as_str()?);
    let throughput = &benchmark["throughput"];
    let per_second = |count: f64| count / nanoseconds * 1e9;
    let figure = match (
        throughput["Elements"].as_f64(),
        throughput["Bytes"].as_f64(),
    ) {
        (Some(elements), _) => Figure::new(&name, per_second(elements), "1/s"),
        (None, Some(bytes)) => Figure::new(&name, per_second(bytes) / 1e6, "MB/s"),
        (None, None) => Figure::new(&name, nanoseconds / 1e3, "µs"),
    };
    // The only microbenchmark with a target, for one core.
    let is_classify = name.contains("classify") && figure.unit == "1/s";
    Some(if is_classify {
        figure.at_least(1e6, 3e6)
    } else {
        figure
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(dir: &Path, name: &str, nanoseconds: f64, throughput: &str) {
        let new = dir.join(name).join("new");
        fs::create_dir_all(&new).unwrap();
        let estimates = format!(r#"{{"median":{{"point_estimate":{nanoseconds}}}}}"#);
        fs::write(new.join("estimates.json"), estimates).unwrap();
        let benchmark = format!(r#"{{"full_id":"{name}","throughput":{throughput}}}"#);
        fs::write(new.join("benchmark.json"), benchmark).unwrap();
    }

    #[test]
    fn results_are_found_in_nested_folders_and_become_rates() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "rules/classify", 1_000.0, r#"{"Elements":2}"#);
        write(dir.path(), "decode", 500.0, r#"{"Bytes":1000}"#);
        write(dir.path(), "plain", 2_000.0, "null");
        fs::create_dir_all(dir.path().join("broken/new")).unwrap();
        let found = figures(dir.path());
        let values: Vec<_> = found.iter().map(|f| (f.value, f.unit)).collect();
        assert_eq!(values, [(2_000.0, "MB/s"), (2.0, "µs"), (2e6, "1/s")]);
        assert!(found[2].target.is_some() && found[0].target.is_none());
    }

    #[test]
    fn a_missing_folder_has_no_figures() {
        assert!(figures(Path::new("/nowhere/at/all")).is_empty());
    }
}
