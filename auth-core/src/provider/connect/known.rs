use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use crate::{Secret, TokenResponse};

/// What is known when a token request is made beside the values that were given: the old token, and what the provider told before.
#[derive(Clone, Default)]
pub(super) struct Known {
    pub(super) token: Option<Secret>,
    pub(super) captured: BTreeMap<String, Secret>,
}

tokio::task_local! {
    /// Of the exchange that runs in this task. The client of the token endpoint is shared by exchanges that know different things.
    static KNOWN: Arc<Known>;
}

impl Known {
    /// What an earlier response tells.
    pub(super) fn of(previous: Option<&TokenResponse>) -> Self {
        Self {
            token: previous.map(|previous| previous.token().secret().clone()),
            captured: previous.map(super::source::captured).unwrap_or_default(),
        }
    }

    /// Runs `exchange` with this knowledge.
    pub(super) fn during<F: Future>(self, exchange: F) -> impl Future<Output = F::Output> {
        KNOWN.scope(Arc::new(self), exchange)
    }

    /// What the exchange in this task knows; nothing outside of one.
    pub(super) fn now() -> Arc<Self> {
        KNOWN.try_with(Arc::clone).unwrap_or_default()
    }
}
