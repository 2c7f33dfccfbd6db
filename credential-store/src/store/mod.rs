//! The store: who may do what with which credential.

mod back_off;
mod builder;
mod create;
mod exchange;
mod info;
mod lanes;
mod live;
mod login;
mod manage;
mod news;
mod note;
mod obtain;
mod operate;
mod revoke;
mod rotate;
mod run;
mod settings;
#[allow(clippy::module_inception, reason = "the noun of the room")]
mod store;
mod stored_credential;
mod sweep;
mod tasks;
mod webhooks;
mod window;

pub use self::builder::StoreBuilder;
pub use self::create::NewConnection;
pub use self::info::{CredentialInfo, CredentialPage, ListQuery, LoggedRequest};
pub use self::login::{BegunLogin, FailedLogin, FinishedLogin, NewLogin};
pub use self::operate::{AuditRecord, OwnedCredential, OwnedPage, StoreStatus};
pub use self::rotate::KeyRotation;
pub use self::store::CredentialStore;
pub use self::stored_credential::{CredentialKey, StoredCredential};
