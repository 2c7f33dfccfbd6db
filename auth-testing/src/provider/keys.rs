use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tower_auth_core::Secret;

use crate::Account;

/// The keys that a provider issued and did not delete.
#[derive(Default)]
pub(super) struct Keys(Mutex<HashMap<String, Entry>>);

struct Entry {
    account: Account,
    restricted: bool,
}

/// What a key is worth.
pub(super) enum Worth {
    /// It opens the account.
    Account(Account),
    /// It is known, and may not do this.
    Forbidden,
    /// It is not known, or no more.
    Nothing,
}

impl Keys {
    pub(super) fn issue(&self, account: Account) -> Secret {
        let key = format!("key-{:032x}", fastrand::u128(..));
        self.entries().insert(key.clone(), Entry { account, restricted: false });
        Secret::from(key)
    }

    /// A new key in place of `key`, if that is known.
    pub(super) fn rotate(&self, key: &Secret) -> Option<Secret> {
        let entry = self.entries().remove(key.expose_secret())?;
        Some(self.issue(entry.account))
    }

    pub(super) fn delete(&self, key: &Secret) -> bool {
        self.entries().remove(key.expose_secret()).is_some()
    }

    pub(super) fn restrict(&self, key: &Secret) -> bool {
        self.entries().get_mut(key.expose_secret()).map(|entry| entry.restricted = true).is_some()
    }

    pub(super) fn worth(&self, key: &str) -> Worth {
        match self.entries().get(key) {
            Some(Entry { restricted: true, .. }) => Worth::Forbidden,
            Some(entry) => Worth::Account(entry.account.clone()),
            None => Worth::Nothing,
        }
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
