use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use http::{HeaderMap, HeaderName, Uri};

use crate::Origin;

/// Where a server puts the nonce that it wants in the next proof.
const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// The longest nonce that is kept, in bytes.
const MAX_NONCE: usize = 1024;

/// The most origins whose nonces are kept.
const MAX_ORIGINS: usize = 256;

/// The newest nonce of each server that asks for one (RFC 9449 section 8).
///
/// A nonce is text of the server's own choice, without meaning to others. One that breaks the grammar or has over 1024 bytes is not
/// kept. Beyond 256 servers the one that was silent for longest is forgotten, which costs it one more round trip.
pub struct DpopNonces {
    /// Replaced only when a server is new.
    slots: ArcSwap<Vec<Arc<Slot>>>,
    ticks: AtomicU64,
}

struct Slot {
    origin: Origin,
    nonce: ArcSwap<Arc<str>>,
    heard: AtomicU64,
}

impl DpopNonces {
    pub(super) fn new() -> Self {
        Self { slots: ArcSwap::default(), ticks: AtomicU64::new(0) }
    }

    /// The newest nonce of the server at the origin of `uri`.
    #[must_use]
    pub fn newest(&self, uri: &Uri) -> Option<Arc<str>> {
        let slots = self.slots.load();
        slots.iter().find(|slot| slot.origin.matches(uri)).map(|slot| Arc::clone(&**slot.nonce.load()))
    }

    /// Takes the nonce out of a response of the server at the origin of `uri`, of whatever status. True if there was one: then
    /// a request that was refused with `use_dpop_nonce` is worth one more try.
    pub fn observe(&self, uri: &Uri, headers: &HeaderMap) -> bool {
        let mut values = headers.get_all(DPOP_NONCE).iter();
        let (Some(value), None) = (values.next(), values.next()) else { return false };
        let Some(nonce) = valid(value.as_bytes()) else { return false };
        let heard = self.ticks.fetch_add(1, Ordering::Relaxed);
        let slots = self.slots.load();
        if let Some(slot) = slots.iter().find(|slot| slot.origin.matches(uri)) {
            slot.heard.store(heard, Ordering::Relaxed);
            if ***slot.nonce.load() != *nonce {
                slot.nonce.store(Arc::new(Arc::from(nonce)));
            }
            return true;
        }
        let Some(origin) = Origin::of(uri) else { return false };
        let new =
            Arc::new(Slot { origin, nonce: ArcSwap::from_pointee(Arc::from(nonce)), heard: AtomicU64::new(heard) });
        self.slots.rcu(|slots| with(slots, &new));
        true
    }
}

/// The slots with `new` among them, in place of that origin's own or of the one that was silent for longest.
fn with(slots: &[Arc<Slot>], new: &Arc<Slot>) -> Vec<Arc<Slot>> {
    let mut slots: Vec<_> = slots.iter().filter(|slot| slot.origin != new.origin).cloned().collect();
    if slots.len() >= MAX_ORIGINS {
        let silent = slots.iter().enumerate().min_by_key(|(_, slot)| slot.heard.load(Ordering::Relaxed));
        if let Some((place, _)) = silent {
            slots.swap_remove(place);
        }
    }
    slots.push(Arc::clone(new));
    slots
}

/// `1*NQCHAR` (RFC 9449 section 8.1).
fn valid(nonce: &[u8]) -> Option<&str> {
    let is_nqchar = |byte: &u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    if nonce.is_empty() || nonce.len() > MAX_NONCE || !nonce.iter().all(is_nqchar) {
        return None;
    }
    std::str::from_utf8(nonce).ok()
}

impl fmt::Debug for DpopNonces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.slots.load().iter().map(|slot| &slot.origin)).finish()
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(nonces: &[&[u8]]) -> HeaderMap {
        nonces.iter().map(|nonce| (DPOP_NONCE, HeaderValue::from_bytes(nonce).unwrap())).collect()
    }

    fn uri(text: &str) -> Uri {
        text.parse().unwrap()
    }

    fn newest(nonces: &DpopNonces, at: &str) -> Option<String> {
        nonces.newest(&uri(at)).map(|nonce| nonce.to_string())
    }

    // R9449-8a
    #[test]
    fn each_origin_has_its_newest_nonce() {
        let nonces = DpopNonces::new();
        let a = uri("https://a.com/x");
        assert!(nonces.observe(&a, &headers(&[b"one"])));
        assert!(nonces.observe(&a, &headers(&[b"one"])));
        assert!(nonces.observe(&uri("https://a.com:443/y?z"), &headers(&[b"two"])));
        assert!(nonces.observe(&uri("https://b.com/x"), &headers(&[b"three"])));
        assert!(!nonces.observe(&a, &HeaderMap::new()));
        assert_eq!(newest(&nonces, "https://a.com/"), Some("two".to_owned()));
        assert_eq!(newest(&nonces, "https://b.com/"), Some("three".to_owned()));
        assert_eq!(newest(&nonces, "http://a.com/"), None);
        assert_eq!(newest(&nonces, "https://a.com:8443/"), None);
        assert_eq!(newest(&nonces, "/x"), None);
    }

    // R9449-8a, THREAT-T7
    #[test]
    fn what_is_no_nonce_is_not_kept() {
        let nonces = DpopNonces::new();
        let long = vec![b'x'; MAX_NONCE + 1];
        for bad in
            [&[&b""[..]][..], &[b"a b"], &[b"a\"b"], &[b"a\\b"], &[b"\xe9"], &[&long], &[b"a", b"b"], &[b"a", b"a"]]
        {
            assert!(!nonces.observe(&uri("https://a.com/"), &headers(bad)), "{bad:?}");
        }
        assert_eq!(newest(&nonces, "https://a.com/"), None);
        assert!(nonces.observe(&uri("https://a.com/"), &headers(&[&long[1..]])));
        assert!(!nonces.observe(&uri("/path"), &headers(&[b"a"])));
        assert!(!nonces.observe(&uri("https://u@a.com/"), &headers(&[b"a"])));
    }

    #[test]
    fn beyond_the_limit_the_origin_that_was_silent_for_longest_is_forgotten() {
        let nonces = DpopNonces::new();
        let at = |number: usize| format!("https://h{number}.com/");
        for number in 0..MAX_ORIGINS {
            nonces.observe(&uri(&at(number)), &headers(&[b"a"]));
        }
        nonces.observe(&uri(&at(0)), &headers(&[b"a"]));
        nonces.observe(&uri(&at(MAX_ORIGINS)), &headers(&[b"b"]));
        assert_eq!(nonces.slots.load().len(), MAX_ORIGINS);
        assert_eq!(newest(&nonces, &at(0)), Some("a".to_owned()));
        assert_eq!(newest(&nonces, &at(1)), None);
        assert_eq!(newest(&nonces, &at(MAX_ORIGINS)), Some("b".to_owned()));
    }
}
