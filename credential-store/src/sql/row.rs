use sqlx::Row as _;
#[cfg(feature = "postgres")]
use sqlx::postgres::PgRow;
#[cfg(feature = "sqlite")]
use sqlx::sqlite::SqliteRow;

use super::error::failed;
use crate::backend::{BackendError, BackendErrorKind, CredentialRow, Intent};
use crate::model::{CredentialId, CredentialStatus, OwnerDigest, Timestamp};

/// A row of either database.
pub(super) enum Row {
    #[cfg(feature = "sqlite")]
    Sqlite(SqliteRow),
    #[cfg(feature = "postgres")]
    Postgres(PgRow),
}

macro_rules! getter {
    ($name:ident, $type:ty) => {
        pub(super) fn $name(&self, index: usize) -> Result<$type, BackendError> {
            match self {
                #[cfg(feature = "sqlite")]
                Self::Sqlite(row) => row.try_get(index),
                #[cfg(feature = "postgres")]
                Self::Postgres(row) => row.try_get(index),
            }
            .map_err(|error| failed("read a row", error))
        }
    };
}

impl Row {
    getter!(text, String);
    getter!(maybe_text, Option<String>);
    getter!(int, i64);
    getter!(maybe_int, Option<i64>);
    getter!(blob, Vec<u8>);
    getter!(maybe_blob, Option<Vec<u8>>);

    pub(super) fn flag(&self, index: usize) -> Result<bool, BackendError> {
        self.int(index).map(|value| value != 0)
    }

    pub(super) fn time(&self, index: usize) -> Result<Timestamp, BackendError> {
        self.int(index).map(Timestamp)
    }

    pub(super) fn maybe_time(&self, index: usize) -> Result<Option<Timestamp>, BackendError> {
        Ok(self.maybe_int(index)?.map(Timestamp))
    }

    pub(super) fn id(&self, index: usize) -> Result<CredentialId, BackendError> {
        self.text(index)?.parse().map_err(|_| broken("the id of a credential"))
    }

    pub(super) fn owner(&self, index: usize) -> Result<OwnerDigest, BackendError> {
        self.blob(index)?.try_into().map(OwnerDigest).map_err(|_| broken("the owner of a row"))
    }

    pub(super) fn maybe_owner(&self, index: usize) -> Result<Option<OwnerDigest>, BackendError> {
        let digest = self.maybe_blob(index)?.map(|digest| digest.try_into().map(OwnerDigest));
        digest.transpose().map_err(|_| broken("the owner of a row"))
    }

    /// A row of `{columns}, {now}`.
    pub(super) fn credential(&self) -> Result<CredentialRow, BackendError> {
        let status = CredentialStatus::from_name(&self.text(7)?).ok_or_else(|| broken("the status of a credential"))?;
        let intent = match self.maybe_int(30)? {
            Some(id) => Some(Intent {
                id,
                spends: self.maybe_blob(31)?.unwrap_or_default(),
                at: self.maybe_time(32)?.unwrap_or(Timestamp(0)),
                is_replay: self.flag(33)?,
            }),
            None => None,
        };
        Ok(CredentialRow {
            id: self.id(0)?,
            owner: self.owner(1)?,
            owner_sealed: self.blob(2)?,
            connector: self.text(3)?,
            method: self.text(4)?,
            environment: self.maybe_text(5)?,
            label: self.blob(6)?,
            status,
            reason: self.maybe_text(8)?,
            provider_error: self.maybe_text(9)?,
            status_since: self.time(10)?,
            key_id: self.text(11)?,
            data_key: self.blob(12)?,
            secrets: self.blob(13)?,
            secrets_version: self.int(14)?,
            tokens: self.maybe_blob(15)?,
            generation: self.int(16)?,
            revision: self.int(17)?,
            renews: self.flag(18)?,
            expires_at: self.maybe_time(19)?,
            refresh_at: self.maybe_time(20)?,
            refresh_expires_at: self.maybe_time(21)?,
            attempts: self.int(22)?,
            next_attempt_at: self.maybe_time(23)?,
            last_success_at: self.maybe_time(24)?,
            last_used_at: self.maybe_time(25)?,
            created_at: self.time(26)?,
            updated_at: self.time(27)?,
            logs_requests: self.flag(28)?,
            fence: self.int(29)?,
            intent,
            now: self.time(34)?,
        })
    }
}

pub(super) fn broken(what: &str) -> BackendError {
    BackendError::new(
        BackendErrorKind::Broken,
        format!("{what} cannot be read: it was written by another program or version"),
    )
}
