//! Finding and downloading the library, with a fake `npm`.

use std::os::unix::fs::PermissionsExt;

use super::*;

/// Writes a program that replaces `npm`.
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
fn a_configured_library_is_used_or_reported_missing() {
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
fn a_truncated_library_is_detected() {
    let dir = tempfile::tempdir().unwrap();
    let request = request(dir.path(), PathBuf::from("npm"));
    let path = cached_library(&request.cache_dir);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let release = release(b"1234", "");
    fs::write(&path, "1234").unwrap();
    assert_eq!(find(&request, Some(&release)).unwrap(), path);
    fs::write(&path, "123").unwrap();
    let error = find(&request, Some(&release)).unwrap_err();
    let EngineError::LibraryTruncated {
        expected, actual, ..
    } = error
    else {
        panic!("{error}")
    };
    assert_eq!((expected, actual), (4, 3));
    // The published library is larger than four bytes.
    let error = verify_library(&path, &request.cache_dir).unwrap_err();
    assert!(matches!(error, EngineError::LibraryTruncated { .. }));
}

#[test]
fn a_changed_library_is_not_loaded_and_the_operators_own_is_not_verified() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("libchdb.so");
    let release = release(b"1234", "");
    fs::write(&path, "1234").unwrap();
    verify_file(&release, &path).unwrap();
    fs::write(&path, "1235").unwrap();
    let error = verify_file(&release, &path).unwrap_err();
    assert!(
        matches!(error, EngineError::LibraryDamaged { .. }),
        "{error}"
    );
    assert!(error.to_string().contains("delete it"), "{error}");
    verify_library(&path, &dir.path().join("cache")).unwrap();
}

/// A release whose library has this content.
fn release(content: &[u8], sha512: &str) -> Release {
    let hash = blake3::hash(content).to_hex().to_string();
    Release {
        package: "x@1",
        sha512: sha512.to_owned().leak(),
        bytes: content.len().try_into().unwrap(),
        blake3: hash.leak(),
    }
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
    let release = release(b"the library", &sha512);
    let npm = npm(dir.path(), &format!("cp '{}' .", tarball.display()));
    let request = request(dir.path(), npm);
    let path = cached_library(&request.cache_dir);
    fetch(&request, &release, &path).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "the library");
    assert_eq!(find(&request, Some(&release)).unwrap(), path);
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
}
