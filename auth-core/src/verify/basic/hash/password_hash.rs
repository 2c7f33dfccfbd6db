use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use argon2::Algorithm;
use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use subtle::ConstantTimeEq;
use unicode_normalization::{UnicodeNormalization, is_nfc};
use zeroize::Zeroizing;

use super::kind::{Kind, OutOfMemory, Prf};
use super::{PasswordCost, apr1, bcrypt, phc, sha_crypt};
use crate::Secret;
use crate::error::{ConfigError, ConfigErrorKind};
use crate::verify::basic::MAX_PASSWORD;

/// Longest text that is read as a hash, in bytes.
const MAX_TEXT: usize = 512;

const SALT_LEN: usize = 16;

/// The hash of a password, made to be slow.
///
/// What is read:
///
/// | scheme | text | bounds |
/// |---|---|---|
/// | argon2id, argon2i, argon2d | PHC: `$argon2id$v=19$m=19456,t=2,p=1$…` | 256 MiB, memory times passes 1 GiB, 64 lanes |
/// | scrypt | PHC: `$scrypt$ln=17,r=8,p=1$…` | the same |
/// | PBKDF2 with SHA-1, SHA-256, SHA-512 | PHC: `$pbkdf2-sha256$i=600000,l=32$…`, also `$pbkdf2-sha256$600000$…` | 1,000 to 10,000,000 iterations |
/// | bcrypt | `$2a$`, `$2b$`, `$2y$` | cost 4 to 16 |
///
/// The bounds keep a hostile or mistaken text from using the memory and time of a service that reads it; one that
/// exceeds them is an error. Making a hash here is always argon2id.
///
/// Passwords are hashed in Unicode Normalization Form C, as Basic credentials are read. An empty password, and one of
/// more than 1 KiB, is never right. Nor is one of more than 72 bytes for a bcrypt hash: bcrypt does not look at what
/// follows, and two passwords that begin alike would be one.
///
/// `Debug` shows the scheme. The text of a hash is not a password, but an attacker who has it can try passwords
/// against it: [`expose_hash`](Self::expose_hash) is the way to it. Clones are cheap.
///
/// ```
/// use tower_auth_core::{PasswordHash, Secret};
///
/// let hash = PasswordHash::hash(&Secret::from("correct horse"))?;
/// let stored = hash.expose_hash().to_owned();
///
/// let hash = PasswordHash::parse(&stored)?;
/// assert!(hash.verify(&Secret::from("correct horse")));
/// assert!(!hash.verify(&Secret::from("Correct Horse")));
/// # Ok::<(), tower_auth_core::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct PasswordHash(pub(super) Arc<Inner>);

pub(super) struct Inner {
    text: Zeroizing<String>,
    pub(super) kind: Kind,
    pub(super) salt: Vec<u8>,
    pub(super) output: Zeroizing<Vec<u8>>,
}

impl PasswordHash {
    /// Reads a hash.
    ///
    /// # Errors
    /// Where the text is no hash, or one of a scheme that is not read, or exceeds a bound. The error names the scheme
    /// and never quotes the text: it may be a password that somebody wrote in the place of its hash.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        Self::read(text, false).map_err(invalid)
    }

    /// As [`parse`](Self::parse), and reads what only old htpasswd files have too, if `weak` ones are allowed.
    ///
    /// # Errors
    /// What is wrong, without a code.
    pub(in crate::verify::basic) fn read(text: &str, weak: bool) -> Result<Self, String> {
        let of_scheme = |name: &str, problem: String| format!("the {name} hash cannot be used: {problem}");
        if text.len() > MAX_TEXT {
            return Err("a password hash has at most 512 bytes".to_owned());
        }
        let (name, parts) = read(text)?;
        let (kind, salt, output) = parts.map_err(|problem| of_scheme(name, problem))?;
        if kind.is_weak() && !weak {
            return Err(of_scheme(name, "it is too weak to protect a password".to_owned()));
        }
        kind.check(&salt).map_err(|problem| of_scheme(name, problem))?;
        if output.len() != kind.output_len() {
            return Err(of_scheme(name, "it has not the length of its scheme".to_owned()));
        }
        let (text, output) = (Zeroizing::new(text.to_owned()), Zeroizing::new(output));
        Ok(Self(Arc::new(Inner { text, kind, salt, output })))
    }

    /// Hashes a password by argon2id, at the cost that is recommended today. This takes tens of milliseconds of one
    /// core: not for async threads.
    ///
    /// # Errors
    /// When the password is empty, longer than 1 KiB or has a control character, which no Basic credential can carry;
    /// or when there are no random numbers or not enough memory.
    pub fn hash(password: &Secret) -> Result<Self, ConfigError> {
        Self::hash_with(password, PasswordCost::default())
    }

    /// As [`hash`](Self::hash), at another cost.
    ///
    /// # Errors
    /// As [`hash`](Self::hash).
    pub fn hash_with(password: &Secret, cost: PasswordCost) -> Result<Self, ConfigError> {
        let password = normal(password);
        if password.is_empty() || password.len() > MAX_PASSWORD {
            return Err(invalid("a password to be hashed has 1 to 1,024 bytes"));
        }
        if password.chars().any(char::is_control) {
            return Err(invalid("a password must not have control characters"));
        }
        let mut salt = vec![0; SALT_LEN];
        rand::fill(&mut salt).map_err(|_| invalid("there are no random numbers for a salt"))?;
        let kind = cost.kind();
        let output = kind
            .run(password.as_bytes(), &salt)
            .map_err(|OutOfMemory| invalid("there is not enough memory to hash a password"))?;
        let text = format!("{}{}${}", cost.prefix(), STANDARD_NO_PAD.encode(&salt), STANDARD_NO_PAD.encode(&*output));
        Ok(Self(Arc::new(Inner { text: Zeroizing::new(text), kind, salt, output })))
    }

    /// Whether this is the hash of `password`. This takes as long as the hash is strong: not for async threads. False
    /// also where there is not enough memory.
    #[must_use]
    pub fn verify(&self, password: &Secret) -> bool {
        let password = normal(password);
        password.len() <= MAX_PASSWORD && self.matches(&password).unwrap_or(false)
    }

    /// Whether a hash made today would be stronger: this one is of another scheme than argon2id, or of a lower cost.
    #[must_use]
    pub fn needs_rehash(&self) -> bool {
        self.is_weaker_than(PasswordCost::default())
    }

    /// Whether a hash of `cost` would be stronger.
    #[must_use]
    pub fn is_weaker_than(&self, cost: PasswordCost) -> bool {
        cost.exceeds(&self.0.kind)
    }

    /// The scheme: `argon2id`, `bcrypt` and so on.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        self.0.kind.name()
    }

    /// The text of the hash, to be stored.
    #[must_use]
    pub fn expose_hash(&self) -> &str {
        &self.0.text
    }

    pub(in crate::verify::basic) fn kind(&self) -> &Kind {
        &self.0.kind
    }

    /// Whether `other` is the same hash, letter by letter.
    pub(in crate::verify::basic) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.text == other.0.text
    }

    /// Whether this is the hash of `password`, which is in Normalization Form C and at most 1 KiB long. Always costs one
    /// hash, also where the password cannot be right.
    pub(in crate::verify::basic) fn matches(&self, password: &str) -> Result<bool, OutOfMemory> {
        let Inner { kind, salt, output, .. } = &*self.0;
        let bytes = password.as_bytes();
        let own = kind.run(bytes, salt)?;
        let equal = bool::from(own.as_slice().ct_eq(output.as_slice()));
        Ok(equal && !bytes.is_empty() && kind.reads_whole(bytes))
    }
}

impl FromStr for PasswordHash {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        Self::parse(text)
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordHash").field("scheme", &self.scheme()).finish_non_exhaustive()
    }
}

type Parts = (Kind, Vec<u8>, Vec<u8>);

/// The name of the scheme, and what the text says.
fn read(text: &str) -> Result<(&'static str, Result<Parts, String>), String> {
    /// The schemes of which only the name is known.
    const FOREIGN: [(&str, &str); 8] = [
        ("$1$", "md5crypt"),
        ("$2x$", "the flawed bcrypt $2x$"),
        ("$2$", "the flawed bcrypt $2$"),
        ("$7$", "crypt's form of scrypt"),
        ("$y$", "yescrypt"),
        ("$gy$", "gost-yescrypt"),
        ("{SSHA}", "salted SHA-1"),
        ("pbkdf2_", "Django's form of PBKDF2"),
    ];
    if let Some(rest) = text.strip_prefix("{SHA}") {
        let hash = STANDARD.decode(rest).map_err(|_| "it is not base64".to_owned());
        return Ok(("SHA-1", hash.map(|hash| (Kind::Sha1, Vec::new(), hash))));
    }
    if let Some((_, name)) = FOREIGN.iter().find(|(prefix, _)| text.starts_with(prefix)) {
        return Err(format!("{name} is not supported"));
    }
    let unknown =
        || "the text is no password hash of a known scheme; plain passwords and DES crypt are not accepted".to_owned();
    let (name, rest) = text.strip_prefix('$').and_then(|text| text.split_once('$')).ok_or_else(unknown)?;
    Ok(match name {
        "argon2id" => ("argon2id", phc::read_argon2(rest, Algorithm::Argon2id)),
        "argon2i" => ("argon2i", phc::read_argon2(rest, Algorithm::Argon2i)),
        "argon2d" => ("argon2d", phc::read_argon2(rest, Algorithm::Argon2d)),
        "scrypt" => ("scrypt", phc::read_scrypt(rest)),
        "pbkdf2" | "pbkdf2-sha1" => ("pbkdf2", phc::read_pbkdf2(rest, Prf::HmacSha1)),
        "pbkdf2-sha256" => ("pbkdf2-sha256", phc::read_pbkdf2(rest, Prf::HmacSha256)),
        "pbkdf2-sha512" => ("pbkdf2-sha512", phc::read_pbkdf2(rest, Prf::HmacSha512)),
        "2a" | "2b" | "2y" => ("bcrypt", bcrypt::read(rest)),
        "5" => ("SHA-256-crypt", sha_crypt::read(rest, false)),
        "6" => ("SHA-512-crypt", sha_crypt::read(rest, true)),
        "apr1" => ("apr1", apr1::read(rest)),
        _ => return Err(unknown()),
    })
}

/// The password in Normalization Form C.
fn normal(password: &Secret) -> Zeroizing<String> {
    let text = password.expose_secret();
    Zeroizing::new(if is_nfc(text) { text.to_owned() } else { text.nfc().collect() })
}

fn invalid(message: impl Into<String>) -> ConfigError {
    ConfigError::new(ConfigErrorKind::InvalidCredential, message)
}
