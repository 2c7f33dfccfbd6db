use std::num::NonZeroU32;

use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::{digest, pbkdf2};
use zeroize::Zeroizing;

use super::{apr1, bcrypt, sha_crypt};

/// By what a hash is made, and what making one costs. Two hashes of one kind take the same time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::verify::basic) enum Kind {
    Argon2 { variant: Algorithm, version: Version, memory_kib: u32, passes: u32, lanes: u32, len: usize },
    Scrypt { log_n: u8, r: u32, p: u32, len: usize },
    Pbkdf2 { prf: Prf, iterations: NonZeroU32, len: usize },
    Bcrypt { cost: u32 },
    Sha256Crypt { rounds: u32 },
    Sha512Crypt { rounds: u32 },
    Apr1,
    Sha1,
}

/// The function that PBKDF2 iterates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::verify::basic) enum Prf {
    HmacSha1,
    HmacSha256,
    HmacSha512,
}

/// What a hash function yields, as long as it is.
pub(super) type Output = Zeroizing<Vec<u8>>;

/// Not enough memory for the hash, so nothing can be said of the password.
#[derive(Debug)]
pub(in crate::verify::basic) struct OutOfMemory;

/// Most memory that one hash may use, in KiB: 256 MiB.
const MAX_MEMORY_KIB: u64 = 256 * 1024;
/// Most memory times passes, in KiB: 1 GiB. Some seconds of one core.
const MAX_WORK_KIB: u64 = 1024 * 1024;
const MAX_LANES: u32 = 64;
const PBKDF2_ITERATIONS: std::ops::RangeInclusive<u32> = 1_000..=10_000_000;
const BCRYPT_COSTS: std::ops::RangeInclusive<u32> = 4..=16;
const SHA_CRYPT_ROUNDS: std::ops::RangeInclusive<u32> = 1_000..=5_000_000;
const OUTPUT_LENGTHS: std::ops::RangeInclusive<usize> = 16..=64;
const MAX_SALT: usize = 64;
/// What argon2 demands.
const MIN_ARGON2_SALT: usize = 8;

impl Kind {
    /// The name of the scheme.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Argon2 { variant: Algorithm::Argon2d, .. } => "argon2d",
            Self::Argon2 { variant: Algorithm::Argon2i, .. } => "argon2i",
            Self::Argon2 { variant: Algorithm::Argon2id, .. } => "argon2id",
            Self::Scrypt { .. } => "scrypt",
            Self::Pbkdf2 { prf: Prf::HmacSha1, .. } => "pbkdf2",
            Self::Pbkdf2 { prf: Prf::HmacSha256, .. } => "pbkdf2-sha256",
            Self::Pbkdf2 { prf: Prf::HmacSha512, .. } => "pbkdf2-sha512",
            Self::Bcrypt { .. } => "bcrypt",
            Self::Sha256Crypt { .. } => "SHA-256-crypt",
            Self::Sha512Crypt { .. } => "SHA-512-crypt",
            Self::Apr1 => "apr1",
            Self::Sha1 => "SHA-1",
        }
    }

    /// Whether it is so cheap that a list of such hashes is nearly a list of passwords.
    pub(super) fn is_weak(&self) -> bool {
        matches!(self, Self::Sha256Crypt { .. } | Self::Sha512Crypt { .. } | Self::Apr1 | Self::Sha1)
    }

    /// How many bytes it yields.
    pub(super) fn output_len(&self) -> usize {
        match self {
            Self::Argon2 { len, .. } | Self::Scrypt { len, .. } | Self::Pbkdf2 { len, .. } => *len,
            Self::Bcrypt { .. } => bcrypt::OUTPUT_LEN,
            Self::Sha256Crypt { .. } => 32,
            Self::Sha512Crypt { .. } => 64,
            Self::Apr1 => 16,
            Self::Sha1 => 20,
        }
    }

    /// Checks what a hash of this kind costs, before one is made: the text that names the cost may be hostile, or a
    /// mistake.
    ///
    /// # Errors
    /// What exceeds which limit.
    pub(super) fn check(&self, salt: &[u8]) -> Result<(), String> {
        let within = |fits: bool, what: &str| if fits { Ok(()) } else { Err(what.to_owned()) };
        match *self {
            Self::Argon2 { memory_kib, passes, lanes, .. } => {
                memory(u64::from(memory_kib), u64::from(passes))?;
                within((1..=MAX_LANES).contains(&lanes), "it must have 1 to 64 lanes")?;
                within(passes > 0, "it must have at least one pass")?;
                within(memory_kib >= 8 * lanes, "it must use at least 8 KiB for each lane")?;
                within(salt.len() >= MIN_ARGON2_SALT, "its salt must have at least 8 bytes")?;
            }
            Self::Scrypt { log_n, r, p, .. } => {
                within((1..=24).contains(&log_n) && r > 0, "it must have ln 1 to 24 and an r")?;
                within((1..=MAX_LANES).contains(&p), "it must have a p of 1 to 64")?;
                let kib = (u64::from(r) << log_n).div_ceil(8);
                memory(kib, u64::from(p))?;
            }
            Self::Pbkdf2 { iterations, .. } => {
                within(PBKDF2_ITERATIONS.contains(&iterations.get()), "it must have 1,000 to 10,000,000 iterations")?;
            }
            Self::Bcrypt { cost } => within(BCRYPT_COSTS.contains(&cost), "its cost must be 4 to 16")?,
            Self::Sha256Crypt { rounds } | Self::Sha512Crypt { rounds } => {
                within(SHA_CRYPT_ROUNDS.contains(&rounds), "it must have 1,000 to 5,000,000 rounds")?;
            }
            Self::Apr1 | Self::Sha1 => {}
        }
        within(salt.len() <= MAX_SALT, "its salt must have at most 64 bytes")?;
        within(OUTPUT_LENGTHS.contains(&self.output_len()), "it must be of 16 to 64 bytes")
    }

    /// Makes the hash, which takes as long as the cost says: not for async threads.
    pub(super) fn run(&self, password: &[u8], salt: &[u8]) -> Result<Output, OutOfMemory> {
        #[cfg(test)]
        runs::note(self);
        let mut output = Zeroizing::new(vec![0; self.output_len()]);
        match *self {
            Self::Argon2 { variant, version, memory_kib, passes, lanes, len } => {
                let params = Params::new(memory_kib, passes, lanes, Some(len)).map_err(|_| OutOfMemory)?;
                let argon2 = Argon2::new(variant, version, params);
                argon2.hash_password_into(password, salt, &mut output).map_err(|_| OutOfMemory)?;
            }
            Self::Scrypt { log_n, r, p, .. } => {
                let params = scrypt::Params::new(log_n, r, p).map_err(|_| OutOfMemory)?;
                scrypt::scrypt(password, salt, &params, &mut output).map_err(|_| OutOfMemory)?;
            }
            Self::Pbkdf2 { prf, iterations, .. } => {
                pbkdf2::derive(prf.algorithm(), iterations, salt, password, &mut output);
            }
            Self::Bcrypt { cost } => output.copy_from_slice(&bcrypt::hash(cost, salt, password)),
            Self::Sha256Crypt { rounds } => output.copy_from_slice(&sha_crypt::narrow(rounds, salt, password)),
            Self::Sha512Crypt { rounds } => output.copy_from_slice(&sha_crypt::wide(rounds, salt, password)),
            Self::Apr1 => output.copy_from_slice(&apr1::hash(salt, password)),
            Self::Sha1 => {
                let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, password);
                output.copy_from_slice(hash.as_ref());
            }
        }
        Ok(output)
    }

    /// Costs what a hash of this kind costs, for nobody's password.
    pub(in crate::verify::basic) fn waste(&self, password: &str) -> Result<(), OutOfMemory> {
        // No random one: nobody sees the hash, and drawing it would show in the time.
        let salt = [0; 16];
        std::hint::black_box(self.run(password.as_bytes(), std::hint::black_box(&salt))?);
        Ok(())
    }

    /// Whether a password is one that this kind reads to its end. Bcrypt reads 72 bytes, and a zero byte is an end to it.
    pub(super) fn reads_whole(&self, password: &[u8]) -> bool {
        match self {
            Self::Bcrypt { .. } => password.len() <= bcrypt::MAX_PASSWORD && !password.contains(&0),
            _ => true,
        }
    }
}

impl Prf {
    fn algorithm(self) -> pbkdf2::Algorithm {
        match self {
            Self::HmacSha1 => pbkdf2::PBKDF2_HMAC_SHA1,
            Self::HmacSha256 => pbkdf2::PBKDF2_HMAC_SHA256,
            Self::HmacSha512 => pbkdf2::PBKDF2_HMAC_SHA512,
        }
    }
}

fn memory(kib: u64, passes: u64) -> Result<(), String> {
    if kib > MAX_MEMORY_KIB {
        return Err(format!("it would use {kib} KiB of memory, more than the 256 MiB that are allowed"));
    }
    if kib.saturating_mul(passes) > MAX_WORK_KIB {
        return Err(format!("{passes} passes over {kib} KiB are more than the 1 GiB in all that is allowed"));
    }
    Ok(())
}

/// What was hashed on this thread.
#[cfg(test)]
pub(in crate::verify::basic) mod runs {
    use std::cell::RefCell;

    use super::Kind;

    std::thread_local! {
        static RUNS: RefCell<Vec<Kind>> = const { RefCell::new(Vec::new()) };
    }

    pub(super) fn note(kind: &Kind) {
        RUNS.with_borrow_mut(|runs| runs.push(kind.clone()));
    }

    /// What was hashed since this was asked last, in no order.
    pub(in crate::verify::basic) fn take() -> Vec<String> {
        let mut runs: Vec<_> = RUNS.take().iter().map(|kind| format!("{kind:?}")).collect();
        runs.sort();
        runs
    }
}
