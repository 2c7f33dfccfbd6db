#![allow(
    clippy::exhaustive_structs,
    clippy::exhaustive_enums,
    reason = "backends of other crates write and read them whole"
)]

use std::time::Duration;

use super::Record;
use crate::model::{CredentialId, CredentialStatus, OwnerDigest, Timestamp};

/// A credential as a backend keeps it. What is secret, or tells who somebody is, is sealed.
#[derive(Clone, Debug)]
pub struct CredentialRow {
    /// Its name.
    pub id: CredentialId,
    /// Whose it is.
    pub owner: OwnerDigest,
    /// The owner's names, sealed.
    pub owner_sealed: Vec<u8>,
    /// The connector.
    pub connector: String,
    /// The method of the connector.
    pub method: String,
    /// The connector's set of URLs, if one was chosen.
    pub environment: Option<String>,
    /// What the owner calls it, sealed.
    pub label: Vec<u8>,
    /// How it is doing.
    pub status: CredentialStatus,
    /// Why, as a stable code.
    pub reason: Option<String>,
    /// The provider's own error code.
    pub provider_error: Option<String>,
    /// Since when.
    pub status_since: Timestamp,
    /// The key that the data key is wrapped with.
    pub key_id: String,
    /// The data key, wrapped.
    pub data_key: Vec<u8>,
    /// The values that the owner gave, sealed with the data key.
    pub secrets: Vec<u8>,
    /// How often the values were replaced.
    pub secrets_version: i64,
    /// The tokens, sealed with the data key.
    pub tokens: Option<Vec<u8>>,
    /// How often the tokens were replaced: what refreshes compare and set.
    pub generation: i64,
    /// Counts every change that other processes must know.
    pub revision: i64,
    /// Whether new tokens can be had without a person.
    pub renews: bool,
    /// When the token ends.
    pub expires_at: Option<Timestamp>,
    /// When it is to be renewed though nobody uses it.
    pub refresh_at: Option<Timestamp>,
    /// When the refresh token ends, if the provider said.
    pub refresh_expires_at: Option<Timestamp>,
    /// Failures in a row.
    pub attempts: i64,
    /// Before this time nobody tries again.
    pub next_attempt_at: Option<Timestamp>,
    /// When a renewal or a verification last succeeded.
    pub last_success_at: Option<Timestamp>,
    /// When it was last used, to a minute or so.
    pub last_used_at: Option<Timestamp>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Whether its token requests are logged.
    pub logs_requests: bool,
    /// The number of the last lease.
    pub fence: i64,
    /// A rotation that was begun and not ended.
    pub intent: Option<Intent>,
    /// The database's time when the row was read.
    pub now: Timestamp,
}

/// Written before a token request is sent, so that a crash in mid-rotation is a known state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// The attempt.
    pub id: i64,
    /// The SHA-256 of what it spends.
    pub spends: Vec<u8>,
    /// When it was begun.
    pub at: Timestamp,
    /// Whether it is the second presentation, within the provider's grace.
    pub is_replay: bool,
}

/// A credential to be created.
#[derive(Clone, Debug)]
pub struct NewCredential {
    /// As in [`CredentialRow`].
    pub id: CredentialId,
    /// As in [`CredentialRow`].
    pub owner: OwnerDigest,
    /// As in [`CredentialRow`].
    pub owner_sealed: Vec<u8>,
    /// As in [`CredentialRow`].
    pub connector: String,
    /// As in [`CredentialRow`].
    pub method: String,
    /// As in [`CredentialRow`].
    pub environment: Option<String>,
    /// As in [`CredentialRow`].
    pub label: Vec<u8>,
    /// As in [`CredentialRow`].
    pub status: CredentialStatus,
    /// As in [`CredentialRow`].
    pub key_id: String,
    /// As in [`CredentialRow`].
    pub data_key: Vec<u8>,
    /// As in [`CredentialRow`].
    pub secrets: Vec<u8>,
    /// As in [`CredentialRow`].
    pub logs_requests: bool,
    /// The first tokens, of generation one.
    pub tokens: Option<Tokens>,
    /// What is kept with it.
    pub record: Record,
}

/// Tokens to be kept, and their times from now on.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// Sealed.
    pub sealed: Vec<u8>,
    /// Whether new ones can be had without a person.
    pub renews: bool,
    /// How long the token lives.
    pub expires_in: Option<Duration>,
    /// After how long it is to be renewed though nobody uses it.
    pub refresh_in: Option<Duration>,
    /// How long the refresh token lives.
    pub refresh_expires_in: Option<Duration>,
}

/// Which of the credentials that are due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Due {
    /// Those whose last attempt did not fail.
    Sound,
    /// Those that have failed since the last success: `attempts` is not zero.
    Failing,
}

/// What came of a wish for a lease.
#[derive(Clone, Debug)]
pub enum Claim {
    /// There is no such credential.
    Missing,
    /// Somebody else has it for so long at the most.
    Held(Duration),
    /// It is the caller's: the row as it is now, whose `fence` is the lease's number.
    Taken(Box<CredentialRow>),
}

/// A successful exchange, to be kept if the generation is still the expected one.
#[derive(Clone, Debug)]
pub struct Exchanged {
    /// Which credential.
    pub id: CredentialId,
    /// The lease under which it was obtained. A lease that was lost meanwhile does not matter.
    pub fence: i64,
    /// The generation that was renewed; the new one is the next.
    pub generation: i64,
    /// What came.
    pub tokens: Tokens,
    /// What is kept with it.
    pub record: Record,
}

/// An exchange that failed. Ends the lease; changes nothing if the lease or the generation is another by now.
#[derive(Clone, Debug)]
pub struct Failed {
    /// Which credential.
    pub id: CredentialId,
    /// The lease.
    pub fence: i64,
    /// The generation that was to be renewed.
    pub generation: i64,
    /// How the credential is doing now; `None` leaves that.
    pub status: Option<CredentialStatus>,
    /// Why, as a stable code.
    pub reason: Option<String>,
    /// The provider's own error code.
    pub provider_error: Option<String>,
    /// How long nobody is to try again.
    pub retry_in: Option<Duration>,
    /// Whether the intent stays: nobody knows what became of it.
    pub keeps_intent: bool,
    /// What is kept with it.
    pub record: Record,
}

/// A change of how a credential is doing that no exchange caused.
#[derive(Clone, Debug)]
pub struct StatusChange {
    /// How it is doing now.
    pub status: CredentialStatus,
    /// Why, as a stable code.
    pub reason: Option<String>,
    /// The provider's own error code.
    pub provider_error: Option<String>,
    /// Only if the tokens are still of this generation.
    pub generation: Option<i64>,
    /// Only if it is still doing so: of several who note the same, one does.
    pub from: Option<CredentialStatus>,
    /// Whether a success is noted.
    pub is_success: bool,
    /// What is kept with it.
    pub record: Record,
}

/// New values of a credential, and perhaps new tokens: a reconnection, or a revocation, after which there are none. Ends every lease and intent.
#[derive(Clone, Debug)]
pub struct SecretsChange {
    /// The values, sealed; their version is the next.
    pub secrets: Vec<u8>,
    /// Only if the version is still this one.
    pub secrets_version: i64,
    /// Only if the generation is still this one; the new one is the next.
    pub generation: i64,
    /// The method.
    pub method: String,
    /// The environment.
    pub environment: Option<String>,
    /// The tokens; `None` if there are none any more.
    pub tokens: Option<Tokens>,
    /// How it is doing now.
    pub status: CredentialStatus,
    /// Why, as a stable code.
    pub reason: Option<String>,
    /// What is kept with it.
    pub record: Record,
}

/// Which credentials to list, the newest first.
#[derive(Clone, Debug, Default)]
pub struct ListFilter {
    /// Those of this owner; `None`: of all owners, for operators.
    pub owner: Option<OwnerDigest>,
    /// Those for this connector.
    pub connector: Option<String>,
    /// Those that are doing so.
    pub status: Option<CredentialStatus>,
    /// Those after this place.
    pub after: Option<PageKey>,
    /// So many at the most.
    pub limit: u32,
}

/// A place in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageKey {
    /// When the last one was created.
    pub created_at: Timestamp,
    /// Its name.
    pub id: CredentialId,
}

/// The store's own key, wrapped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreKeyRow {
    /// The key that it is wrapped with.
    pub key_id: String,
    /// The wrapped key.
    pub wrapped: Vec<u8>,
}

/// A login that waits for its user.
#[derive(Clone, Debug)]
pub struct LoginRow {
    /// A digest of its `state`.
    pub state: String,
    /// What the answer is compared with, sealed.
    pub sealed: Vec<u8>,
    /// The credential that it is for.
    pub credential: CredentialId,
}

/// A logged token request.
#[derive(Clone, Debug)]
pub struct LogRow {
    /// Its number, which grows.
    pub id: i64,
    /// When it was kept.
    pub at: Timestamp,
    /// The exchange, sealed with the data key.
    pub sealed: Vec<u8>,
}

/// What is wrong with a connector as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectorFault {
    /// The connector.
    pub connector: String,
    /// The provider's or our own error code.
    pub code: String,
    /// Since when.
    pub since: Timestamp,
}

/// That a credential was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Touched {
    /// Which.
    pub id: CredentialId,
    /// Its generation.
    pub generation: i64,
    /// Its revision.
    pub revision: i64,
    /// When.
    pub updated_at: Timestamp,
    /// Whether it is gone.
    pub is_deleted: bool,
}
