//! What keeps the rows: the seam below which a database is.

mod error;
mod record;
mod rows;
mod traits;

pub use self::error::{BackendError, BackendErrorKind};
pub use self::record::{AuditEntry, AuditRow, Job, JobKind, NewJob, Record};
pub use self::rows::{
    Claim, ConnectorFault, CredentialRow, Due, Exchanged, Failed, Intent, ListFilter, LogRow, LoginRow, NewCredential,
    PageKey, SecretsChange, StatusChange, StoreKeyRow, Tokens, Touched,
};
pub use self::traits::{Backend, BackendFuture, Changes};
