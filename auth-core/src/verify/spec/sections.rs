use std::fmt;

use crate::config::{At, Reader, SecretSpec};
use crate::error::{ConfigError, ConfigErrorKind};

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
