use std::fmt;

use super::algorithm::Algorithm;

/// A set of algorithms: one machine word, cheap to copy and to intersect.
///
/// ```
/// use tower_auth_core::jose::{Algorithm, AlgorithmSet};
///
/// let allowed = AlgorithmSet::from_iter([Algorithm::Rs256, Algorithm::Es256]);
/// assert!(allowed.contains(Algorithm::Es256));
/// assert!(!allowed.contains(Algorithm::Hs256));
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct AlgorithmSet(u16);

impl AlgorithmSet {
    /// No algorithm.
    pub const EMPTY: Self = Self(0);

    /// Every algorithm whose verifier cannot sign: all but HMAC.
    #[must_use]
    pub fn asymmetric() -> Self {
        Algorithm::ALL.iter().copied().filter(|algorithm| !algorithm.is_symmetric()).collect()
    }

    /// Every algorithm of an RSA key.
    #[must_use]
    pub fn rsa() -> Self {
        Algorithm::ALL.iter().copied().filter(|algorithm| algorithm.is_rsa()).collect()
    }

    /// Whether `algorithm` is in the set.
    #[must_use]
    pub fn contains(self, algorithm: Algorithm) -> bool {
        self.0 & bit(algorithm) != 0
    }

    /// The set with `algorithm` added.
    #[must_use]
    pub fn with(self, algorithm: Algorithm) -> Self {
        Self(self.0 | bit(algorithm))
    }

    /// What both sets hold.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether the set is empty.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The algorithms, in the order of [`Algorithm::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Algorithm> {
        Algorithm::ALL.iter().copied().filter(move |algorithm| self.contains(*algorithm))
    }
}

impl FromIterator<Algorithm> for AlgorithmSet {
    fn from_iter<I: IntoIterator<Item = Algorithm>>(algorithms: I) -> Self {
        algorithms.into_iter().fold(Self::EMPTY, Self::with)
    }
}

impl From<Algorithm> for AlgorithmSet {
    fn from(algorithm: Algorithm) -> Self {
        Self::EMPTY.with(algorithm)
    }
}

impl fmt::Debug for AlgorithmSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Algorithm::name)).finish()
    }
}

/// The discriminants count from zero, and there are fewer than sixteen of them.
fn bit(algorithm: Algorithm) -> u16 {
    1 << (algorithm as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_put_in_and_nothing_else() {
        let set = AlgorithmSet::from_iter([Algorithm::Rs256, Algorithm::Hs512]);
        for &algorithm in Algorithm::ALL {
            assert_eq!(set.contains(algorithm), matches!(algorithm, Algorithm::Rs256 | Algorithm::Hs512));
        }
        assert_eq!(set.iter().collect::<Vec<_>>(), [Algorithm::Rs256, Algorithm::Hs512]);
        assert_eq!(format!("{set:?}"), r#"{"RS256", "HS512"}"#);
    }

    // THREAT-V2
    #[test]
    fn the_asymmetric_set_has_no_hmac() {
        let set = AlgorithmSet::asymmetric();
        assert!(Algorithm::ALL.iter().all(|algorithm| set.contains(*algorithm) != algorithm.is_symmetric()));
        assert!(set.intersection(AlgorithmSet::from(Algorithm::Hs256)).is_empty());
        assert_eq!(AlgorithmSet::rsa().iter().count(), 6);
    }
}
