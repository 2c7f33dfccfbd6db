use std::time::Duration;

use http::header::{AUTHORIZATION, HOST};
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use tower_auth_core::Secret;

use super::resource_server::Inner;
use crate::certificate::PeerCertificate;
use crate::dpop::{ALGORITHMS, Expected, ProofRefusal, proof_of};
use crate::server::{Standing, Worth};
use crate::token::seconds;

/// How a token is sent.
#[derive(Clone, Copy, PartialEq)]
enum Scheme {
    Bearer,
    Dpop,
}

/// A refusal, and the challenge by the book (RFC 6750 section 3, RFC 9449 section 7.1, RFC 9470 section 3).
pub(super) struct Denied {
    pub(super) status: StatusCode,
    pub(super) challenge: String,
}

impl Inner {
    /// Whether a request gets in.
    pub(super) fn judge(&self, head: &Parts) -> Result<(), Denied> {
        let wanted = if self.settings.requires_dpop { Scheme::Dpop } else { Scheme::Bearer };
        let Some((scheme, token)) = credential(&head.headers) else {
            return Err(self.denied(wanted, StatusCode::UNAUTHORIZED, &[]));
        };
        let refuse = |error: &str| self.denied(scheme, StatusCode::UNAUTHORIZED, &[("error", error)]);
        if scheme != wanted && wanted == Scheme::Dpop {
            return Err(self.denied(wanted, StatusCode::UNAUTHORIZED, &[]));
        }
        if self.refuses(&token) {
            return Err(refuse("invalid_token"));
        }
        let worth = if self.settings.accepted.contains(&token) {
            None
        } else {
            match self.settings.issuer.as_ref().map(|issuer| issuer.shared().standing(token.expose_secret())) {
                Some(Standing::Active(worth)) => Some(worth),
                Some(Standing::Inactive) | None => return Err(refuse("invalid_token")),
            }
        };
        let bound = worth.as_ref().map(|worth| worth.binding.clone()).unwrap_or_default();
        match scheme {
            // A bound token is no bearer token (RFC 9449 section 7.2).
            Scheme::Bearer if bound.jkt.is_some() => return Err(refuse("invalid_token")),
            Scheme::Bearer => {}
            Scheme::Dpop => {
                let shown = self.proven_key(head, &token).map_err(|refusal| match refusal {
                    ProofRefusal::Invalid(_) => refuse("invalid_dpop_proof"),
                    ProofRefusal::NeedsNonce => refuse("use_dpop_nonce"),
                })?;
                if worth.is_some() && bound.jkt != Some(shown) {
                    return Err(refuse("invalid_token"));
                }
            }
        }
        if bound.x5t.is_some() {
            let shown = PeerCertificate::of(&head.extensions).map(PeerCertificate::thumbprint);
            if bound.x5t != shown {
                return Err(refuse("invalid_token"));
            }
        }
        worth.map_or(Ok(()), |worth| self.suffices(scheme, &worth))
    }

    /// Whether a good token is good for this API.
    fn suffices(&self, scheme: Scheme, worth: &Worth) -> Result<(), Denied> {
        let settings = &self.settings;
        if settings.audience.as_ref().is_some_and(|wanted| !worth.audience.contains(wanted)) {
            return Err(self.denied(scheme, StatusCode::UNAUTHORIZED, &[("error", "invalid_token")]));
        }
        if let Some(step_up) = &settings.step_up {
            let now = seconds(self.clock().wall());
            let authentication = worth.authentication.as_ref();
            let acr = authentication.and_then(|authentication| authentication.acr.as_ref());
            let is_strong = step_up.acr_values.is_empty() || acr.is_some_and(|acr| step_up.acr_values.contains(acr));
            let is_fresh = step_up.max_age.is_none_or(|age| {
                authentication.is_some_and(|authentication| now.saturating_sub(authentication.time) <= age.as_secs())
            });
            if !is_strong || !is_fresh {
                let (values, age) =
                    (step_up.acr_values.join(" "), step_up.max_age.map(|age| age.as_secs().to_string()));
                let mut params = vec![("error", "insufficient_user_authentication")];
                params.extend(Some(("acr_values", values.as_str())).filter(|(_, values)| !values.is_empty()));
                params.extend(age.as_deref().map(|age| ("max_age", age)));
                return Err(self.denied(scheme, StatusCode::UNAUTHORIZED, &params));
            }
        }
        match &settings.scope {
            Some(wanted) if !worth.scope.contains(wanted) => {
                let params = [("error", "insufficient_scope"), ("scope", wanted.as_str())];
                Err(self.denied(scheme, StatusCode::FORBIDDEN, &params))
            }
            _ => Ok(()),
        }
    }

    fn proven_key(&self, head: &Parts, token: &Secret) -> Result<String, ProofRefusal> {
        let proof = proof_of(&head.headers)?.ok_or(ProofRefusal::Invalid("the proof is missing"))?;
        let urls = self.urls_of(head);
        let expected = Expected {
            method: &head.method,
            urls: &urls,
            token: Some(token.expose_secret()),
            now: self.clock().wall(),
        };
        self.proofs.check(proof, &expected)
    }

    /// What the request may have been sent to.
    fn urls_of(&self, head: &Parts) -> Vec<String> {
        let path = head.uri.path();
        if let (Some(scheme), Some(authority)) = (head.uri.scheme(), head.uri.authority()) {
            return vec![format!("{scheme}://{authority}{path}")];
        }
        let origins = self.origins();
        if !origins.is_empty() {
            return origins.into_iter().map(|origin| format!("{origin}{path}")).collect();
        }
        let host = head.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        vec![format!("https://{host}{path}"), format!("http://{host}{path}")]
    }

    fn denied(&self, scheme: Scheme, status: StatusCode, params: &[(&str, &str)]) -> Denied {
        let mut challenge = match scheme {
            Scheme::Bearer => "Bearer realm=\"test\"".to_owned(),
            Scheme::Dpop => format!("DPoP realm=\"test\", algs=\"{}\"", ALGORITHMS.join(" ")),
        };
        let url = self.publishes_metadata().then(|| self.metadata_url());
        let params = params.iter().copied().chain(url.as_deref().map(|url| ("resource_metadata", url)));
        for (name, value) in params {
            challenge.push_str(&format!(", {name}=\"{}\"", value.escape_default()));
        }
        Denied { status, challenge }
    }
}

/// What an API wants to know of the user's authentication (RFC 9470).
pub(super) struct StepUp {
    pub(super) acr_values: Vec<String>,
    pub(super) max_age: Option<Duration>,
}

/// The token of a request and how it is sent; `None` also if there are two.
fn credential(headers: &HeaderMap) -> Option<(Scheme, Secret)> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (value, None) = (values.next()?, values.next()) else { return None };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    let schemes = [("bearer", Scheme::Bearer), ("dpop", Scheme::Dpop)];
    let (_, scheme) = schemes.into_iter().find(|(name, _)| scheme.eq_ignore_ascii_case(name))?;
    Some((scheme, Secret::from(token)))
}
