use crate::backend::{BackendError, BackendErrorKind};

/// What a database objected to, without its details: they may quote values.
pub(super) fn failed(what: &'static str, error: sqlx::Error) -> BackendError {
    let (kind, detail) = match &error {
        sqlx::Error::Database(inner) => {
            let code = inner.code().map(|code| code.into_owned()).unwrap_or_default();
            (
                kind_of(&code),
                words_of(&code)
                    .map_or_else(|| format!("database error {code}"), |words| format!("{words} (code {code})")),
            )
        }
        sqlx::Error::Io(error) => (BackendErrorKind::Unavailable, format!("{}", error.kind())),
        sqlx::Error::Tls(_) => (BackendErrorKind::Unavailable, "TLS".to_owned()),
        sqlx::Error::PoolTimedOut => (BackendErrorKind::Unavailable, "no connection came free in time".to_owned()),
        sqlx::Error::PoolClosed => (BackendErrorKind::Unavailable, "the store was closed".to_owned()),
        sqlx::Error::WorkerCrashed => (BackendErrorKind::Unavailable, "the connection's thread ended".to_owned()),
        sqlx::Error::Protocol(_) => (BackendErrorKind::Unavailable, "the connection broke".to_owned()),
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::ColumnIndexOutOfBounds { .. } => {
            (BackendErrorKind::Broken, "a column has an unexpected type".to_owned())
        }
        sqlx::Error::Configuration(_) => (BackendErrorKind::Broken, "the address or an option is wrong".to_owned()),
        _ => (BackendErrorKind::Broken, "an unexpected answer".to_owned()),
    };
    BackendError::new(kind, format!("the database could not {what}: {detail}"))
}

/// What an operator can do something about. Errors of SQLite have more in their higher bits.
fn words_of(code: &str) -> Option<&'static str> {
    Some(match code {
        "28P01" | "28000" => "the server refuses the user or the password",
        "3D000" => "the server has no such database",
        "42501" => "the user may not do that",
        "25006" => "the server is read-only",
        "53300" => "the server has no connection free",
        _ if code.len() == 5 => return None,
        _ => match code.parse::<u32>().ok()? & 0xff {
            5 | 6 => "another program is writing",
            8 => "the file is read-only",
            10 => "the file cannot be read or written",
            11 => "the file is damaged",
            13 => "the disk is full",
            14 => "the file cannot be opened",
            26 => "the file is no database",
            _ => return None,
        },
    })
}

/// PostgreSQL: connection, resources, operator intervention, serialization, read-only. SQLite: busy, locked, I/O, full, cannot open, read-only.
fn kind_of(code: &str) -> BackendErrorKind {
    let passes =
        ["08", "53", "57", "40", "25006", "55P03"].iter().any(|class| code.len() == 5 && code.starts_with(class));
    let primary = code.parse::<u32>().map(|code| code & 0xff).unwrap_or_default();
    match passes || code.len() != 5 && matches!(primary, 5 | 6 | 8 | 10 | 13 | 14) {
        true => BackendErrorKind::Unavailable,
        false => BackendErrorKind::Broken,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_pass_is_told_from_what_an_operator_must_mend() {
        for code in ["08006", "57P01", "53300", "40001", "40P01", "5", "261", "6", "10", "2570", "13", "14", "8"] {
            assert_eq!(kind_of(code), BackendErrorKind::Unavailable, "{code}");
        }
        for code in ["42P01", "23505", "28P01", "1", "19", "2067", "", "x"] {
            assert_eq!(kind_of(code), BackendErrorKind::Broken, "{code}");
        }
    }
}
