use super::api_key::ApiKeySpec;
use super::basic::BasicSpec;
use super::bound::CertificateHeaderSpec;
#[cfg(feature = "dpop")]
use super::bound::DpopSpec;
#[cfg(feature = "introspection")]
use super::introspection::IntrospectionSpec;
use super::issuer::IssuerSpec;
#[cfg(feature = "password-hash")]
use super::password_hash::HtpasswdSpec;
use crate::config::Reader;
use crate::error::{ConfigError, ConfigErrorKind};

/// What was written.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) realm: Option<String>,
    pub(super) issuers: Vec<IssuerSpec>,
    #[cfg(feature = "introspection")]
    pub(super) introspection: Vec<IntrospectionSpec>,
    pub(super) users: Vec<BasicSpec>,
    #[cfg(feature = "password-hash")]
    pub(super) htpasswd: Option<HtpasswdSpec>,
    pub(super) api_keys: Vec<ApiKeySpec>,
    pub(super) api_key_header: Option<String>,
    pub(super) api_key_prefix: Option<String>,
    #[cfg(feature = "dpop")]
    pub(super) dpop: Option<DpopSpec>,
    pub(super) certificate_header: Option<CertificateHeaderSpec>,
}

impl Written {
    /// Reads everything but the sections named by `others`. Mistakes are noted by `reader`.
    pub(super) fn read(reader: &Reader<'_>, others: &[&'static str]) -> Self {
        let read = Self {
            realm: reader.text("realm"),
            issuers: each(reader, "issuer", IssuerSpec::read),
            #[cfg(feature = "introspection")]
            introspection: each(reader, "introspection", IntrospectionSpec::read),
            users: each(reader, "basic", BasicSpec::read),
            #[cfg(feature = "password-hash")]
            htpasswd: one(reader, "htpasswd", HtpasswdSpec::read),
            api_keys: each(reader, "api_key", ApiKeySpec::read),
            api_key_header: reader.text("api_key_header"),
            api_key_prefix: reader.text("api_key_prefix"),
            #[cfg(feature = "dpop")]
            dpop: one(reader, "dpop", |section| Some(DpopSpec::read(section))),
            certificate_header: one(reader, "certificate_header", CertificateHeaderSpec::read),
        };
        for (name, what, feature, is_there) in OPTIONAL {
            if !is_there && reader.has(name) {
                let message = format!("this program was built without {what} (the feature `{feature}`)");
                reader.mistake(name, ConfigError::new(ConfigErrorKind::InvalidOption, message));
            }
        }
        for other in others {
            reader.has(other);
        }
        reader.finish();
        read
    }
}

/// Sections that need a feature: what they are about, the feature, and whether it is there.
const OPTIONAL: &[(&str, &str, &str, bool)] = &[
    ("introspection", "introspection", "introspection", cfg!(feature = "introspection")),
    ("htpasswd", "password hashes", "password-hash", cfg!(feature = "password-hash")),
    ("dpop", "DPoP", "dpop", cfg!(feature = "dpop")),
];

/// A table, read by `read`.
fn one<T>(reader: &Reader<'_>, name: &'static str, read: impl Fn(&Reader<'_>) -> Option<T>) -> Option<T> {
    let section = reader.section(name)?;
    let one = read(&section);
    section.finish();
    one
}

/// The tables of a list, each read by `read`.
fn each<T>(reader: &Reader<'_>, name: &'static str, read: impl Fn(&Reader<'_>) -> Option<T>) -> Vec<T> {
    let read_one = |section: Reader<'_>| {
        let one = read(&section);
        section.finish();
        one
    };
    reader.sections(name).into_iter().filter_map(read_one).collect()
}
