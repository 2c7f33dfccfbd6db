use http::HeaderValue;

use super::{RejectionKind, Scheme};
use crate::{Challenge, ConfigError};

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
            Scheme::Basic => Challenge::basic(realm)?,
            Scheme::Bearer | Scheme::Dpop | Scheme::ApiKey => Challenge::new(name)?.with_param("realm", realm)?,
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

    /// The challenge of `scheme` alone. Tokens with a proof and those without go together: a route that takes one takes
    /// the other, if its verifier does.
    pub(in crate::verify) fn only(&self, scheme: Scheme) -> Self {
        let fits = |own: Scheme| own == scheme || (own.is_token() && scheme.is_token());
        Self(self.0.iter().filter(|(own, _)| fits(*own)).cloned().collect())
    }

    /// The challenges of these schemes.
    pub(in crate::verify) fn among(&self, schemes: &[Scheme]) -> Self {
        Self(self.0.iter().filter(|(own, _)| schemes.contains(own)).cloned().collect())
    }

    /// Adds a parameter to the challenges that ask for a token.
    ///
    /// # Errors
    /// When the value has a character that cannot be sent, or the parameter is there already.
    pub(in crate::verify) fn add_to_tokens(&mut self, name: &str, value: &str) -> Result<(), ConfigError> {
        for (_, challenge) in self.0.iter_mut().filter(|(scheme, _)| scheme.is_token()) {
            *challenge = challenge.clone().with_param(name, value)?;
        }
        Ok(())
    }

    /// The field values for a refusal. The error stands in the challenge of the scheme that was tried, and only if that
    /// asks for a token; with none tried in that for plain tokens (RFC 6750 section 3.1, RFC 9449 section 7.2).
    pub(in crate::verify) fn values(
        &self,
        kind: RejectionKind,
        tried: Option<Scheme>,
        more: &[(&'static str, String)],
    ) -> Vec<HeaderValue> {
        let told = tried.unwrap_or(Scheme::Bearer);
        let error = kind.oauth_error().filter(|_| told.is_token());
        self.0
            .iter()
            .map(|(scheme, challenge)| match error {
                Some(error) if *scheme == told => with_error(challenge, error, kind.message(), more).to_header_value(),
                _ => challenge.to_header_value(),
            })
            .collect()
    }
}

fn with_error(challenge: &Challenge, error: &str, description: &str, more: &[(&'static str, String)]) -> Challenge {
    let build = || {
        let full = challenge.clone().with_param("error", error)?.with_param("error_description", description)?;
        more.iter().try_fold(full, |full, (name, value)| full.with_param(name, value))
    };
    // Every part has the right characters: the codes and messages are ours, and what else is told was checked when it was
    // configured.
    build().unwrap_or_else(|_: ConfigError| challenge.clone())
}
