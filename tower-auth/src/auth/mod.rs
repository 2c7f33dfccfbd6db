//! The outgoing layer: which requests get a credential, which one, and what happens when it is refused.

mod body;
mod bound;
mod choice;
mod credentials;
mod demand;
#[cfg(feature = "provider")]
mod described;
mod error;
mod extension;
mod future;
mod head;
mod layer;
mod policy;
mod refusal;
mod resend;
mod service;
mod signed;
mod telemetry;

pub use self::body::ReplayBody;
pub use self::credentials::Credentials;
pub use self::demand::{InsufficientScope, StepUpRequired};
#[cfg(feature = "provider")]
pub(crate) use self::described::{fixed_base, in_bodies};
pub use self::error::{AuthError, AuthErrorKind};
pub use self::extension::{NotRecovered, RequestCredentials, SkipAuth, TokenRefused};
pub use self::future::ResponseFuture;
pub use self::layer::AuthLayer;
pub use self::policy::ExistingCredential;
pub use self::refusal::asks_for_a_new_token;
#[cfg(feature = "provider")]
pub(crate) use self::refusal::demands_more;
pub use self::service::Auth;
