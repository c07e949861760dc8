//! Puts TLS in front of a server that has none.

use std::io;
use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// Accepts TLS as `localhost`, with a certificate of its own, and passes everything on. It ends when
/// it is dropped.
#[derive(Debug)]
pub struct TlsFront {
    /// The port on loopback.
    pub port: u16,
    /// The certificate, as PEM.
    pub certificate: String,
    _connections: JoinSet<()>,
}

impl TlsFront {
    /// Starts in front of the server at `host`, such as `127.0.0.1:9000`.
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn start(host: String) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let (acceptor, certificate) = acceptor();
        let mut connections = JoinSet::new();
        connections.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, host) = (acceptor.clone(), host.clone());
                connections.spawn(async move {
                    // A client that does not trust the certificate closes the connection.
                    if let Ok(mut client) = acceptor.accept(stream).await {
                        let mut server = TcpStream::connect(host).await.expect("the server runs");
                        tokio::io::copy_bidirectional(&mut client, &mut server)
                            .await
                            .ok();
                    }
                });
            }
        });
        Ok(Self {
            port,
            certificate,
            _connections: connections,
        })
    }
}

fn acceptor() -> (TlsAcceptor, String) {
    let key = KeyPair::generate().expect("random numbers");
    let certificate = CertificateParams::new(vec!["localhost".to_owned()])
        .and_then(|it| it.self_signed(&key))
        .expect("a name that certificates can have");
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a new key");
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider knows the versions that it comes with")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .expect("the key is the certificate's");
    (TlsAcceptor::from(Arc::new(config)), certificate.pem())
}
