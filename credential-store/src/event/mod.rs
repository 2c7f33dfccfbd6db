//! What happens to credentials, for the application.

mod credential_event;
mod hub;

pub use self::credential_event::{CredentialEvent, EventKind};
pub use self::hub::CredentialEvents;

pub(crate) use self::hub::Hub;
