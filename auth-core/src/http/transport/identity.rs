use std::path::PathBuf;

use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};
use zeroize::Zeroize;

use super::tls::{certificates, invalid};
use crate::Secret;
use crate::error::ConfigError;

/// Where the certificate comes from that is shown to servers.
#[derive(Clone)]
pub(crate) enum ClientIdentity {
    Texts(Pair),
    /// Files that somebody else replaces.
    Files {
        chain: PathBuf,
        key: PathBuf,
    },
}

/// A certificate chain and its private key, both PEM.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) chain: Vec<u8>,
    pub(crate) key: Secret,
}

impl ClientIdentity {
    pub(crate) fn texts(chain: Vec<u8>, key: Secret) -> Self {
        Self::Texts(Pair { chain, key })
    }

    /// The pair as it is now.
    pub(super) fn read(&self) -> Result<Pair, ConfigError> {
        match self {
            Self::Texts(pair) => Ok(pair.clone()),
            Self::Files { chain, key } => {
                // Bounded, and read as text like the key.
                let chain = Secret::file(chain)?.expose_secret().as_bytes().to_vec();
                Ok(Pair { chain, key: Secret::file(key)? })
            }
        }
    }

    pub(super) fn may_change(&self) -> bool {
        matches!(self, Self::Files { .. })
    }
}

impl Pair {
    /// The pair, with the key in the form that signs.
    pub(super) fn certified(&self) -> Result<CertifiedKey, ConfigError> {
        let chain =
            certificates(&self.chain).ok_or_else(|| invalid("the client certificate is not PEM with certificates"))?;
        // The source could quote the text, so it is left out.
        let mut key = PrivateKeyDer::from_pem_slice(self.key.expose_secret().as_bytes())
            .map_err(|_| invalid("the key of the client certificate is not a PEM private key"))?;
        let signing = rustls::crypto::aws_lc_rs::sign::any_supported_type(&key);
        key.zeroize();
        let unusable = |error| invalid("the client certificate and its key cannot be used").with_source(error);
        let certified = CertifiedKey::new(chain, signing.map_err(unusable)?);
        match certified.keys_match() {
            Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(certified),
            Err(error @ Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => Err(invalid(
                "the key is not that of the client certificate: the first certificate of the chain must be the client's own",
            )
            .with_source(error)),
            Err(error) => Err(unusable(error)),
        }
    }
}
