//! Encrypted connections and the trusted authorities.

use etappe_runtime::tls;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::RootCertStore;

use crate::config::{InvalidWarehouseConfig, WarehouseConfig};
use crate::error::WarehouseError;

/// Returns a connector that uses TLS if the address asks for it.
///
/// The operating system's trusted authorities are read only in that case.
pub(crate) fn with_tls(
    connector: HttpConnector,
    config: &WarehouseConfig,
) -> Result<HttpsConnector<HttpConnector>, WarehouseError> {
    let authorities = if config.url.starts_with("https:") {
        tls::authorities(config.ca_file.as_deref()).map_err(|unusable| {
            WarehouseError::Config(InvalidWarehouseConfig::Certificates {
                path: unusable.path,
                problem: unusable.problem,
            })
        })?
    } else {
        RootCertStore::empty()
    };
    Ok(tls::connector(connector, authorities))
}
