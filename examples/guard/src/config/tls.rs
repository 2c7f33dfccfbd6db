use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use serde_json::{Value, json};

use super::section::Section;
use crate::listen::server_config;

/// `[tls]`: how connections are protected.
#[derive(Clone)]
#[non_exhaustive]
pub struct TlsSpec {
    /// The file with the certificate chain, in PEM.
    pub cert: String,
    /// The file with its private key, in PEM.
    pub key: String,
    /// Whether clients are asked for a certificate.
    pub client_certificates: ClientCertificates,
    /// The file with the roots that vouch for clients' certificates. Without it any certificate will do: it proves that
    /// the client has its key, which is all that a token bound to it needs (RFC 8705 section 6.4).
    pub client_ca: Option<String>,
    /// All of this, ready for connections.
    pub config: Arc<ServerConfig>,
}

/// Whether clients are asked for a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientCertificates {
    /// They are not.
    None,
    /// Those who have one may show it.
    Optional,
    /// Who shows none is not served.
    Required,
}

impl TlsSpec {
    pub(super) fn read(section: &Section<'_>) -> Option<Self> {
        if !section.is_there() {
            return None;
        }
        let (cert, key) = (section.required("cert"), section.required("key"));
        let client_ca = section.text("client_ca");
        let default = if client_ca.is_some() { ClientCertificates::Required } else { ClientCertificates::None };
        let client_certificates = section.parsed("client_certificates", client_certificates).unwrap_or(default);
        if client_ca.is_some() && client_certificates == ClientCertificates::None {
            section.mistake("client_ca", "clients are not asked for a certificate");
        }
        section.finish();
        let (cert, key) = (cert?, key?);
        let read = |name, path: &str| pem_file(path).map_err(|message| section.mistake(name, &message)).ok();
        let (chain, private_key) = (read("cert", &cert), read("key", &key));
        let roots = match &client_ca {
            Some(path) => Some(read("client_ca", path)?),
            None => None,
        };
        match server_config(&chain?, &private_key?, client_certificates, roots.as_deref()) {
            Ok(config) => Some(Self { cert, key, client_certificates, client_ca, config }),
            Err(message) => {
                section.mistaken(&message);
                None
            }
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({
            "cert": self.cert,
            "key": self.key,
            "client_certificates": self.client_certificates.as_str(),
            "client_ca": self.client_ca,
        })
    }
}

impl ClientCertificates {
    fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Optional => "optional",
            Self::Required => "required",
        }
    }
}

fn client_certificates(text: &str) -> Result<ClientCertificates, String> {
    [ClientCertificates::None, ClientCertificates::Optional, ClientCertificates::Required]
        .into_iter()
        .find(|one| one.as_str() == text)
        .ok_or_else(|| "the value is none of none, optional and required".to_owned())
}

/// A file that should be PEM; whether it is, who uses it finds out.
pub(super) fn pem_file(path: &str) -> Result<Vec<u8>, String> {
    std::fs::read(Path::new(path)).map_err(|error| format!("the file cannot be read: {error}"))
}

impl fmt::Debug for TlsSpec {
    /// Without what was made of the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsSpec")
            .field("cert", &self.cert)
            .field("key", &self.key)
            .field("client_certificates", &self.client_certificates)
            .field("client_ca", &self.client_ca)
            .finish_non_exhaustive()
    }
}
