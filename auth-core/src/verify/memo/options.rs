/// How many verdicts are remembered, and how tokens are kept.
#[derive(Clone, Copy, Debug)]
pub(in crate::verify) struct MemoOptions {
    /// The most entries; rounded up to a power of two.
    pub(in crate::verify) capacity: usize,
    /// Keeps the SHA-256 of a token in place of the token.
    pub(in crate::verify) digests_only: bool,
}

impl MemoOptions {
    /// The options of two verifiers that become one.
    pub(in crate::verify) fn and(self, other: Self) -> Self {
        Self { capacity: self.capacity.max(other.capacity), digests_only: self.digests_only || other.digests_only }
    }
}

impl Default for MemoOptions {
    fn default() -> Self {
        Self { capacity: 32_768, digests_only: false }
    }
}
