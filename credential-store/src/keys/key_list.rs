//! Keys as an operator lists them: `2026-01:<key>,2025-07:<key>`, newest first.

use std::path::Path;

use tower_auth_core::{ConfigError, ConfigErrorKind, Secret};

use super::KeyRing;

impl KeyRing {
    /// Reads the environment variable `name`: see [`parse`](Self::parse).
    ///
    /// # Errors
    /// When the variable is not set or empty, or what it holds is not a list of keys.
    pub fn env(name: &str) -> Result<Self, ConfigError> {
        Self::read(&Secret::env(name)?, &format!("the environment variable {name}"))
    }

    /// Reads the file at `path`: see [`parse`](Self::parse). On Unix, a file that is open to others than its owner is told in the log.
    ///
    /// # Errors
    /// When the file cannot be read, is larger than 1 MiB, or does not hold a list of keys.
    pub fn file(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let path = path.as_ref();
        let text = Secret::file(path)?;
        // Told and not refused: orchestrators mount secrets readable by a group, in a container where nobody else is.
        if is_open_to_others(path) {
            tracing::warn!(path = %path.display(), "the file of key-encryption keys is open to others than its owner");
        }
        Self::read(&text, &format!("the key file {}", path.display()))
    }

    /// Reads a list of keys, newest first: `id:key`, one on each line or parted by commas. A key is 32 bytes in base64 or in
    /// hexadecimal. Empty lines, white space around ids and keys, and what follows a `#` count for nothing.
    ///
    /// ```
    /// use tower_auth_store::KeyRing;
    /// # use tower_auth_core::Secret;
    /// # let (newest, oldest) = (KeyRing::generate_key(), KeyRing::generate_key());
    /// # let text = Secret::new(format!("2026-01:{}, 2025-07:{}", newest.expose_secret(), oldest.expose_secret()));
    ///
    /// let keys = KeyRing::parse(&text)?;
    /// assert_eq!(keys.ids().collect::<Vec<_>>(), ["2026-01", "2025-07"]);
    /// # Ok::<(), tower_auth_core::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// When there is no key, or one of them is not as it has to be. The error names its place in the list and repeats none of it.
    pub fn parse(text: &Secret) -> Result<Self, ConfigError> {
        Self::read(text, "the list of keys")
    }

    /// `place` is where the text comes from, for errors.
    fn read(text: &Secret, place: &str) -> Result<Self, ConfigError> {
        let entries = text
            .expose_secret()
            .lines()
            .flat_map(|line| line.split_once('#').map_or(line, |(before, _)| before).split(','))
            .map(str::trim)
            .filter(|entry| !entry.is_empty());
        let mut ring: Option<Self> = None;
        for (index, entry) in entries.enumerate() {
            let at = || format!("key {} of {place}", index + 1);
            let Some((id, key)) = entry.split_once(':') else {
                return Err(ConfigError::new(
                    ConfigErrorKind::InvalidOption,
                    format!("{} is not written as `id:key`", at()),
                ));
            };
            ring = Some(Self::extended(ring, id.trim(), key.trim(), at)?);
        }
        ring.ok_or_else(|| ConfigError::new(ConfigErrorKind::MissingSecret, format!("{place} holds no key")))
    }
}

#[cfg(unix)]
fn is_open_to_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;

    std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0)
}

/// Who may read a file is not told by a mode elsewhere.
#[cfg(not(unix))]
fn is_open_to_others(_: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn key(letter: char) -> String {
        format!("{}A", letter.to_string().repeat(42))
    }

    fn ids(text: &str) -> Vec<String> {
        KeyRing::parse(&Secret::from(text)).unwrap().ids().map(str::to_owned).collect()
    }

    #[test]
    fn a_list_is_read_with_commas_lines_and_comments() {
        let (a, b) = (key('a'), key('b'));
        assert_eq!(ids(&format!("new:{a}")), ["new"]);
        assert_eq!(ids(&format!("new:{a},old:{b}")), ["new", "old"]);
        assert_eq!(ids(&format!(" new : {a} , \r\n old:{b} ,")), ["new", "old"]);
        assert_eq!(ids(&format!("# written by hand, by us\n\nnew:{a} # since May\nold:{b}\n")), ["new", "old"]);
    }

    // THREAT-L1
    #[test]
    fn what_is_wrong_is_named_by_its_place_and_not_repeated() {
        let (a, b) = (key('a'), key('b'));
        let table = [
            (String::new(), "holds no key"),
            (" # nothing\n,,".to_owned(), "holds no key"),
            ("sentinel".to_owned(), "key 1 of the list of keys is not written as `id:key`"),
            (format!("new:{a},{b}"), "key 2 of the list of keys is not written as `id:key`"),
            (format!("new:{a},old:sentinel"), "key 2 of the list of keys is not 32 bytes in base64"),
            (format!("new:{a}:{b}"), "key 1 of the list of keys is not 32 bytes in base64"),
            (format!("sentinel!:{a}"), "the id of key 1 of the list of keys is not 1 to 64"),
            (format!(":{a}"), "the id of key 1 of the list of keys is not 1 to 64"),
            (format!("{}:{a}", "x".repeat(65)), "the id of key 1 of the list of keys is not 1 to 64"),
            (format!("{a}:new"), "the id of key 1 of the list of keys is itself a key"),
            (format!("{a}:{b}"), "the id of key 1 of the list of keys is itself a key"),
            (format!("new:{a},new:{b}"), "key 2 of the list of keys has the id of an earlier one"),
        ];
        for (text, expected) in table {
            let error = KeyRing::parse(&Secret::from(&*text)).unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(shown.contains(expected), "{shown}");
            assert!(!shown.contains("sentinel") && !shown.contains(&a) && !shown.contains(&b), "{shown}");
        }
    }

    #[test]
    fn a_file_is_read_and_named_in_errors() {
        let dir = std::env::temp_dir().join(format!("tower-auth-keys-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let path = dir.join("keys");
        fs::write(&path, format!("# newest first\nnew:{}\nold:{}\n", key('a'), key('b'))).unwrap();
        assert_eq!(KeyRing::file(&path).unwrap().ids().collect::<Vec<_>>(), ["new", "old"]);
        fs::write(&path, "new:sentinel\n").unwrap();
        let error = KeyRing::file(&path).unwrap_err().to_string();
        assert!(error.contains("key 1 of the key file") && !error.contains("sentinel"), "{error}");
        assert!(KeyRing::file(dir.join("absent")).is_err());
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn a_variable_that_is_not_set_is_named() {
        let error = KeyRing::env("TOWER_AUTH_STORE_NO_SUCH_VARIABLE").unwrap_err();
        assert_eq!(error.kind(), ConfigErrorKind::MissingSecret);
        assert!(error.to_string().contains("TOWER_AUTH_STORE_NO_SUCH_VARIABLE"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn a_file_is_open_to_others_unless_only_its_owner_has_rights() {
        use std::os::unix::fs::PermissionsExt;

        let path = std::env::temp_dir().join(format!("tower-auth-open-keys-{}", std::process::id()));
        fs::write(&path, "x").unwrap();
        for (mode, open) in [(0o600, false), (0o400, false), (0o640, true), (0o604, true), (0o644, true)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(is_open_to_others(&path), open, "{mode:o}");
        }
        fs::remove_file(&path).unwrap();
        assert!(!is_open_to_others(&path));
    }
}
