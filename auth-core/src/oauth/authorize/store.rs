use std::future::Future;

use super::AuthorizationTransaction;
use crate::BoxError;

/// Where transactions wait for their users, by their [key](AuthorizationTransaction::key).
///
/// [`MemoryTransactions`](super::MemoryTransactions) is one for a service of one process. A database has a table with the key,
/// [`expires_at`](AuthorizationTransaction::expires_at), and the encrypted
/// [`to_secret_json`](AuthorizationTransaction::to_secret_json), and takes a row by one statement:
///
/// ```sql
/// DELETE FROM logins WHERE key = $1 AND expires_at > now() RETURNING content
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a store of transactions",
    note = "a store implements `TransactionStore`; `MemoryTransactions` is one that is ready"
)]
pub trait TransactionStore: Send + Sync + 'static {
    /// Keeps a transaction.
    ///
    /// # Errors
    /// When it could not be kept: the user must not be sent then.
    fn put(&self, transaction: AuthorizationTransaction) -> impl Future<Output = Result<(), BoxError>> + Send;

    /// Takes the transaction with `key` out. Of several who ask at once, one gets it.
    ///
    /// # Errors
    /// When the store cannot be asked.
    fn take(&self, key: &str) -> impl Future<Output = Result<Option<AuthorizationTransaction>, BoxError>> + Send;
}
