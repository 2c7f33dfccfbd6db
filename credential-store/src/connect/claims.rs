use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tower_auth_core::Secret;
use zeroize::Zeroizing;

use super::session::ConnectSession;
use crate::error::{StoreError, StoreErrorKind};
use crate::model::{CredentialId, Owner, Timestamp};
use crate::vault::Vault;

/// A session as tokens and cookies carry it, sealed.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Claims {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
    user: String,
    /// The session's own name: random.
    pub(super) id: String,
    /// A random value that one browser alone has, in its cookie; empty in a token.
    #[serde(default)]
    pub(super) browser: String,
    #[serde(default)]
    pub(super) connectors: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) reconnects: Option<CredentialId>,
    #[serde(default)]
    pub(super) prefill: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) redirect_uri: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) opener_origin: Option<String>,
    /// In milliseconds since 1970.
    pub(super) from: i64,
    pub(super) until: i64,
}

/// What something sealed is good for. None is taken for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A session in the hands of the application: opens the page, and is a bearer token of the API.
    Token,
    /// A session in the cookie of a browser.
    Cookie,
    /// A link that leads a browser to the provider.
    Link,
    /// What came of a login, in a cookie.
    Finish,
}

impl Purpose {
    fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Cookie => "cookie",
            Self::Link => "link",
            Self::Finish => "finish",
        }
    }
}

/// The longest text that is opened. Cookies end at 4 KiB anyway; links hold the provider's URL.
const MAX_SEALED: usize = 16 * 1024;

impl Claims {
    pub(super) fn new(session: &ConnectSession, now: Timestamp) -> Result<Self, StoreError> {
        Ok(Self {
            tenant: session.owner.tenant_name().map(str::to_owned),
            user: session.owner.user_name().to_owned(),
            id: random_text()?,
            browser: String::new(),
            connectors: session.connectors.clone(),
            reconnects: session.reconnects,
            prefill: session.prefill.clone(),
            redirect_uri: session.redirect_uri.clone(),
            opener_origin: session.opener_origin.clone(),
            from: now.0,
            until: now.after(session.lifetime).0,
        })
    }

    /// Whose session it is.
    pub(super) fn owner(&self) -> Option<Owner> {
        let owner = Owner::user(self.user.as_str()).ok()?;
        match &self.tenant {
            Some(tenant) => owner.in_tenant(tenant.as_str()).ok(),
            None => Some(owner),
        }
    }

    /// Whether it is good at `now`. A little before its beginning too: the clocks of replicas differ.
    pub(super) fn is_good(&self, now: Timestamp) -> bool {
        const SKEW: i64 = 60_000;
        now.0 < self.until && now.0.saturating_add(SKEW) >= self.from
    }

    /// The same in a browser, which has the random value `browser`.
    pub(super) fn in_browser(self, browser: String) -> Self {
        Self { browser, ..self }
    }

    pub(super) fn left(&self, now: Timestamp) -> Duration {
        Timestamp(self.until).since(now)
    }

    pub(super) fn age(&self, now: Timestamp) -> Duration {
        now.since(Timestamp(self.from))
    }
}

/// 128 random bits as text.
pub(super) fn random_text() -> Result<String, StoreError> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes)
        .map_err(|_| StoreError::new(StoreErrorKind::Broken, "there are no random numbers"))?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

/// Seals `value` with the store's key, so that every replica opens it and nobody else reads or makes one.
pub(super) fn seal<T: Serialize>(vault: &Vault, purpose: Purpose, value: &T) -> Secret {
    let text = Zeroizing::new(serde_json::to_vec(value).unwrap_or_default());
    Secret::from(BASE64_URL_SAFE_NO_PAD.encode(vault.seal_note("connect", purpose.name(), &text)))
}

/// What was sealed for `purpose`; `None` for everything else.
pub(super) fn open<T: DeserializeOwned>(vault: &Vault, purpose: Purpose, sealed: &str) -> Option<T> {
    if sealed.len() > MAX_SEALED {
        return None;
    }
    let blob = BASE64_URL_SAFE_NO_PAD.decode(sealed).ok()?;
    let text = vault.open_note("connect", purpose.name(), &blob).ok()?;
    serde_json::from_slice(&text).ok()
}
