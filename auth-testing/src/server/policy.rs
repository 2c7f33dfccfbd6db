use std::collections::BTreeMap;
use std::time::Duration;

use tower_auth_core::Secret;

use super::Account;
use super::register::Registration;
use crate::{DpopNonce, TokenMinter};

/// What a server allows, and how long things last, for its whole life.
#[derive(Clone)]
pub(super) struct Policy {
    pub(super) json_bodies: bool,
    pub(super) query_params: bool,
    pub(super) code_lifetime: Duration,
    pub(super) device_interval: Duration,
    pub(super) device_lifetime: Duration,
    /// Of a pushed request.
    pub(super) request_lifetime: Duration,
    pub(super) requires_pushed: bool,
    pub(super) registration: Registration,
    /// Whose assertions and tokens are taken beside its own.
    pub(super) trusted: Vec<TokenMinter>,
    /// Those who may use the password grant.
    pub(super) users: BTreeMap<String, Secret>,
    /// Who may sign in at the authorization endpoint; nobody named: anybody.
    pub(super) accounts: Vec<Account>,
    /// Whether it has an API of its own.
    pub(super) account_api: bool,
    /// What people call the server.
    pub(super) display_name: Option<String>,
    /// To begin with.
    pub(super) dpop_nonce: DpopNonce,
    /// How long a refresh token may come again after its rotation.
    pub(super) reuse_grace: Duration,
    /// The scope of tokens that may introspect others.
    pub(super) introspection_scope: Option<String>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            json_bodies: false,
            query_params: false,
            code_lifetime: Duration::from_secs(60),
            device_interval: Duration::from_secs(5),
            device_lifetime: Duration::from_secs(600),
            request_lifetime: Duration::from_secs(60),
            requires_pushed: false,
            registration: Registration::Nobody,
            trusted: Vec::new(),
            users: BTreeMap::new(),
            accounts: Vec::new(),
            account_api: false,
            display_name: None,
            dpop_nonce: DpopNonce::Off,
            reuse_grace: Duration::ZERO,
            introspection_scope: None,
        }
    }
}
