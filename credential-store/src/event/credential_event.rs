use serde::{Serialize, Serializer};

use crate::model::{CredentialId, CredentialStatus, Owner, Timestamp};

/// Something that happened to a credential. It holds no secret.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct CredentialEvent {
    /// What happened.
    #[serde(serialize_with = "kind_name")]
    pub kind: EventKind,
    /// To which credential.
    pub credential: CredentialId,
    /// Whose it is.
    #[serde(serialize_with = "owner_names")]
    pub owner: Owner,
    /// What it is for.
    pub connector: String,
    /// How it is doing after that.
    #[serde(serialize_with = "status_name")]
    pub status: CredentialStatus,
    /// Why, as a code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When, by the database's clock or the process's.
    pub at: Timestamp,
}

/// What happened to a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EventKind {
    /// It was connected.
    Created,
    /// The provider was asked whether it works, and it does.
    Verified,
    /// It has new tokens.
    Refreshed,
    /// Renewing it failed.
    RefreshFailed,
    /// It works again.
    Recovered,
    /// A person must connect it again.
    NeedsReauth,
    /// It will end within days, and a person must connect it again then.
    EndsSoon,
    /// It has ended, and a person must connect it again.
    Ended,
    /// It was connected again.
    Reconnected,
    /// It was ended at the provider.
    Revoked,
    /// It was deleted.
    Deleted,
    /// Somebody asked for it who does not own it.
    OwnershipDenied,
    /// Its data key was wrapped with another key.
    KeyRotated,
}

impl EventKind {
    /// Its name in webhooks and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "credential.created",
            Self::Verified => "credential.verified",
            Self::Refreshed => "credential.refreshed",
            Self::RefreshFailed => "credential.refresh_failed",
            Self::Recovered => "credential.recovered",
            Self::NeedsReauth => "credential.needs_reauth",
            Self::EndsSoon => "credential.ends_soon",
            Self::Ended => "credential.ended",
            Self::Reconnected => "credential.reconnected",
            Self::Revoked => "credential.revoked",
            Self::Deleted => "credential.deleted",
            Self::OwnershipDenied => "credential.ownership_denied",
            Self::KeyRotated => "credential.key_rotated",
        }
    }
}

fn kind_name<S: Serializer>(kind: &EventKind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(kind.as_str())
}

fn status_name<S: Serializer>(status: &CredentialStatus, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(status.as_str())
}

fn owner_names<S: Serializer>(owner: &Owner, serializer: S) -> Result<S::Ok, S::Error> {
    use serde::ser::SerializeMap;
    let mut names = serializer.serialize_map(None)?;
    if let Some(tenant) = owner.tenant_name() {
        names.serialize_entry("tenant", tenant)?;
    }
    names.serialize_entry("user", owner.user_name())?;
    names.end()
}
