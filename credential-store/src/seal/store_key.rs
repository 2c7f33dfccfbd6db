use std::fmt;

use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use super::Sealer;
use crate::keys::{Canonical, Kind, derive};

/// What is common to a whole store: digests by which owners are found, a sealer for what is read before an owner is known,
/// and keys for other purposes.
///
/// All of it comes from one data key, which is stored wrapped like the others. It never changes: rows are found by its digests.
#[derive(Clone)]
pub(crate) struct StoreKey {
    sealer: Sealer,
    index: hmac::Key,
}

impl StoreKey {
    pub(crate) fn new(sealer: Sealer) -> Self {
        let index = derive(sealer.data_key(), b"", &[&Kind::Index.label()]);
        let index = hmac::Key::new(hmac::HMAC_SHA256, &*index);
        Self { sealer, index }
    }

    /// Seals what belongs to the store itself: labels, names of owners.
    pub(crate) fn sealer(&self) -> &Sealer {
        &self.sealer
    }

    /// What a row holds in place of its tenant and user: who has the database alone cannot try out names.
    pub(crate) fn owner_digest(&self, tenant: Option<&str>, user: &str) -> [u8; 32] {
        self.digest(Canonical::new(Kind::Owner).optional(tenant).field(user))
    }

    /// What a row holds in place of its tenant.
    pub(crate) fn tenant_digest(&self, tenant: Option<&str>) -> [u8; 32] {
        self.digest(Canonical::new(Kind::Tenant).optional(tenant))
    }

    /// A key for the purpose that `label` names, for example the signatures of short-lived sessions. The same in each process
    /// that uses the store.
    pub(crate) fn derive(&self, label: &str) -> Zeroizing<[u8; 32]> {
        derive(self.sealer.data_key(), b"", &[&Kind::Derived.label(), label.as_bytes()])
    }

    fn digest(&self, fields: Canonical) -> [u8; 32] {
        let mut digest = [0; 32];
        digest.copy_from_slice(hmac::sign(&self.index, &fields.into_bytes()).as_ref());
        digest
    }
}

impl fmt::Debug for StoreKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreKey").finish_non_exhaustive()
    }
}
