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
    #[cfg_attr(not(test), allow(dead_code, reason = "tests alone use it"))]
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

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;
    use crate::keys::DataKey;
    use crate::seal::Place;

    fn store_key() -> StoreKey {
        StoreKey::new(Sealer::generate())
    }

    // THREAT-K1, THREAT-S4
    #[test]
    fn each_owner_has_a_digest_of_its_own_and_absent_is_not_empty() {
        let key = store_key();
        let owners = [(None, "ab"), (Some(""), "ab"), (Some("a"), "b"), (Some("ab"), ""), (None, ""), (Some(""), "")];
        let digests: HashSet<_> = owners.iter().map(|(tenant, user)| key.owner_digest(*tenant, user)).collect();
        assert_eq!(digests.len(), owners.len());
        let tenants = [None, Some(""), Some("a"), Some("ab")];
        let digests: HashSet<_> = tenants.iter().map(|tenant| key.tenant_digest(*tenant)).collect();
        assert_eq!(digests.len(), tenants.len());
    }

    // THREAT-S4
    #[test]
    fn digests_are_the_same_in_each_process_and_others_in_each_store() {
        let sealer = Sealer::generate();
        let (one, same) = (StoreKey::new(sealer.clone()), StoreKey::new(sealer));
        assert_eq!(one.owner_digest(Some("t"), "u"), same.owner_digest(Some("t"), "u"));
        assert_eq!(*one.derive("session"), *same.derive("session"));
        assert_ne!(one.owner_digest(Some("t"), "u"), store_key().owner_digest(Some("t"), "u"));
        assert_ne!(one.tenant_digest(Some("t")), store_key().tenant_digest(Some("t")));
        assert_ne!(*one.derive("session"), *store_key().derive("session"));
    }

    #[test]
    fn each_purpose_has_a_key_of_its_own() {
        let key = store_key();
        let keys: HashSet<_> = ["", "session", "sessions", "webhook"].map(|label| *key.derive(label)).into();
        assert_eq!(keys.len(), 4);
        assert!(!keys.contains(key.sealer().data_key().expose()));
    }

    #[test]
    fn what_belongs_to_the_store_is_sealed_with_its_key() {
        let key = store_key();
        let place = Place::new("owner", "name");
        let blob = key.sealer().seal(&place, b"Ada");
        assert_eq!(key.sealer().open(&place, &blob).unwrap().as_slice(), b"Ada");
        assert!(store_key().sealer().open(&place, &blob).is_err());
    }

    // THREAT-L1
    #[test]
    fn debug_shows_nothing() {
        let sealer = Sealer::new([0; 16], DataKey::from_bytes(b"sentinel-sentinel-sentinel-senti").unwrap());
        assert_eq!(format!("{:?}", StoreKey::new(sealer)), "StoreKey { .. }");
    }

    proptest! {
        // THREAT-K1
        #[test]
        fn different_owners_have_different_digests(
            one in (proptest::option::of("[ab]{0,3}"), "[ab]{0,3}"),
            other in (proptest::option::of("[ab]{0,3}"), "[ab]{0,3}"),
        ) {
            let key = store_key();
            let digest = |(tenant, user): &(Option<String>, String)| key.owner_digest(tenant.as_deref(), user);
            prop_assert_eq!(one == other, digest(&one) == digest(&other));
        }
    }
}
