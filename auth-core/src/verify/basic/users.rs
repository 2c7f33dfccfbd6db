#[cfg(feature = "password-hash")]
use std::sync::Arc;

use subtle::{ConditionallySelectable, ConstantTimeEq};

use super::MAX_PASSWORD;
#[cfg(feature = "password-hash")]
use super::hashed_users::{Attempt, HashedUsers};
use super::pair_key::{PairKey, PairTag};
use crate::credential::PairText;
use crate::error::{ConfigError, ConfigErrorKind};
use crate::verify::principal::{Method, Principal};
use crate::verify::rejection::{Fault, RejectionKind};
use crate::verify::step::Step;
use crate::{Basic, Secret};

/// Everybody whom a verifier of Basic credentials lets in.
pub(in crate::verify) struct BasicUsers {
    key: PairKey,
    plain: Vec<PairTag>,
    #[cfg(feature = "password-hash")]
    hashed: Option<Arc<HashedUsers>>,
}

impl BasicUsers {
    /// The users with these passwords, checked.
    pub(super) fn plain(users: &[(String, Secret)]) -> Result<Self, ConfigError> {
        let key = PairKey::new()?;
        let mut pairs: Vec<Basic> = Vec::with_capacity(users.len());
        for (user, password) in users {
            if password.is_empty() || password.expose_secret().len() > MAX_PASSWORD {
                return Err(invalid(format!("the password of the user {user:?} is empty or longer than 1 KiB")));
            }
            let pair = Basic::new(user.as_str(), password.clone())?;
            if pairs.iter().any(|earlier| earlier.user() == pair.user()) {
                return Err(invalid(format!("the user {user:?} is there twice")));
            }
            pairs.push(pair);
        }
        let plain = pairs.iter().map(|pair| key.tag(&pair.into())).collect();
        Ok(Self {
            key,
            plain,
            #[cfg(feature = "password-hash")]
            hashed: None,
        })
    }

    #[cfg(feature = "password-hash")]
    pub(super) fn with_hashed(mut self, hashed: Option<HashedUsers>) -> Self {
        self.hashed = hashed.map(Arc::new);
        self
    }

    /// Forgets who has logged in, also those who are about to.
    #[cfg(feature = "password-hash")]
    pub(in crate::verify) fn forget(&self) {
        if let Some(memo) = self.hashed.as_ref().and_then(|hashed| hashed.memo.as_ref()) {
            memo.clear();
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        #[cfg(feature = "password-hash")]
        if self.hashed.is_some() {
            return false;
        }
        self.plain.is_empty()
    }

    pub(in crate::verify) fn verify(&self, text: &str) -> Step {
        let Some(pair) = PairText::decode(text) else {
            let detail = "the Basic credential is not a user-id and a password in base64";
            return Step::from(Fault::new(RejectionKind::InvalidRequest, detail));
        };
        if pair.password().len() > MAX_PASSWORD {
            return Step::from(refused());
        }
        let tag = self.key.tag(&pair);
        if self.has_plain(&tag) {
            return Step::from(Ok(Principal::named(Method::Basic, pair.user())));
        }
        #[cfg(feature = "password-hash")]
        if let Some(hashed) = &self.hashed {
            return hashed.verify(Attempt { pair, tag });
        }
        Step::from(refused())
    }

    /// Looks at every one, whichever matches.
    fn has_plain(&self, presented: &PairTag) -> bool {
        let mut matches = 0_u8;
        for own in &self.plain {
            matches = u8::conditional_select(&matches, &1, own.matches(presented));
        }
        matches.ct_eq(&1).into()
    }
}

/// The one answer to all who do not get in.
pub(super) fn refused() -> Fault {
    Fault::new(RejectionKind::BadPassword, "no user has this name and this password")
}

pub(super) fn invalid(what: String) -> ConfigError {
    ConfigError::new(ConfigErrorKind::InvalidCredential, what)
}
