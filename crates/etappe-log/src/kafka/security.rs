//! The security of connections to the brokers: TLS and authentication.
//!
//! Secrets are never shown: `Debug` omits them, and a printed configuration has `***` in their
//! place.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;

use rdkafka::config::ClientConfig;
use serde::{Deserialize, Serialize, Serializer};

/// The text shown in place of a secret.
pub(super) const REDACTED: &str = "***";

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns the text.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(REDACTED)
    }
}

/// The secrets that the client knows and that must not appear in its messages.
#[derive(Clone, Default)]
pub(super) struct Secrets(Vec<String>);

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl Secrets {
    /// Collects the non-empty texts.
    pub(super) fn of<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let texts = texts.into_iter().filter(|text| !text.is_empty());
        let mut secrets: Vec<String> = texts.map(str::to_owned).collect();
        // Longest first, because one secret may be a prefix of another.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Self(secrets)
    }

    /// Returns the client's text with the secrets masked.
    pub(super) fn mask<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut masked = Cow::Borrowed(text);
        for secret in &self.0 {
            if masked.contains(secret.as_str()) {
                masked = Cow::Owned(masked.replace(secret.as_str(), REDACTED));
            }
        }
        masked
    }
}

/// How a connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecurityProtocol {
    /// No protection.
    #[default]
    Plaintext,
    /// TLS.
    Ssl,
    /// User name and password without TLS. With PLAIN the password is sent in clear text.
    SaslPlaintext,
    /// TLS, with user name and password.
    SaslSsl,
}

impl SecurityProtocol {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Plaintext => "plaintext",
            Self::Ssl => "ssl",
            Self::SaslPlaintext => "sasl_plaintext",
            Self::SaslSsl => "sasl_ssl",
        }
    }

    const fn is_encrypted(self) -> bool {
        matches!(self, Self::Ssl | Self::SaslSsl)
    }

    const fn has_login(self) -> bool {
        matches!(self, Self::SaslPlaintext | Self::SaslSsl)
    }
}

/// How the user name and password are verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum SaslMechanism {
    /// The password itself is sent.
    #[serde(rename = "PLAIN")]
    Plain,
    /// A proof of the password is sent, using SHA-256.
    #[serde(rename = "SCRAM-SHA-256")]
    ScramSha256,
    /// A proof of the password is sent, using SHA-512.
    #[default]
    #[serde(rename = "SCRAM-SHA-512")]
    ScramSha512,
}

impl SaslMechanism {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
        }
    }
}

/// The security of connections to the brokers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KafkaSecurity {
    /// How a connection is protected. Default: `plaintext`, for a private network only.
    pub protocol: SecurityProtocol,
    /// The certificates (PEM) that brokers are verified against. Default: those of the operating
    /// system.
    pub ca_file: Option<PathBuf>,
    /// Our own certificate (PEM), if the brokers require one. Default: none.
    pub certificate_file: Option<PathBuf>,
    /// The private key (PEM) of our certificate. Default: none.
    pub key_file: Option<PathBuf>,
    /// The password of the private key. Default: none.
    pub key_password: Option<Secret>,
    /// A file with the password of the private key, read once at the start. Default: none.
    pub key_password_file: Option<PathBuf>,
    /// How the user name and password are verified. Default: `SCRAM-SHA-512`.
    pub mechanism: SaslMechanism,
    /// The user name. Default: none.
    pub username: Option<String>,
    /// The password. Default: none.
    pub password: Option<Secret>,
    /// A file with the password, read once at the start. Default: none.
    pub password_file: Option<PathBuf>,
}

impl KafkaSecurity {
    /// Returns the passwords that are set.
    pub(super) fn passwords(&self) -> impl Iterator<Item = &str> {
        let passwords = [&self.key_password, &self.password];
        passwords.into_iter().flatten().map(Secret::expose)
    }

    /// Adds the problems found to `problems`, one sentence each.
    pub(super) fn check(&self, problems: &mut Vec<String>) {
        let mut check = |good: bool, problem: &str| {
            if !good {
                problems.push(problem.to_owned());
            }
        };
        let protocol = self.protocol.as_str();
        let files = [&self.ca_file, &self.certificate_file, &self.key_file];
        check(
            self.protocol.is_encrypted() || files.iter().all(|file| file.is_none()),
            &format!(
                "`security.protocol` is `{protocol}`, with which certificates and keys mean \
                 nothing: use `ssl` or `sasl_ssl`"
            ),
        );
        check(
            self.certificate_file.is_some() == self.key_file.is_some(),
            "`security.certificate_file` and `security.key_file` must be set together",
        );
        check(
            self.key_password.is_none() || self.key_file.is_some(),
            "`security.key_password` is set without `security.key_file`",
        );
        let has_name = self.username.as_ref().is_some_and(|name| !name.is_empty());
        let has_login = has_name && self.password.is_some();
        check(
            !self.protocol.has_login() || has_login,
            &format!(
                "`security.protocol` is `{protocol}`, which wants `security.username` and \
                 `security.password`"
            ),
        );
        check(
            self.protocol.has_login() || (self.username.is_none() && self.password.is_none()),
            &format!(
                "`security.protocol` is `{protocol}`, with which a name and a password mean \
                 nothing: use `sasl_ssl` or `sasl_plaintext`"
            ),
        );
    }

    /// Sets the client's properties.
    pub(super) fn apply(&self, client: &mut ClientConfig) {
        client.set("security.protocol", self.protocol.as_str());
        let files = [
            ("ssl.ca.location", &self.ca_file),
            ("ssl.certificate.location", &self.certificate_file),
            ("ssl.key.location", &self.key_file),
        ];
        for (name, file) in files {
            if let Some(file) = file {
                client.set(name, file.to_string_lossy());
            }
        }
        if let Some(password) = &self.key_password {
            client.set("ssl.key.password", password.expose());
        }
        if self.protocol.has_login() {
            client.set("sasl.mechanism", self.mechanism.as_str());
        }
        if let Some(name) = &self.username {
            client.set("sasl.username", name);
        }
        if let Some(password) = &self.password {
            client.set("sasl.password", password.expose());
        }
    }
}
