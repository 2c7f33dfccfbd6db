use std::collections::{HashMap, VecDeque};
use std::time::{Duration, SystemTime};

use serde_json::Value;
use tower_auth_core::ScopeSet;

use super::device::DeviceGrant;
use super::ledger::{Ledger, RefreshGrant};
use super::pushed::PushedRequest;

/// What has expired is forgotten when there is so much of it.
const MAX_KEPT: usize = 10_000;

/// How many access tokens are kept, whether or not they have expired; the oldest is forgotten first.
const MAX_ACCESS: usize = 100_000;

/// What a server issued: access tokens, refresh tokens, codes.
#[derive(Default)]
pub(super) struct Grants {
    access: HashMap<String, AccessGrant>,
    /// Their tokens, oldest first.
    access_order: VecDeque<String>,
    pub(super) ledger: Ledger,
    codes: HashMap<String, CodeGrant>,
    devices: HashMap<String, DeviceGrant>,
    pushed: HashMap<String, PushedRequest>,
}

/// What was granted: to whom, for what, and bound to which key.
#[derive(Clone, Default)]
pub(super) struct Basis {
    pub(super) client_id: String,
    pub(super) subject: String,
    pub(super) scope: ScopeSet,
    pub(super) audience: Vec<String>,
    pub(super) authentication: Option<Authentication>,
    pub(super) binding: Binding,
    /// Who acts for the subject (RFC 8693 section 4.1).
    pub(super) act: Option<Value>,
}

/// How and when the user showed who they are.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Authentication {
    pub(crate) acr: Option<String>,
    /// Seconds since 1970.
    pub(crate) time: u64,
}

/// The keys that a token is good with alone.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Binding {
    /// The thumbprint of a DPoP key.
    pub(crate) jkt: Option<String>,
    /// The thumbprint of a client certificate.
    pub(crate) x5t: Option<String>,
}

/// What stands behind an access token.
pub(super) struct AccessGrant {
    pub(super) basis: Basis,
    pub(super) issued: SystemTime,
    pub(super) lifetime: Duration,
    /// The refresh tokens that it was issued with.
    pub(super) family: Option<u64>,
    pub(super) revoked: bool,
}

/// What stands behind an authorization code.
#[derive(Clone)]
pub(super) struct CodeGrant {
    pub(super) basis: Basis,
    /// The redirect URI, if the authorization request named one.
    pub(super) redirect_uri: Option<String>,
    pub(super) challenge: Option<String>,
    /// The key that the tokens are to be bound to.
    pub(super) jkt: Option<String>,
    pub(super) expires: SystemTime,
    /// Of the tokens that come from it.
    pub(super) family: u64,
    pub(super) spent: bool,
}

impl Binding {
    pub(crate) fn is_empty(&self) -> bool {
        self.jkt.is_none() && self.x5t.is_none()
    }

    /// The claim `cnf` (RFC 7800).
    pub(crate) fn claim(&self) -> Value {
        let members = [("jkt", &self.jkt), ("x5t#S256", &self.x5t)];
        members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), Value::from(value.clone()?)))).collect()
    }
}

impl AccessGrant {
    pub(super) fn expires(&self) -> SystemTime {
        self.issued + self.lifetime
    }

    pub(super) fn is_active(&self, now: SystemTime) -> bool {
        !self.revoked && now < self.expires()
    }
}

impl Grants {
    pub(super) fn add_access(&mut self, token: String, mut grant: AccessGrant) {
        if self.access.len() >= MAX_ACCESS {
            if let Some(oldest) = self.access_order.pop_front() {
                self.access.remove(&oldest);
            }
        }
        // Its family may have ended since its refresh token was spent.
        grant.revoked |= grant.family.is_some_and(|family| self.ledger.is_revoked(family));
        self.access_order.push_back(token.clone());
        self.access.insert(token, grant);
    }

    pub(super) fn add_code(&mut self, code: String, grant: CodeGrant, now: SystemTime) {
        if self.codes.len() >= MAX_KEPT {
            self.codes.retain(|_, grant| now < grant.expires);
        }
        self.codes.insert(code, grant);
    }

    pub(super) fn add_device(&mut self, device_code: String, grant: DeviceGrant, now: SystemTime) {
        if self.devices.len() >= MAX_KEPT {
            self.devices.retain(|_, grant| now < grant.expires);
        }
        self.devices.insert(device_code, grant);
    }

    pub(super) fn add_pushed(&mut self, request_uri: String, request: PushedRequest, now: SystemTime) {
        if self.pushed.len() >= MAX_KEPT {
            self.pushed.retain(|_, request| now < request.expires);
        }
        self.pushed.insert(request_uri, request);
    }

    /// The device with `device_code`.
    pub(super) fn device(&mut self, device_code: &str) -> Option<&mut DeviceGrant> {
        self.devices.get_mut(device_code)
    }

    /// The device whose user was shown `user_code`.
    pub(super) fn device_of(&mut self, user_code: &str) -> Option<&mut DeviceGrant> {
        self.devices.values_mut().find(|device| device.is_for(user_code))
    }

    /// The parameters of a pushed request of the client `client_id`.
    pub(super) fn pushed(&self, request_uri: &str, client_id: &str, now: SystemTime) -> Option<&PushedRequest> {
        self.pushed.get(request_uri).filter(|request| request.client_id == client_id && now < request.expires)
    }

    /// A pushed request of the client `client_id`, which is used up by that.
    pub(super) fn take_pushed(&mut self, request_uri: &str, client_id: &str, now: SystemTime) -> Option<PushedRequest> {
        self.pushed.get(request_uri).filter(|request| request.client_id == client_id)?;
        self.pushed.remove(request_uri).filter(|request| now < request.expires)
    }

    pub(super) fn new_family(&mut self) -> u64 {
        self.ledger.new_family()
    }

    pub(super) fn access(&self, token: &str) -> Option<&AccessGrant> {
        self.access.get(token)
    }

    pub(super) fn refresh(&self, token: &str) -> Option<&RefreshGrant> {
        self.ledger.get(token)
    }

    /// A code of the client `client_id`, which is used up by that. One that was so before ends what came from it (RFC 6749 section 4.1.2).
    pub(super) fn take_code(&mut self, code: &str, client_id: &str) -> Option<CodeGrant> {
        let grant = self.codes.get_mut(code).filter(|grant| grant.basis.client_id == client_id)?;
        let family = grant.family;
        if std::mem::replace(&mut grant.spent, true) {
            self.revoke_family(family);
            return None;
        }
        Some(grant.clone())
    }

    /// Revokes a token; with a refresh token its whole family. False if it is unknown.
    pub(super) fn revoke(&mut self, token: &str) -> bool {
        if let Some(family) = self.ledger.get(token).map(|grant| grant.family) {
            self.revoke_family(family);
            return true;
        }
        match self.access.get_mut(token) {
            Some(grant) => {
                grant.revoked = true;
                true
            }
            None => false,
        }
    }

    /// Revokes every refresh token of a family and every access token issued with one.
    pub(super) fn revoke_family(&mut self, family: u64) {
        self.ledger.revoke(family);
        self.access.values_mut().filter(|grant| grant.family == Some(family)).for_each(|grant| grant.revoked = true);
    }

    /// Revokes every token that `subject` granted. How many families there were.
    pub(super) fn revoke_subject(&mut self, subject: &str) -> usize {
        self.access.values_mut().filter(|grant| grant.basis.subject == subject).for_each(|grant| grant.revoked = true);
        self.ledger.revoke_subject(subject)
    }
}

/// A text that nobody guesses by accident.
pub(super) fn random(prefix: &str) -> String {
    format!("{prefix}{:032x}", fastrand::u128(..))
}
