use http::HeaderValue;

use super::{RejectionKind, Scheme};
use crate::{Challenge, ConfigError, ScopeSet};

/// The realm of verifiers that were given none.
pub(in crate::verify) const DEFAULT_REALM: &str = "api";

/// The challenges of a verifier, one for each scheme it accepts.
#[derive(Clone, Debug, Default)]
pub(in crate::verify) struct Challenges(Vec<(Scheme, Challenge)>);

impl Challenges {
    /// The challenge of one scheme.
    ///
    /// # Errors
    /// When the realm has a character that cannot be sent.
    pub(in crate::verify) fn one(scheme: Scheme, name: &str, realm: &str) -> Result<Self, ConfigError> {
        let challenge = match scheme {
            Scheme::Bearer => Challenge::bearer().with_param("realm", realm)?,
            Scheme::Basic => Challenge::basic(realm)?,
            Scheme::ApiKey => Challenge::new(name)?.with_param("realm", realm)?,
        };
        Ok(Self(vec![(scheme, challenge)]))
    }

    /// Adds what `other` has, one challenge for each scheme.
    pub(in crate::verify) fn merge(&mut self, other: &Self) {
        for (scheme, challenge) in &other.0 {
            if !self.0.iter().any(|(own, _)| own == scheme) {
                self.0.push((*scheme, challenge.clone()));
            }
        }
    }

    /// Whether there is a challenge of `scheme`.
    pub(in crate::verify) fn has(&self, scheme: Scheme) -> bool {
        self.0.iter().any(|(own, _)| *own == scheme)
    }

    /// The challenge of `scheme` alone.
    pub(in crate::verify) fn only(&self, scheme: Scheme) -> Self {
        Self(self.0.iter().filter(|(own, _)| *own == scheme).cloned().collect())
    }

    /// The field values for a refusal. The error stands in the Bearer challenge, and only if that scheme was tried
    /// (RFC 6750 section 3.1, RFC 9449 section 7.2).
    pub(in crate::verify) fn values(
        &self,
        kind: RejectionKind,
        tried: Option<Scheme>,
        scope: Option<&ScopeSet>,
    ) -> Vec<HeaderValue> {
        let error = kind.oauth_error().filter(|_| matches!(tried, None | Some(Scheme::Bearer)));
        self.0
            .iter()
            .map(|(scheme, challenge)| match error {
                Some(error) if *scheme == Scheme::Bearer => {
                    with_error(challenge, error, kind.message(), scope).to_header_value()
                }
                _ => challenge.to_header_value(),
            })
            .collect()
    }
}

fn with_error(challenge: &Challenge, error: &str, description: &str, scope: Option<&ScopeSet>) -> Challenge {
    let build = || {
        let full = challenge.clone().with_param("error", error)?.with_param("error_description", description)?;
        match scope.filter(|scope| !scope.is_empty()) {
            Some(scope) => full.with_param("scope", &scope.to_string()),
            None => Ok(full),
        }
    };
    // Every part has the right characters: the codes and messages are ours, and a scope set checks its own.
    build().unwrap_or_else(|_: ConfigError| challenge.clone())
}
