use argon2::{Algorithm, Version};

use super::kind::Kind;
use crate::error::{ConfigError, ConfigErrorKind};

/// What a new password hash costs: argon2id with an amount of memory, passes over it, and lanes.
///
/// The default is what OWASP recommends at this time: 19 MiB, two passes, one lane. Raise it as far as the load allows;
/// that it changes later is no harm, since every hash names its own cost.
///
/// ```
/// use tower_auth_core::{PasswordCost, PasswordHash, Secret};
///
/// let cost = PasswordCost::argon2id(8 * 1024, 5, 1)?;
/// let hash = PasswordHash::hash_with(&Secret::from("correct horse"), cost)?;
/// assert!(hash.expose_hash().starts_with("$argon2id$v=19$m=8192,t=5,p=1$"));
/// # Ok::<(), tower_auth_core::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PasswordCost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

const OUTPUT_LEN: usize = 32;

/// Below so much memory, in KiB, no number of passes makes a hash a strong one.
const LEAST_MEMORY_KIB: u32 = 7 * 1024;

impl PasswordCost {
    /// Argon2id over `memory_kib` KiB in `passes` passes and `lanes` lanes.
    ///
    /// # Errors
    /// Where argon2 has no such parameters, or where the hash would use more than 256 MiB, or more than 1 GiB in all
    /// passes together.
    pub fn argon2id(memory_kib: u32, passes: u32, lanes: u32) -> Result<Self, ConfigError> {
        let cost = Self { memory_kib, passes, lanes };
        cost.kind().check(&[0; 16]).map_err(|problem| {
            ConfigError::new(ConfigErrorKind::InvalidOption, format!("the cost of the argon2id hash: {problem}"))
        })?;
        Ok(cost)
    }

    pub(in crate::verify::basic) fn kind(self) -> Kind {
        let Self { memory_kib, passes, lanes } = self;
        Kind::Argon2 {
            variant: Algorithm::Argon2id,
            version: Version::V0x13,
            memory_kib,
            passes,
            lanes,
            len: OUTPUT_LEN,
        }
    }

    /// Whether a hash of `kind` is weaker than one of this cost. Less memory in more passes is not.
    pub(super) fn exceeds(self, kind: &Kind) -> bool {
        let Kind::Argon2 { variant: Algorithm::Argon2id, version: Version::V0x13, memory_kib, passes, len, .. } = *kind
        else {
            return true;
        };
        let work = |memory_kib: u32, passes: u32| u64::from(memory_kib) * u64::from(passes);
        work(memory_kib, passes) < work(self.memory_kib, self.passes)
            || memory_kib < self.memory_kib.min(LEAST_MEMORY_KIB)
            || len < 16
    }

    /// How it stands in the text of a hash.
    pub(super) fn prefix(self) -> String {
        format!("$argon2id$v=19$m={},t={},p={}$", self.memory_kib, self.passes, self.lanes)
    }
}

impl Default for PasswordCost {
    fn default() -> Self {
        Self { memory_kib: 19 * 1024, passes: 2, lanes: 1 }
    }
}
