use std::sync::Arc;
use std::vec;

use zeroize::Zeroizing;

use super::endpoint::{Begun, Introspector};
use super::memory::Key;
use crate::error::{ConfigError, ConfigErrorKind};
use crate::jose::MAX_TOKEN_LEN;
use crate::verify::IntrospectionStatus;
use crate::verify::digest::Digest;
use crate::verify::incoming::is_token68;
use crate::verify::rejection::{Fault, RejectionKind};
use crate::verify::step::{Finding, Step};

/// The endpoints that are asked, in their order.
#[derive(Clone, Debug, Default)]
pub(in crate::verify) struct Introspection(Vec<Arc<Introspector>>);

impl Introspection {
    pub(super) fn one(endpoint: Introspector) -> Self {
        Self(vec![Arc::new(endpoint)])
    }

    pub(in crate::verify) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(in crate::verify) fn names(&self) -> Vec<&str> {
        self.0.iter().map(|endpoint| endpoint.site()).collect()
    }

    pub(in crate::verify) fn merge(&mut self, other: &Self) -> Result<(), ConfigError> {
        for endpoint in &other.0 {
            if self.0.iter().any(|own| Arc::ptr_eq(own, endpoint)) {
                return Err(ConfigError::new(
                    ConfigErrorKind::InvalidOption,
                    format!("the introspection endpoint at {} is there twice", endpoint.site()),
                ));
            }
            self.0.push(Arc::clone(endpoint));
        }
        Ok(())
    }

    /// Asks the endpoints about `token`, one after the other, until one says that it is active. Whatever is no token is
    /// refused before.
    pub(in crate::verify) fn verify(&self, token: &str) -> Step {
        if let Err(fault) = check_form(token) {
            return fault.into();
        }
        let key = key_of(token);
        let mut rest = self.responsible(token);
        let mut tally = Tally::default();
        while let Some(endpoint) = rest.next() {
            let wait = match endpoint.begin(key, token) {
                Begun::Known(found) => match tally.add(found) {
                    Some(end) => return Step::Done(end),
                    None => continue,
                },
                Begun::Wait(wait) => wait,
            };
            let token = Zeroizing::new(token.to_owned());
            return Step::wait(endpoint.pending(), async move {
                match tally.add(endpoint.judge(&wait.said().await, &token)) {
                    Some(end) => end,
                    None => tally.ask(rest, key, &token).await,
                }
            });
        }
        Step::Done(tally.end())
    }

    /// Forgets everything that is remembered of tokens.
    pub(in crate::verify) fn forget(&self) {
        self.0.iter().for_each(|endpoint| endpoint.forget());
    }

    /// Forgets what is remembered of `token`.
    pub(in crate::verify) fn forget_token(&self, token: &str) {
        let key = key_of(token);
        self.0.iter().for_each(|endpoint| endpoint.forget_token(&key));
    }

    pub(in crate::verify) fn report(&self, status: &mut Vec<IntrospectionStatus>) {
        status.extend(self.0.iter().map(|endpoint| endpoint.status()));
    }

    /// Waits until it is known where the endpoints are. Nothing is asked of them.
    pub(in crate::verify) async fn ready(&self) -> Result<(), Fault> {
        for endpoint in &self.0 {
            endpoint.client.find_introspection().await.map_err(|error| {
                let fault = Fault::new(RejectionKind::IntrospectionUnavailable, error.to_string());
                fault.retry_after(error.retry_after().unwrap_or_default().max(std::time::Duration::from_secs(1)))
            })?;
        }
        Ok(())
    }

    /// Those that the beginning of the token chooses, else those that take any.
    fn responsible(&self, token: &str) -> vec::IntoIter<Arc<Introspector>> {
        let of = |chosen: &dyn Fn(&Introspector) -> bool| -> Vec<_> {
            self.0.iter().filter(|endpoint| chosen(endpoint)).map(Arc::clone).collect()
        };
        let by_prefix = of(&|endpoint| endpoint.prefixes.iter().any(|prefix| token.starts_with(&**prefix)));
        if by_prefix.is_empty() { of(&|endpoint| endpoint.prefixes.is_empty()) } else { by_prefix }.into_iter()
    }
}

/// What endpoints have said so far that decides nothing.
#[derive(Default)]
struct Tally {
    inactive: Option<Fault>,
    unavailable: Option<Fault>,
}

impl Tally {
    /// The end of the matter, unless another endpoint may know better.
    fn add(&mut self, found: Result<Finding, Fault>) -> Option<Result<Finding, Fault>> {
        match found {
            Err(fault) if fault.kind == RejectionKind::Inactive => self.inactive = Some(fault),
            Err(fault) if fault.kind.status().is_server_error() => {
                self.unavailable.get_or_insert(fault);
            }
            end => return Some(end),
        }
        None
    }

    async fn ask(mut self, rest: vec::IntoIter<Arc<Introspector>>, key: Key, token: &str) -> Result<Finding, Fault> {
        for endpoint in rest {
            let found = match endpoint.begin(key, token) {
                Begun::Known(found) => found,
                Begun::Wait(wait) => endpoint.judge(&wait.said().await, token),
            };
            if let Some(end) = self.add(found) {
                return end;
            }
        }
        self.end()
    }

    /// If one endpoint could not tell, the token may be one of its own.
    fn end(self) -> Result<Finding, Fault> {
        Err(self.unavailable.or(self.inactive).unwrap_or_else(|| {
            Fault::new(RejectionKind::UnknownIssuer, "no introspection endpoint is for tokens that begin as this one")
        }))
    }
}

/// Whatever is longer than a token, or is none by its characters, is nothing to ask about.
fn check_form(token: &str) -> Result<(), Fault> {
    if token.len() > MAX_TOKEN_LEN {
        return Err(Fault::new(RejectionKind::Malformed, "the token is longer than 8 KiB"));
    }
    if !is_token68(token) {
        return Err(Fault::new(RejectionKind::Malformed, "the token has a character that no token has"));
    }
    Ok(())
}

fn key_of(token: &str) -> Key {
    Digest::of(&[token.as_bytes()]).into_bytes()
}
