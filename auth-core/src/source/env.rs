use std::fmt;
use std::sync::Arc;

use super::{SourceRequest, TokenSource};
use crate::{Secret, Token, TokenError, TokenErrorKind, TokenResponse};

/// A token in an environment variable, read whenever the cache asks.
pub struct EnvToken {
    name: String,
    lookup: Arc<Lookup>,
}

type Lookup = dyn Fn(&str) -> Option<String> + Send + Sync;

impl EnvToken {
    /// The variable `name` of the process.
    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "this source is the environment")]
    pub fn new(name: impl Into<String>) -> Self {
        Self::with_lookup(name, |name| std::env::var(name).ok())
    }

    /// The variable `name` as `lookup` knows it: a map in a test, a configuration library.
    pub fn with_lookup(
        name: impl Into<String>,
        lookup: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.into(), lookup: Arc::new(lookup) }
    }
}

impl TokenSource for EnvToken {
    async fn fetch(&self, _: SourceRequest) -> Result<TokenResponse, TokenError> {
        let fail = |error| {
            TokenError::new(
                TokenErrorKind::Misconfigured,
                format!("the environment variable {} does not hold a usable token", self.name),
            )
            .with_source(error)
        };
        let secret = Secret::lookup(&self.name, |name| (self.lookup)(name)).map_err(fail)?;
        Ok(TokenResponse::new(Token::new(secret).map_err(fail)?))
    }
}

impl fmt::Debug for EnvToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnvToken").field("name", &self.name).finish_non_exhaustive()
    }
}
