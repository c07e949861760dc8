//! Encrypted connections and the trusted authorities.

use std::path::Path;
use std::sync::Arc;

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::config::{InvalidWarehouseConfig, WarehouseConfig};
use crate::error::WarehouseError;

/// Returns a connector that uses TLS if the address asks for it.
///
/// The operating system's trusted authorities are read only in that case.
pub(crate) fn with_tls(
    connector: HttpConnector,
    config: &WarehouseConfig,
) -> Result<HttpsConnector<HttpConnector>, WarehouseError> {
    let mut roots = RootCertStore::empty();
    if config.url.starts_with("https:") {
        let native = rustls_native_certs::load_native_certs();
        // Some systems list unparsable certificates; the others are still used.
        roots.add_parsable_certificates(native.certs);
        if let Some(file) = &config.ca_file {
            add_file(&mut roots, file).map_err(|problem| {
                WarehouseError::Config(InvalidWarehouseConfig::Certificates {
                    path: file.clone(),
                    problem,
                })
            })?;
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider knows the versions that it comes with")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_http1()
        .wrap_connector(connector))
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
