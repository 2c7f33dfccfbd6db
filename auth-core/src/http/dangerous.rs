use std::fmt;

/// Options that weaken the protection of what is built. Obtained from a builder's `dangerous()`; each gives the builder
/// back.
#[must_use = "an option must be chosen, which gives the builder back"]
pub struct Dangerous<B>(B);

impl<B> Dangerous<B> {
    pub(crate) fn new(builder: B) -> Self {
        Self(builder)
    }

    pub(crate) fn into_inner(self) -> B {
        self.0
    }
}

impl<B> fmt::Debug for Dangerous<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dangerous").finish_non_exhaustive()
    }
}
