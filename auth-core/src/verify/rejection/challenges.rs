use http::HeaderValue;

use super::{RejectionKind, Scheme};
#[cfg(feature = "dpop")]
use crate::ConfigErrorKind;
use crate::{Challenge, ConfigError};

/// The realm of verifiers that were given none.
pub(in crate::verify) const DEFAULT_REALM: &str = "api";

/// The challenges of a verifier, one for each scheme it accepts.
#[derive(Clone, Debug, Default)]
pub(in crate::verify) struct Challenges {
    all: Vec<(Scheme, Challenge)>,
    /// Whether `Bearer` is not offered, since a token that is bound to no key does not do.
    hides_bearer: bool,
}

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
        Ok(Self { all: vec![(scheme, challenge)], hides_bearer: false })
    }

    /// Adds what `other` has: one challenge for each scheme, with the parameters of both. Where both have one, the first counts.
    pub(in crate::verify) fn merge(&mut self, other: &Self) {
        for (scheme, challenge) in &other.all {
            match self.all.iter_mut().find(|(own, _)| own == scheme) {
                None => self.all.push((*scheme, challenge.clone())),
                Some((_, own)) => complete(own, challenge),
            }
        }
        self.hides_bearer |= other.hides_bearer;
    }

    /// Whether there is a challenge of `scheme`.
    pub(in crate::verify) fn has(&self, scheme: Scheme) -> bool {
        self.all.iter().any(|(own, _)| *own == scheme)
    }

    /// The challenge of `scheme` alone. Tokens with a proof and those without go together: a route that takes one takes
    /// the other, if its verifier does.
    pub(in crate::verify) fn only(&self, scheme: Scheme) -> Self {
        let fits = |own: Scheme| own == scheme || (own.is_token() && scheme.is_token());
        let all = self.all.iter().filter(|(own, _)| fits(*own)).cloned().collect();
        Self { all, hides_bearer: self.hides_bearer }
    }

    /// Offers DPoP beside Bearer, or in its place, with the same parameters and the accepted algorithms (RFC 9449 section 7.1).
    ///
    /// # Errors
    /// When there is no challenge for plain tokens, or one for DPoP already.
    #[cfg(feature = "dpop")]
    pub(in crate::verify) fn offer_dpop(&mut self, algorithms: &str, is_required: bool) -> Result<(), ConfigError> {
        let place = self.all.iter().position(|(scheme, _)| *scheme == Scheme::Bearer);
        let Some(place) = place.filter(|_| !self.has(Scheme::Dpop)) else {
            return Err(ConfigError::new(ConfigErrorKind::InvalidOption, "DPoP is offered beside Bearer, and once"));
        };
        let bearer = &self.all[place].1;
        let same =
            bearer.params().try_fold(Challenge::new("DPoP")?, |dpop, (name, value)| dpop.with_param(name, value))?;
        self.all.insert(place + 1, (Scheme::Dpop, same.with_param("algs", algorithms)?));
        self.hides_bearer = is_required;
        Ok(())
    }

    /// The challenges of these schemes.
    pub(in crate::verify) fn among(&self, schemes: &[Scheme]) -> Self {
        let all = self.all.iter().filter(|(own, _)| schemes.contains(own)).cloned().collect();
        Self { all, hides_bearer: self.hides_bearer && !schemes.contains(&Scheme::Bearer) }
    }

    /// Adds a parameter to the challenges that ask for a token.
    ///
    /// # Errors
    /// When the value has a character that cannot be sent, or the parameter is there already.
    pub(in crate::verify) fn add_to_tokens(&mut self, name: &str, value: &str) -> Result<(), ConfigError> {
        for (_, challenge) in self.all.iter_mut().filter(|(scheme, _)| scheme.is_token()) {
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
        let told = tried.unwrap_or(if self.hides_bearer { Scheme::Dpop } else { Scheme::Bearer });
        let error = kind.oauth_error().filter(|_| told.is_token());
        // Who tried what is not offered is told there what was wrong with it.
        let is_shown = |scheme: Scheme| scheme != Scheme::Bearer || !self.hides_bearer || tried == Some(scheme);
        self.all
            .iter()
            .filter(|(scheme, _)| is_shown(*scheme))
            .map(|(scheme, challenge)| match error {
                Some(error) if *scheme == told => with_error(challenge, error, kind.message(), more).to_header_value(),
                _ => challenge.to_header_value(),
            })
            .collect()
    }
}

/// Adds the parameters that only `other` has.
fn complete(challenge: &mut Challenge, other: &Challenge) {
    for (name, value) in other.params() {
        // The only thing that can be wrong is that it is there already.
        if let Ok(more) = challenge.clone().with_param(name, value) {
            *challenge = more;
        }
    }
}

fn with_error(challenge: &Challenge, error: &str, description: &str, more: &[(&'static str, String)]) -> Challenge {
    let build = || {
        // What the refusal tells takes the place of what every challenge tells.
        let mut others = challenge.params().filter(|(name, _)| !more.iter().any(|(told, _)| told == name));
        let bare =
            others.try_fold(Challenge::new(challenge.scheme())?, |bare, (name, value)| bare.with_param(name, value))?;
        let full = bare.with_param("error", error)?.with_param("error_description", description)?;
        more.iter().try_fold(full, |full, (name, value)| full.with_param(name, value))
    };
    // Every part has the right characters: the codes and messages are ours, and what else is told was checked when it was
    // configured.
    build().unwrap_or_else(|_: ConfigError| challenge.clone())
}

#[cfg(test)]
#[cfg(feature = "dpop")]
mod tests {
    use super::*;

    fn shown(challenges: &Challenges, kind: RejectionKind, tried: Option<Scheme>) -> Vec<String> {
        challenges.values(kind, tried, &[]).iter().map(|value| value.to_str().unwrap().to_owned()).collect()
    }

    fn tokens(is_required: bool) -> Challenges {
        let mut challenges = Challenges::one(Scheme::Bearer, "Bearer", "api").unwrap();
        challenges.merge(&Challenges::one(Scheme::Basic, "Basic", "api").unwrap());
        challenges.add_to_tokens("resource_metadata", "https://a/").unwrap();
        challenges.offer_dpop("ES256 PS256", is_required).unwrap();
        challenges
    }

    const BEARER: &str = r#"Bearer realm="api", resource_metadata="https://a/""#;
    const DPOP: &str = r#"DPoP realm="api", resource_metadata="https://a/", algs="ES256 PS256""#;
    const BASIC: &str = r#"Basic realm="api", charset="UTF-8""#;

    // R9449-7.1b, R9449-7.2b
    #[test]
    fn the_error_stands_in_the_scheme_that_was_tried_and_without_a_credential_in_none() {
        let both = tokens(false);
        assert_eq!(shown(&both, RejectionKind::MissingCredential, None), [BEARER, DPOP, BASIC]);
        let of_bearer = format!(r#"{BEARER}, error="invalid_token", error_description="The access token has expired""#);
        assert_eq!(shown(&both, RejectionKind::Expired, Some(Scheme::Bearer)), [&of_bearer, DPOP, BASIC]);
        let of_dpop = format!(r#"{DPOP}, error="invalid_dpop_proof", error_description="The DPoP proof is not valid""#);
        assert_eq!(shown(&both, RejectionKind::InvalidProof, Some(Scheme::Dpop)), [BEARER, &of_dpop, BASIC]);
        assert_eq!(shown(&both, RejectionKind::BadPassword, Some(Scheme::Basic)), [BEARER, DPOP, BASIC]);
    }

    // R9449-7.1b
    #[test]
    fn where_proofs_are_required_bearer_is_not_offered() {
        let required = tokens(true);
        assert_eq!(shown(&required, RejectionKind::MissingCredential, None), [DPOP, BASIC]);
        assert!(shown(&required, RejectionKind::InvalidRequest, None)[0].starts_with(DPOP), "with the error");
        let tried = shown(&required, RejectionKind::BoundToken, Some(Scheme::Bearer));
        assert!(tried[0].contains("invalid_token") && tried[1..] == [DPOP, BASIC], "{tried:?}");
        assert!(required.has(Scheme::Bearer), "a token that is bound to a certificate is one");
    }

    #[test]
    fn dpop_is_offered_once_and_beside_bearer() {
        assert!(tokens(false).offer_dpop("ES256", false).is_err());
        assert!(Challenges::one(Scheme::Basic, "Basic", "api").unwrap().offer_dpop("ES256", false).is_err());
    }
}
