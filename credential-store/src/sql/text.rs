use std::sync::Arc;

use papaya::HashMap;
use tower_auth_core::{ConfigError, ConfigErrorKind};

/// Which database the statements are written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flavor {
    #[cfg(feature = "sqlite")]
    Sqlite,
    #[cfg(feature = "postgres")]
    Postgres,
}

/// Writes statements out: `{credentials}` becomes the name of a table, `{now}` the database's time in milliseconds, and `{start}` the time when the
/// statement began, which is the same for all its rows, so that PostgreSQL can look it up in an index. A statement that had to wait for a row goes by
/// `{now}` in what it writes.
///
/// Statements are constants of this crate, and the prefix is checked: nothing that comes from a caller is ever part of one.
pub(super) struct Texts {
    flavor: Flavor,
    prefix: String,
    pub(super) written: HashMap<&'static str, Arc<str>>,
}

/// The tables, by the names that statements have for them.
pub(super) const TABLES: &[&str] =
    &["audit", "connectors", "credentials", "jobs", "logins", "migrations", "request_log", "store_key"];

/// The columns of a credential, in the order in which rows are read.
const COLUMNS: &str = "id, owner, owner_sealed, connector, method, environment, label, status, reason, provider_error, status_since, \
    key_id, data_key, secrets, secrets_version, tokens, generation, revision, renews, expires_at, refresh_at, refresh_expires_at, attempts, \
    next_attempt_at, last_success_at, last_used_at, created_at, updated_at, logs_requests, fence, intent_id, intent_spends, intent_at, \
    intent_is_replay";

impl Texts {
    pub(super) fn new(flavor: Flavor, prefix: &str) -> Result<Self, ConfigError> {
        let fits = prefix.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
        if !fits || prefix.len() > 32 || !prefix.starts_with(|first: char| first.is_ascii_lowercase()) {
            return Err(ConfigError::new(
                ConfigErrorKind::InvalidOption,
                "a prefix of tables begins with a letter and has letters a-z, digits and _ only, at most 32",
            ));
        }
        Ok(Self { flavor, prefix: prefix.to_owned(), written: HashMap::new() })
    }

    pub(super) fn flavor(&self) -> Flavor {
        self.flavor
    }

    #[cfg(feature = "postgres")]
    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The statement as the database gets it.
    pub(super) fn of(&self, template: &'static str) -> Arc<str> {
        Arc::clone(self.written.pin().get_or_insert_with(template, || self.write(template).into()))
    }

    fn write(&self, template: &str) -> String {
        let mut text = template.replace("{columns}", COLUMNS).replace("{prefix}", &self.prefix);
        for table in TABLES {
            text = text.replace(&format!("{{{table}}}"), &format!("{}{table}", self.prefix));
        }
        let words: &[(&str, &str)] = match self.flavor {
            #[cfg(feature = "sqlite")]
            Flavor::Sqlite => &[
                ("{now}", "CAST(unixepoch('subsec') * 1000 AS INTEGER)"),
                ("{start}", "CAST(unixepoch('subsec') * 1000 AS INTEGER)"),
                ("{blob}", "BLOB"),
                ("{name}", "TEXT"),
                ("{number}", "INTEGER PRIMARY KEY AUTOINCREMENT"),
                ("{skip locked}", ""),
                ("{lock}", ""),
                ("{strict}", "STRICT"),
                ("{integer}", "INTEGER"),
            ],
            #[cfg(feature = "postgres")]
            Flavor::Postgres => &[
                ("{now}", "(extract(epoch from clock_timestamp()) * 1000)::bigint"),
                ("{start}", "(extract(epoch from statement_timestamp()) * 1000)::bigint"),
                ("{blob}", "BYTEA"),
                // By bytes, so that no new version of the system's rules of sorting breaks an index.
                ("{name}", "TEXT COLLATE \"C\""),
                ("{number}", "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"),
                ("{skip locked}", "FOR UPDATE SKIP LOCKED"),
                ("{lock}", "FOR NO KEY UPDATE"),
                ("{strict}", ""),
                ("{integer}", "BIGINT"),
            ],
        };
        for (word, meaning) in words {
            text = text.replace(word, meaning);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // THREAT-S5
    #[test]
    fn a_prefix_cannot_be_more_than_a_name() {
        for flavor in [
            #[cfg(feature = "sqlite")]
            Flavor::Sqlite,
            #[cfg(feature = "postgres")]
            Flavor::Postgres,
        ] {
            for bad in ["", "1a", "a-b", "a; drop", "A", "a\"", &"a".repeat(33), "\u{e9}", "{now}"] {
                assert!(Texts::new(flavor, bad).is_err(), "{bad}");
            }
            let texts = Texts::new(flavor, "app_auth_").unwrap();
            let text = texts.of("SELECT {now} FROM {credentials} JOIN {jobs}");
            assert!(text.contains("app_auth_credentials JOIN app_auth_jobs") && !text.contains('{'), "{text}");
        }
    }
}
