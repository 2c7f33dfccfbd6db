use crate::config::{At, Lookup, Reader, SecretSpec, invalid};
use crate::error::ConfigMistake;
use crate::verify::BasicVerifier;

/// `[[basic]]`: one user.
#[derive(Clone, Debug)]
pub(super) struct BasicSpec {
    pub(super) at: At,
    user: String,
    proof: Proof,
}

/// By what the user is known.
#[derive(Clone, Debug)]
enum Proof {
    Password(SecretSpec),
    #[cfg(feature = "password-hash")]
    Hash(super::password_hash::HashSpec),
}

impl BasicSpec {
    pub(super) fn read(reader: &Reader<'_>) -> Option<Self> {
        let user = reader.required("user");
        let proof = if reader.has("password_hash") { hashed(reader) } else { plain(reader) };
        Some(Self { at: reader.at().clone(), user: user?, proof: proof? })
    }

    /// Adds the user.
    pub(super) fn add_to(&self, builder: &mut BasicVerifier, env: Option<&Lookup>) -> Result<(), ConfigMistake> {
        match &self.proof {
            Proof::Password(place) => {
                let password = place.resolve(env).map_err(|error| self.at.mistake(error))?;
                *builder = std::mem::take(builder).user(&self.user, password);
            }
            #[cfg(feature = "password-hash")]
            Proof::Hash(hash) => {
                let account = hash.account(env)?;
                *builder = std::mem::take(builder).user_account(&self.user, account);
            }
        }
        Ok(())
    }
}

fn plain(reader: &Reader<'_>) -> Option<Proof> {
    for key in super::grants::KEYS {
        if reader.has(key) {
            reader.mistake(key, invalid("only a user with a `password_hash` can have it"));
        }
    }
    reader.secret("password").map(Proof::Password)
}

#[cfg(feature = "password-hash")]
fn hashed(reader: &Reader<'_>) -> Option<Proof> {
    if reader.has("password") {
        reader.mistake("password", invalid("a user has a `password` or a `password_hash`, not both"));
    }
    super::password_hash::HashSpec::read(reader).map(Proof::Hash)
}

#[cfg(not(feature = "password-hash"))]
fn hashed(reader: &Reader<'_>) -> Option<Proof> {
    for key in super::grants::KEYS.into_iter().chain(["password"]) {
        let _ = reader.has(key);
    }
    reader.mistake(
        "password_hash",
        invalid("this program was built without password hashes (the feature `password-hash`)"),
    );
    None
}
