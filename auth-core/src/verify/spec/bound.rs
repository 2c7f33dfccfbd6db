#[cfg(feature = "dpop")]
use std::fmt;
#[cfg(feature = "dpop")]
use std::time::Duration;

#[cfg(feature = "dpop")]
use crate::DpopProofs;
use crate::config::{At, Reader};
#[cfg(feature = "dpop")]
use crate::config::{Lookup, SecretSpec};
use crate::error::{ConfigError, ConfigErrorKind};
#[cfg(feature = "dpop")]
use crate::jose::Algorithm;
use crate::verify::CertificateHeader;

/// `[dpop]`: how proofs of possession are checked.
#[cfg(feature = "dpop")]
#[derive(Clone)]
pub(super) struct DpopSpec {
    pub(super) at: At,
    base_urls: Vec<String>,
    algorithms: Vec<Algorithm>,
    max_age: Option<Duration>,
    leeway: Option<Duration>,
    is_required: bool,
    requires_nonce: bool,
    nonce_lifetime: Option<Duration>,
    nonce_secret: Option<SecretSpec>,
    replay_capacity: Option<u64>,
}

#[cfg(feature = "dpop")]
impl DpopSpec {
    pub(super) fn read(reader: &Reader<'_>) -> Self {
        let base_urls = reader.texts("base_url");
        if base_urls.is_empty() {
            let error = ConfigError::new(
                ConfigErrorKind::MissingOption,
                "the URL that clients know this service by is missing",
            );
            reader.mistake("base_url", error);
        }
        Self {
            at: reader.at().clone(),
            base_urls,
            algorithms: super::issuer::read_algorithms(reader),
            max_age: reader.duration("max_age", false),
            leeway: reader.duration("leeway", true),
            is_required: reader.boolean("required").unwrap_or(false),
            requires_nonce: reader.boolean("require_nonce").unwrap_or(false),
            nonce_lifetime: reader.duration("nonce_lifetime", false),
            nonce_secret: if reader.has("nonce_secret") { reader.secret("nonce_secret") } else { None },
            replay_capacity: reader.integer("replay_capacity"),
        }
    }

    /// `None` if the section has no URL, which has been said.
    pub(super) fn describe(&self, env: Option<&Lookup>) -> Result<Option<DpopProofs>, ConfigError> {
        let Some((first, more)) = self.base_urls.split_first() else { return Ok(None) };
        let mut proofs = more.iter().try_fold(DpopProofs::new(first)?, DpopProofs::base_url)?;
        if !self.algorithms.is_empty() {
            proofs = proofs.algorithms(self.algorithms.iter().copied());
        }
        for (time, set) in [
            (self.max_age, DpopProofs::max_age as fn(DpopProofs, Duration) -> DpopProofs),
            (self.leeway, DpopProofs::leeway),
            (self.nonce_lifetime, DpopProofs::nonce_lifetime),
        ] {
            if let Some(time) = time {
                proofs = set(proofs, time);
            }
        }
        if self.is_required {
            proofs = proofs.required();
        }
        if self.requires_nonce {
            proofs = proofs.require_nonce();
        }
        if let Some(secret) = &self.nonce_secret {
            proofs = proofs.nonce_secret(secret.resolve(env)?);
        }
        if let Some(most) = self.replay_capacity {
            proofs = proofs.replay_capacity(usize::try_from(most).unwrap_or(usize::MAX));
        }
        Ok(Some(proofs))
    }
}

#[cfg(feature = "dpop")]
impl fmt::Debug for DpopSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DpopSpec")
            .field("at", &self.at)
            .field("base_urls", &self.base_urls)
            .field("is_required", &self.is_required)
            .field("requires_nonce", &self.requires_nonce)
            .field("nonce_secret", &self.nonce_secret)
            .finish_non_exhaustive()
    }
}

/// `[certificate_header]`: the header by which a proxy passes on its client's certificate.
#[derive(Clone, Debug)]
pub(super) struct CertificateHeaderSpec {
    pub(super) at: At,
    form: Form,
    name: Option<String>,
    trusted_proxies: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    ClientCert,
    EscapedPem,
    Envoy,
}

const FORMS: &[(&str, Form)] =
    &[("client_cert", Form::ClientCert), ("escaped_pem", Form::EscapedPem), ("envoy", Form::Envoy)];

impl CertificateHeaderSpec {
    pub(super) fn read(reader: &Reader<'_>) -> Option<Self> {
        let form = match reader.word("form", FORMS) {
            None if reader.has("form") => None,
            form => Some(form.unwrap_or(Form::ClientCert)),
        };
        let name = reader.text("name");
        let trusted_proxies = reader.texts("trusted_proxies");
        if form == Some(Form::EscapedPem) && !reader.has("name") {
            let error =
                ConfigError::new(ConfigErrorKind::MissingOption, "headers of this form have any name: say which");
            reader.mistake("name", error);
        } else if form.is_some_and(|form| form != Form::EscapedPem) && reader.has("name") {
            let error = ConfigError::new(ConfigErrorKind::InvalidOption, "headers of this form have one name");
            reader.mistake("name", error);
        }
        Some(Self { at: reader.at().clone(), form: form?, name, trusted_proxies })
    }

    pub(super) fn describe(&self) -> Result<CertificateHeader, ConfigError> {
        let header = match (self.form, &self.name) {
            (Form::ClientCert, _) => CertificateHeader::client_cert(),
            (Form::Envoy, _) => CertificateHeader::envoy(),
            // That the name is missing has been said.
            (Form::EscapedPem, name) => CertificateHeader::escaped_pem(name.as_deref().unwrap_or("x-ssl-client-cert"))?,
        };
        self.trusted_proxies.iter().try_fold(header, |header, network| header.trusted_proxy(network))
    }
}
