//! Finding and fetching, with stand-ins for `npm`.

use std::os::unix::fs::PermissionsExt;

use super::*;

/// Writes a program that stands in for `npm`.
fn npm(dir: &Path, script: &str) -> PathBuf {
    let path = dir.join("npm-stand-in");
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn request(dir: &Path, npm: PathBuf) -> LibraryRequest {
    LibraryRequest {
        explicit: None,
        cache_dir: dir.join("cache"),
        npm,
    }
}

#[test]
fn the_cache_follows_the_environment() {
    let (xdg, home) = (Path::new("/x"), Path::new("/h"));
    assert_eq!(
        cache_dir(Some(xdg), Some(home)),
        Some(PathBuf::from("/x/etappe"))
    );
    assert_eq!(
        cache_dir(None, Some(home)),
        Some(PathBuf::from("/h/.cache/etappe"))
    );
    assert_eq!(
        cache_dir(Some(Path::new("")), Some(home)),
        Some(PathBuf::from("/h/.cache/etappe"))
    );
    assert_eq!(cache_dir(None, None), None);
    let library = cached_library(Path::new("/x/etappe"));
    assert_eq!(
        library,
        Path::new("/x/etappe/libchdb-26.7.3-stable.1/libchdb.so")
    );
}

#[test]
fn a_named_library_is_taken_or_missed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lib.so");
    let find = || find_library(&LibraryRequest::new(Some(path.clone()), dir.path()));
    let text = find().unwrap_err().to_string();
    assert!(
        text.contains("lib.so") && text.contains("--engine-library"),
        "{text}"
    );
    fs::write(&path, "x").unwrap();
    assert_eq!(find().unwrap(), path);
}

#[test]
fn a_cut_off_library_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let request = request(dir.path(), PathBuf::from("npm"));
    let path = cached_library(&request.cache_dir);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, "1234").unwrap();
    fs::write(path.with_file_name(SIZE_FILE), "4\n").unwrap();
    assert_eq!(find_library(&request).unwrap(), path);
    fs::write(&path, "123").unwrap();
    let error = find_library(&request).unwrap_err();
    assert!(
        matches!(
            error,
            EngineError::LibraryTruncated {
                expected: 4,
                actual: 3,
                ..
            }
        ),
        "{error}"
    );
    // Installed by other means, without a recorded size: the published size counts.
    fs::remove_file(path.with_file_name(SIZE_FILE)).unwrap();
    assert!(matches!(
        find_library(&request),
        Err(EngineError::LibraryTruncated { .. })
    ));
}

#[test]
fn a_missing_npm_says_what_to_install() {
    let dir = tempfile::tempdir().unwrap();
    let error = find_library(&request(dir.path(), dir.path().join("no-npm"))).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("Node.js") && text.contains("--engine-library"),
        "{text}"
    );
}

#[test]
fn a_failing_npm_is_quoted() {
    let dir = tempfile::tempdir().unwrap();
    let npm = npm(dir.path(), "echo 'no such package' >&2; exit 3");
    let text = find_library(&request(dir.path(), npm))
        .unwrap_err()
        .to_string();
    assert!(
        text.contains("no such package") && text.contains("exit status: 3"),
        "{text}"
    );
}

#[test]
fn a_wrong_package_is_not_installed() {
    let dir = tempfile::tempdir().unwrap();
    let npm = npm(dir.path(), "echo wrong > chdb-lib.tgz");
    let request = request(dir.path(), npm);
    let error = find_library(&request).unwrap_err();
    assert!(matches!(error, EngineError::HashMismatch { .. }), "{error}");
    assert!(!cached_library(&request.cache_dir).exists());
    assert_eq!(
        fs::read_dir(&request.cache_dir).unwrap().count(),
        0,
        "nothing is left behind"
    );
}

#[test]
fn a_verified_package_is_unpacked_into_the_cache() {
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("source/package");
    fs::create_dir_all(&source).unwrap();
    fs::write(source.join(LIBRARY_FILE), "the library").unwrap();
    fs::write(source.join("other.js"), "not wanted").unwrap();
    let tarball = dir.path().join("chdb.tgz");
    let mut tar = Command::new("tar");
    tar.arg("-czf")
        .arg(&tarball)
        .arg("-C")
        .arg(dir.path().join("source"))
        .arg("package");
    assert!(run(&mut tar).unwrap().status.success());
    let sha512: String = Sha512::digest(fs::read(&tarball).unwrap())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let release = Release {
        package: "x@1",
        sha512: sha512.leak(),
        bytes: 11,
    };
    let npm = npm(dir.path(), &format!("cp '{}' .", tarball.display()));
    let request = request(dir.path(), npm);
    let path = cached_library(&request.cache_dir);
    fetch(&request, &release, &path).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "the library");
    assert_eq!(find_library(&request).unwrap(), path);
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 2);
}
