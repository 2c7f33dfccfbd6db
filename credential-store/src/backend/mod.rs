//! What keeps the rows: the seam below which a database is.

mod error;
mod rows;
mod traits;

pub use self::error::{BackendError, BackendErrorKind};
pub use self::rows::{
    AuditEntry, AuditRow, Claim, ConnectorFault, CredentialRow, Exchanged, Failed, Intent, Job, JobKind, ListFilter,
    LogRow, LoginRow, NewCredential, NewJob, PageKey, SecretsChange, StatusChange, StoreKeyRow, Tokens, Touched,
};
pub use self::traits::{Backend, BackendFuture, Changes};
