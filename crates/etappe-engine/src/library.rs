//! Finds the engine's shared library: at the operator's path, in the cache, or by downloading it.
//!
//! The library is downloaded as the npm package that chdb publishes, with the `npm` command, so
//! that a configured npm mirror applies. The package is compared with a pinned hash before it is
//! unpacked, and the library is moved into the cache only when complete. All functions here block.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use etappe_runtime::durable_file;
use sha2::{Digest, Sha512};

use crate::error::EngineError;

/// The library's file name.
pub const LIBRARY_FILE: &str = "libchdb.so";
/// The published version to download.
pub const LIBRARY_VERSION: &str = "26.7.3-stable.1";

/// A published library.
struct Release {
    package: &'static str,
    /// SHA-512 of the package's tarball.
    sha512: &'static str,
    /// Size of the library in it.
    bytes: u64,
    /// BLAKE3 of the library in it.
    blake3: &'static str,
}

const LINUX_X86_64: Release = Release {
    package: "@chdb/lib-linux-x64-gnu@26.7.3-stable.1",
    sha512: "5cff7b98caa7739b59a4a432c11f0dedc2d3b073624e61ebdf4a42e66ce8de35a6ba48ca9f62016bad1cd81fe059435cb858ce3235a8a2b408082a81563e70a7",
    bytes: 566_330_096,
    blake3: "e7576c73102d9d90d12e77c687d7ad620ebbe05f38bfd570125305d94f5c4af4",
};

/// Where to search for the library.
#[derive(Debug, Clone)]
pub struct LibraryRequest {
    /// The file named by the operator; if set, nothing else is searched.
    pub explicit: Option<PathBuf>,
    /// The folder for downloaded files, see [`cache_dir`].
    pub cache_dir: PathBuf,
    /// The command that downloads packages; `npm`.
    pub npm: PathBuf,
}

impl LibraryRequest {
    /// Returns a request that uses `npm` from the path.
    pub fn new(explicit: Option<PathBuf>, cache_dir: impl Into<PathBuf>) -> Self {
        Self {
            explicit,
            cache_dir: cache_dir.into(),
            npm: PathBuf::from("npm"),
        }
    }
}

/// Returns the folder for downloaded files: `etappe` in `xdg_cache_home`, or in `.cache` in `home`.
/// `None` if neither is an absolute path.
pub fn cache_dir(xdg_cache_home: Option<&Path>, home: Option<&Path>) -> Option<PathBuf> {
    let absolute = |path: &&Path| path.is_absolute();
    xdg_cache_home
        .filter(absolute)
        .map(Path::to_owned)
        .or_else(|| home.filter(absolute).map(|home| home.join(".cache")))
        .map(|cache| cache.join("etappe"))
}

/// Returns the path of the library in a cache folder, whether or not the file exists.
pub fn cached_library(cache_dir: &Path) -> PathBuf {
    cache_dir
        .join(format!("libchdb-{LIBRARY_VERSION}"))
        .join(LIBRARY_FILE)
}

/// Returns the library's path, after downloading the library if necessary. For a cached file only
/// the size is checked, so the caller must call [`verify_library`] before loading it. Blocks; a
/// download takes minutes.
///
/// # Errors
///
/// If the named file does not exist, the cached one is truncated, or the download fails.
pub fn find_library(request: &LibraryRequest) -> Result<PathBuf, EngineError> {
    find(request, published().ok())
}

/// Compares a cached library with the hash of the published one. A file outside the cache is the
/// operator's and is not checked. Blocks while it reads half a gigabyte.
///
/// # Errors
///
/// If the file cannot be read or is not the published one.
pub fn verify_library(path: &Path, cache_dir: &Path) -> Result<(), EngineError> {
    match published() {
        Ok(release) if path == cached_library(cache_dir) => verify_file(release, path),
        Ok(_) | Err(_) => Ok(()),
    }
}

fn verify_file(release: &Release, path: &Path) -> Result<(), EngineError> {
    check_size(release, path)?;
    let failed = |source| EngineError::io(format!("read `{}`", path.display()), source);
    let mut hasher = blake3::Hasher::new();
    let mut file = File::open(path).map_err(failed)?;
    hasher.update_reader(&mut file).map_err(failed)?;
    let actual = hasher.finalize().to_hex();
    if actual.as_str() == release.blake3 {
        return Ok(());
    }
    Err(EngineError::LibraryDamaged {
        path: path.to_owned(),
        expected: release.blake3,
        actual: actual.to_string(),
    })
}

fn find(request: &LibraryRequest, release: Option<&Release>) -> Result<PathBuf, EngineError> {
    if let Some(path) = &request.explicit {
        return if path.is_file() {
            Ok(path.clone())
        } else {
            Err(EngineError::LibraryMissing { path: path.clone() })
        };
    }
    let path = cached_library(&request.cache_dir);
    if path.is_file() {
        if let Some(release) = release {
            check_size(release, &path)?;
        }
        return Ok(path);
    }
    match release {
        Some(release) => fetch(request, release, &path)?,
        None => fetch(request, published()?, &path)?,
    }
    Ok(path)
}

fn published() -> Result<&'static Release, EngineError> {
    if cfg!(all(
        target_os = "linux",
        target_arch = "x86_64",
        target_env = "gnu"
    )) {
        return Ok(&LINUX_X86_64);
    }
    Err(EngineError::PlatformUnsupported {
        platform: format!("{} on {}", std::env::consts::OS, std::env::consts::ARCH),
        version: LIBRARY_VERSION,
    })
}

/// Detects a truncated file without reading it.
fn check_size(release: &Release, path: &Path) -> Result<(), EngineError> {
    let failed = |source| EngineError::io(format!("read `{}`", path.display()), source);
    let actual = fs::metadata(path).map_err(failed)?.len();
    if actual == release.bytes {
        return Ok(());
    }
    Err(EngineError::LibraryTruncated {
        path: path.to_owned(),
        expected: release.bytes,
        actual,
    })
}

/// Downloads the package, verifies it, unpacks the library and moves it to `path`.
fn fetch(request: &LibraryRequest, release: &Release, path: &Path) -> Result<(), EngineError> {
    let failed = |source| EngineError::io(format!("write `{}`", path.display()), source);
    tracing::info!(package = release.package, "fetching the engine library");
    fs::create_dir_all(&request.cache_dir).map_err(failed)?;
    // A temporary folder next to the target, so that the library can be renamed into place
    // atomically.
    let work = tempfile::Builder::new()
        .prefix(".fetch-")
        .tempdir_in(&request.cache_dir)
        .map_err(failed)?;
    let tarball = pack(request, release, work.path())?;
    verify(release, &tarball)?;
    let unpacked = unpack(release, &tarball, work.path())?;
    verify_file(release, &unpacked)?;
    let folder = path
        .parent()
        .expect("the library lies in a folder of the cache");
    fs::create_dir_all(folder).map_err(failed)?;
    durable_file::move_into_place(&unpacked, path).map_err(failed)?;
    tracing::info!(path = %path.display(), bytes = release.bytes, "engine library installed");
    Ok(())
}

/// Runs `npm pack` and returns the tarball.
fn pack(request: &LibraryRequest, release: &Release, work: &Path) -> Result<PathBuf, EngineError> {
    let fetch_failed = |reason: String| EngineError::FetchFailed {
        package: release.package.to_owned(),
        reason,
    };
    let mut npm = Command::new(&request.npm);
    npm.args(["pack", "--silent", "--ignore-scripts", release.package])
        .current_dir(work);
    let output = run(&mut npm).map_err(|error| {
        let advice = "install Node.js with npm, or name a library with `--engine-library`";
        fetch_failed(format!(
            "`{}` cannot be run ({error}): {advice}",
            request.npm.display()
        ))
    })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.lines().rev().take(5).collect::<Vec<_>>();
        let said = said.into_iter().rev().collect::<Vec<_>>().join("; ");
        return Err(fetch_failed(format!(
            "`npm pack` ended with {}: {said}; check the network and npm's settings, or name a library with `--engine-library`",
            output.status
        )));
    }
    let entries = fs::read_dir(work).map_err(|error| fetch_failed(error.to_string()))?;
    entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "tgz"))
        .ok_or_else(|| fetch_failed("`npm pack` left no tarball".to_owned()))
}

fn verify(release: &Release, tarball: &Path) -> Result<(), EngineError> {
    let failed = |source| EngineError::io(format!("read `{}`", tarball.display()), source);
    let mut file = File::open(tarball).map_err(failed)?;
    let mut hasher = Sha512::new();
    let mut buffer = vec![0; 1024 * 1024];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => hasher.update(buffer.get(..length).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(error)),
        }
    }
    let actual: String = hasher
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    if actual == release.sha512 {
        return Ok(());
    }
    Err(EngineError::HashMismatch {
        expected: release.sha512.to_owned(),
        actual,
    })
}

/// Unpacks only the library and returns its path.
fn unpack(release: &Release, tarball: &Path, work: &Path) -> Result<PathBuf, EngineError> {
    let fetch_failed = |reason: String| EngineError::FetchFailed {
        package: release.package.to_owned(),
        reason,
    };
    let member = Path::new("package").join(LIBRARY_FILE);
    let mut tar = Command::new("tar");
    tar.arg("-xzf")
        .arg(tarball)
        .arg("-C")
        .arg(work)
        .arg(&member);
    let output = run(&mut tar)
        .map_err(|error| fetch_failed(format!("`tar` cannot be run ({error}): install it")))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(fetch_failed(format!(
            "`tar` ended with {}: {said}",
            output.status
        )));
    }
    Ok(work.join(member))
}

fn run(command: &mut Command) -> io::Result<Output> {
    command.stdin(Stdio::null()).output()
}

#[cfg(test)]
#[path = "library/tests.rs"]
mod tests;
