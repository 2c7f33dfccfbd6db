//! Text that must not be seen.

use std::fmt;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::error::{ConfigError, ConfigErrorKind};

/// A secret text: a token, a client secret, a password, an API key.
///
/// - `Debug` prints `Secret([redacted])`; there is no `Display` and no serialization.
/// - Equality takes the same time wherever two secrets of one length differ.
/// - Clones share one buffer, which is overwritten with zeros when the last clone is dropped. Copies that
///   a transport makes while sending (HTTP and TLS buffers) are out of reach.
/// - [`expose_secret`](Self::expose_secret) is the only way to read it.
///
/// ```
/// use tower_auth_core::Secret;
///
/// let secret = Secret::from("correct horse");
/// assert_eq!(format!("{secret:?}"), "Secret([redacted])");
/// assert_eq!(secret.expose_secret(), "correct horse");
/// ```
///
/// It cannot be printed:
///
/// ```compile_fail,E0277
/// println!("{}", tower_auth_core::Secret::from("correct horse"));
/// ```
#[derive(Clone)]
pub struct Secret(Arc<Zeroizing<String>>);

impl Secret {
    /// Wraps a text. The text is not changed: not trimmed, not normalized.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Arc::new(Zeroizing::new(text.into())))
    }

    /// Reads the environment variable `name`.
    ///
    /// # Errors
    /// When the variable is not set, is empty, or is not valid Unicode.
    #[allow(clippy::disallowed_methods, reason = "this is the one place that reads secrets from the environment")]
    pub fn env(name: &str) -> Result<Self, ConfigError> {
        Self::lookup(name, |name| std::env::var(name).ok())
    }

    /// Reads the variable `name` through `lookup`: a map in a test, a configuration library.
    ///
    /// # Errors
    /// When `lookup` knows no such variable, or its value is empty.
    pub fn lookup(name: &str, lookup: impl FnOnce(&str) -> Option<String>) -> Result<Self, ConfigError> {
        match lookup(name) {
            Some(value) if !value.is_empty() => Ok(Self::new(value)),
            Some(_) => Err(ConfigError::new(
                ConfigErrorKind::MissingSecret,
                format!("the environment variable {name} is empty"),
            )),
            None => Err(ConfigError::new(
                ConfigErrorKind::MissingSecret,
                format!("the environment variable {name} is not set (or not valid Unicode)"),
            )),
        }
    }

    /// Reads the file at `path`, as Docker and Kubernetes mount secrets. One line break at its end is dropped.
    ///
    /// # Errors
    /// When the file cannot be read, is empty, is larger than 1 MiB, or is not valid UTF-8.
    pub fn file(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let path = path.as_ref();
        let fail = |what: &str| {
            ConfigError::new(ConfigErrorKind::MissingSecret, format!("the secret file {} {what}", path.display()))
        };
        // Bounded while it is read, because a pipe or a device does not tell its size. Reserved in full, so that no outgrown
        // buffer with half a secret is left behind.
        let size = fs::metadata(path).map_err(|error| fail("cannot be read").with_source(error))?.len();
        let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(size.min(MAX_FILE) + 1).unwrap_or(0)));
        let read = fs::File::open(path).and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes));
        read.map_err(|error| fail("cannot be read").with_source(error))?;
        if bytes.len() as u64 > MAX_FILE {
            return Err(fail("is larger than 1 MiB"));
        }
        Self::from_file_bytes(&bytes).ok_or_else(|| fail("is empty or not valid UTF-8"))
    }

    /// The text itself. Every call of this is a place where the secret could leak.
    #[must_use]
    pub fn expose_secret(&self) -> &str {
        &self.0
    }

    /// Whether there is nothing to keep secret.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What a mounted secret file holds: its text without one trailing line break; `None` if empty or not UTF-8.
    pub(crate) fn from_file_bytes(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let text = text.strip_suffix('\n').unwrap_or(text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        (!text.is_empty()).then(|| Self::new(text))
    }
}

/// The largest secret file that is read, in bytes.
const MAX_FILE: u64 = 1024 * 1024;

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // THREAT-L1
    #[test]
    fn debug_never_shows_the_text() {
        let secret = Secret::from("sentinel-7c1f");
        assert!(!format!("{secret:?} {:#?}", Some(&secret)).contains("sentinel"));
    }

    #[test]
    fn equality_is_by_value() {
        assert_eq!(Secret::from("a"), Secret::from("a"));
        assert_ne!(Secret::from("a"), Secret::from("b"));
        assert_ne!(Secret::from("a"), Secret::from("ab"));
    }

    // SYS-A9
    #[test]
    fn a_variable_is_read_through_the_lookup_and_must_not_be_empty() {
        let lookup = |name: &str| (name == "SET").then(|| "value".to_owned());
        assert_eq!(Secret::lookup("SET", lookup).unwrap(), Secret::from("value"));
        let error = Secret::lookup("UNSET", lookup).unwrap_err();
        assert!(error.to_string().contains("UNSET"), "{error}");
        assert!(Secret::lookup("SET", |_| Some(String::new())).is_err());
    }

    // SYS-A9
    #[test]
    fn a_mounted_file_loses_one_line_break_and_nothing_else() {
        let dir = std::env::temp_dir().join(format!("tower-auth-secret-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        for (content, expected) in [("s3cret\n", "s3cret"), ("s3cret\r\n", "s3cret"), (" a b \n\n", " a b \n")] {
            let path = dir.join("secret");
            fs::write(&path, content).unwrap();
            assert_eq!(Secret::file(&path).unwrap().expose_secret(), expected);
        }
        fs::write(dir.join("empty"), "\n").unwrap();
        assert!(Secret::file(dir.join("empty")).is_err());
        fs::write(dir.join("huge"), vec![b'x'; 1024 * 1024 + 1]).unwrap();
        assert!(Secret::file(dir.join("huge")).unwrap_err().to_string().contains("larger"));
        fs::write(dir.join("huge"), vec![b'x'; 1024 * 1024]).unwrap();
        assert!(Secret::file(dir.join("huge")).is_ok());
        assert!(Secret::file(dir.join("absent")).unwrap_err().to_string().contains("absent"));
        fs::remove_dir_all(&dir).unwrap();
    }
}
