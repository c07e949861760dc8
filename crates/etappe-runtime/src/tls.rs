//! TLS of connections that Etappe opens, and whom it trusts there.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// A file of certificates that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot read certificates from {}: {problem}", path.display())]
pub struct UnusableCertificates {
    /// The file.
    pub path: PathBuf,
    /// The problem.
    pub problem: String,
}

/// Reads the operating system's trusted authorities, and those of a PEM file besides.
///
/// # Errors
/// [`UnusableCertificates`] if the file is unreadable or has no certificate.
pub fn authorities(ca_file: Option<&Path>) -> Result<RootCertStore, UnusableCertificates> {
    let mut roots = RootCertStore::empty();
    let native = rustls_native_certs::load_native_certs();
    // Some systems list unparsable certificates; the others are still used.
    roots.add_parsable_certificates(native.certs);
    if let Some(file) = ca_file {
        add_file(&mut roots, file).map_err(|problem| UnusableCertificates {
            path: file.to_owned(),
            problem,
        })?;
    }
    Ok(roots)
}

/// Adds the certificates of a PEM file; it must contain at least one.
fn add_file(roots: &mut RootCertStore, file: &Path) -> Result<(), String> {
    let certificates = CertificateDer::pem_file_iter(file).map_err(|error| error.to_string())?;
    let mut added = 0;
    for certificate in certificates {
        added += 1;
        let certificate = certificate.map_err(|error| error.to_string())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    if added == 0 {
        return Err("it contains no certificate".to_owned());
    }
    Ok(())
}

/// Returns a connector that uses TLS if the address asks for it, and then trusts `authorities` only.
#[must_use]
pub fn connector(
    connector: HttpConnector,
    authorities: RootCertStore,
) -> HttpsConnector<HttpConnector> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider knows the versions that it comes with")
        .with_root_certificates(authorities)
        .with_no_client_auth();
    HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_http1()
        .wrap_connector(connector)
}
