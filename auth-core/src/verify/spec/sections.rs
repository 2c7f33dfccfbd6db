use crate::config::{At, Reader};
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
