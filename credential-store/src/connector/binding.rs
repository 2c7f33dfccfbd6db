//! The keys that tokens are bound to (RFC 9449): one for each credential, kept with its values.

use tower_auth_core::ConnectionBuilder;
#[cfg(feature = "dpop")]
use tower_auth_core::DpopKey;
#[cfg(feature = "dpop")]
use tower_auth_core::jose::Algorithm;

use super::Connector;
use crate::error::StoreError;
#[cfg(feature = "dpop")]
use crate::error::StoreErrorKind;
use crate::vault::Values;

/// Where the key is among the values. No field can be called so.
const NAME: &str = "dpop key";

/// A value that is no field's.
pub(super) fn is_own(name: &str) -> bool {
    name == NAME
}

#[cfg(feature = "dpop")]
impl Connector {
    /// Binds the tokens of each credential to a key of its own (RFC 9449), which is made when it is connected, sealed with it, and leaves the store in no
    /// other way. The provider must know DPoP: a token that comes back as Bearer is refused.
    ///
    /// Who steals such a token, or a backup with its key, can use neither.
    pub fn bind_tokens(mut self) -> Self {
        self.binds = true;
        self
    }

    /// Adds a new key, if tokens are to be bound to one.
    pub(super) fn with_key(&self, mut values: Values) -> Result<Values, StoreError> {
        if self.binds {
            let made = DpopKey::generate().and_then(|key| key.to_pkcs8_pem());
            let pem =
                made.map_err(|error| StoreError::new(StoreErrorKind::Broken, "no key can be made").with_source(error))?;
            values.0.insert(NAME.to_owned(), pem);
        }
        Ok(values)
    }

    /// Gives a connection the key of a credential, if it has one.
    pub(crate) fn bind(&self, builder: ConnectionBuilder, values: &Values) -> Result<ConnectionBuilder, StoreError> {
        let Some(pem) = values.0.get(NAME) else { return Ok(builder) };
        // What `DpopKey::generate` makes.
        let key = DpopKey::from_pkcs8_pem(Algorithm::Es256, pem);
        let damaged =
            |error| StoreError::new(StoreErrorKind::Damaged, "the key of the tokens cannot be read").with_source(error);
        key.map(|key| builder.dpop(key)).map_err(damaged)
    }
}

#[cfg(not(feature = "dpop"))]
#[allow(clippy::unused_self, clippy::unnecessary_wraps, reason = "stands for what the feature `dpop` does")]
impl Connector {
    pub(super) fn with_key(&self, values: Values) -> Result<Values, StoreError> {
        Ok(values)
    }

    pub(crate) fn bind(&self, builder: ConnectionBuilder, _: &Values) -> Result<ConnectionBuilder, StoreError> {
        Ok(builder)
    }
}
