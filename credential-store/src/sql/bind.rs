use crate::model::{CredentialId, OwnerDigest};

/// A value that a statement gets.
pub(super) enum Bind {
    Text(Option<String>),
    Int(Option<i64>),
    Blob(Option<Vec<u8>>),
}

impl From<&str> for Bind {
    fn from(value: &str) -> Self {
        Self::Text(Some(value.to_owned()))
    }
}

impl From<String> for Bind {
    fn from(value: String) -> Self {
        Self::Text(Some(value))
    }
}

impl From<Option<String>> for Bind {
    fn from(value: Option<String>) -> Self {
        Self::Text(value)
    }
}

impl From<i64> for Bind {
    fn from(value: i64) -> Self {
        Self::Int(Some(value))
    }
}

impl From<Option<i64>> for Bind {
    fn from(value: Option<i64>) -> Self {
        Self::Int(value)
    }
}

impl From<bool> for Bind {
    fn from(value: bool) -> Self {
        Self::Int(Some(i64::from(value)))
    }
}

impl From<u32> for Bind {
    fn from(value: u32) -> Self {
        Self::Int(Some(i64::from(value)))
    }
}

impl From<std::time::Duration> for Bind {
    fn from(value: std::time::Duration) -> Self {
        Self::Int(Some(millis(value)))
    }
}

impl From<Option<std::time::Duration>> for Bind {
    fn from(value: Option<std::time::Duration>) -> Self {
        Self::Int(value.map(millis))
    }
}

impl From<Vec<u8>> for Bind {
    fn from(value: Vec<u8>) -> Self {
        Self::Blob(Some(value))
    }
}

impl From<Option<Vec<u8>>> for Bind {
    fn from(value: Option<Vec<u8>>) -> Self {
        Self::Blob(value)
    }
}

impl From<CredentialId> for Bind {
    fn from(value: CredentialId) -> Self {
        Self::Text(Some(value.to_string()))
    }
}

impl From<Option<CredentialId>> for Bind {
    fn from(value: Option<CredentialId>) -> Self {
        Self::Text(value.map(|id| id.to_string()))
    }
}

impl From<OwnerDigest> for Bind {
    fn from(value: OwnerDigest) -> Self {
        Self::Blob(Some(value.0.to_vec()))
    }
}

impl From<Option<OwnerDigest>> for Bind {
    fn from(value: Option<OwnerDigest>) -> Self {
        Self::Blob(value.map(|digest| digest.0.to_vec()))
    }
}

/// A hundred years at the most: far enough away, and sums of it overflow nowhere.
fn millis(length: std::time::Duration) -> i64 {
    const CENTURY: i64 = 100 * 366 * 86_400_000;
    i64::try_from(length.as_millis()).unwrap_or(CENTURY).min(CENTURY)
}
