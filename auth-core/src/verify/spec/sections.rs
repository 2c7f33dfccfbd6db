use std::fmt;

use crate::config::{At, Reader, SecretSpec};
use crate::error::{ConfigError, ConfigErrorKind, printable};
use crate::jose::Algorithm;
use crate::verify::Profile;

/// `[[issuer]]`: whose tokens are accepted.
#[derive(Clone, Debug)]
pub(super) struct IssuerSpec {
    pub(super) at: At,
    pub(super) url: String,
    pub(super) jwks_url: Option<String>,
    pub(super) audience: Vec<String>,
    pub(super) profile: Profile,
    pub(super) algorithms: Vec<Algorithm>,
    pub(super) scope_claims: Vec<String>,
    pub(super) roles_claim: Option<String>,
}

/// `[[basic]]`: one user.
#[derive(Clone, Debug)]
pub(super) struct BasicSpec {
    pub(super) at: At,
    pub(super) user: String,
    pub(super) password: SecretSpec,
}

/// `[[api_key]]`: one key.
#[derive(Clone)]
pub(super) struct ApiKeySpec {
    pub(super) at: At,
    pub(super) id: String,
    pub(super) digest: String,
}

impl IssuerSpec {
    pub(super) fn read(reader: &Reader<'_>) -> Option<Self> {
        // Everything is read before anything is given up, so that every mistake is seen.
        let url = reader.required("url");
        let jwks_url = reader.text("jwks_url");
        let audience = reader.texts("audience");
        let profile = read_profile(reader);
        let algorithms = read_algorithms(reader);
        let scope_claims = reader.texts("scope_claims");
        let roles_claim = reader.text("roles_claim");
        Some(Self {
            at: reader.at().clone(),
            url: url?,
            jwks_url,
            audience,
            profile,
            algorithms,
            scope_claims,
            roles_claim,
        })
    }
}

impl BasicSpec {
    pub(super) fn read(reader: &Reader<'_>) -> Option<Self> {
        let user = reader.required("user");
        if reader.has("password_hash") {
            reader.mistake(
                "password_hash",
                ConfigError::new(
                    ConfigErrorKind::InvalidOption,
                    "password hashes are not read by this version: name the password's place by `password`",
                ),
            );
            return None;
        }
        let password = reader.secret("password");
        Some(Self { at: reader.at().clone(), user: user?, password: password? })
    }
}

impl ApiKeySpec {
    pub(super) fn read(reader: &Reader<'_>) -> Option<Self> {
        let id = reader.required("id");
        let digest = reader.required("digest");
        Some(Self { at: reader.at().clone(), id: id?, digest: digest? })
    }
}

impl fmt::Debug for ApiKeySpec {
    /// The id without the digest: somebody may have written a key in its place.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKeySpec").field("at", &self.at).field("id", &self.id).finish_non_exhaustive()
    }
}

fn read_profile(reader: &Reader<'_>) -> Profile {
    match reader.text("profile").as_deref() {
        None | Some("rfc9068") => Profile::Rfc9068,
        Some("generic") => Profile::Generic,
        Some(other) => {
            let message = format!("there is no profile {:?}: known are rfc9068 and generic", printable(other, 64));
            reader.mistake("profile", ConfigError::new(ConfigErrorKind::InvalidOption, message));
            Profile::Rfc9068
        }
    }
}

fn read_algorithms(reader: &Reader<'_>) -> Vec<Algorithm> {
    let names = reader.texts("algorithms");
    let mut algorithms = Vec::with_capacity(names.len());
    for name in &names {
        match Algorithm::from_name(name) {
            Ok(algorithm) => algorithms.push(algorithm),
            Err(error) => {
                let message = format!("the algorithm {:?} cannot be accepted", printable(name, 64));
                reader.mistake(
                    "algorithms",
                    ConfigError::new(ConfigErrorKind::InvalidOption, message).with_source(error),
                );
            }
        }
    }
    if names.is_empty() && reader.has("algorithms") {
        reader.mistake("algorithms", ConfigError::new(ConfigErrorKind::MissingOption, "no algorithm is accepted"));
    }
    algorithms
}
