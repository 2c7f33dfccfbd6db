use std::path::PathBuf;

use super::grants::Grants;
use crate::config::{At, Lookup, Reader, SecretSpec};
use crate::error::ConfigMistake;
use crate::verify::{BasicVerifier, PasswordHash, UserAccount};

/// `password_hash` of a user, and what the user may do.
#[derive(Clone, Debug)]
pub(super) struct HashSpec {
    at: At,
    place: SecretSpec,
    grants: Grants,
}

/// `[htpasswd]`: the users of a file.
#[derive(Clone, Debug)]
pub(super) struct HtpasswdSpec {
    pub(super) at: At,
    file: PathBuf,
    weak: bool,
}

impl HashSpec {
    pub(super) fn read(reader: &Reader<'_>) -> Option<Self> {
        let grants = Grants::read(reader);
        let place = reader.secret("password_hash")?;
        Some(Self { at: reader.at_key("password_hash"), place, grants })
    }

    pub(super) fn account(&self, env: Option<&Lookup>) -> Result<UserAccount, ConfigMistake> {
        let hash = self.place.resolve(env).and_then(|text| PasswordHash::parse(text.expose_secret()));
        let Grants { subject, scopes, roles } = &self.grants;
        let account = UserAccount::new(hash.map_err(|error| self.at.mistake(error))?).scopes(scopes).roles(roles);
        Ok(match subject {
            Some(subject) => account.subject(subject),
            None => account,
        })
    }
}

impl HtpasswdSpec {
    pub(super) fn read(reader: &Reader<'_>) -> Option<Self> {
        let file = reader.required("file");
        let weak = reader.boolean("dangerous_allow_weak_hashes").unwrap_or(false);
        Some(Self { at: reader.at_key("file"), file: file?.into(), weak })
    }

    /// Adds the users.
    pub(super) fn add_to(&self, builder: BasicVerifier) -> BasicVerifier {
        let builder = builder.htpasswd_file(&self.file);
        if self.weak { builder.dangerous().allow_weak_hashes() } else { builder }
    }
}
