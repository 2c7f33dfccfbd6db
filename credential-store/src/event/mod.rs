//! What happens to credentials, for the application.

mod credential_event;
mod hub;
mod webhook;

pub use self::credential_event::{CredentialEvent, EventKind};
pub use self::hub::CredentialEvents;
pub use self::webhook::Webhook;

pub(crate) use self::hub::Hub;
