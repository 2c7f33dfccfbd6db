//! The client of an OAuth 2.0 authorization server: client authentication, token requests and what comes back.

mod answer;
#[cfg(feature = "authorization-code")]
mod authorize;
mod builder;
mod client;
mod client_auth;
mod dialect;
mod endpoints;
mod failure;
mod form;
mod grant;
mod introspect;
mod introspection_response;
mod lifetime;
mod limit;
#[cfg(feature = "loopback")]
mod loopback;
mod metadata;
mod redact;
mod refusal;
mod registration;
mod request;
mod resource;
mod response;
mod revoke;

#[cfg(feature = "authorization-code")]
pub use self::authorize::{
    AuthorizationCallback, AuthorizationCode, AuthorizationCodeSource, AuthorizationError, AuthorizationErrorKind,
    AuthorizationRequest, AuthorizationTransaction, IssuerParameter, MemoryTransactions, ResponseMode, ReturnTo,
    StartedAuthorization, TransactionStore,
};
pub use self::builder::OAuthClientBuilder;
pub use self::client::OAuthClient;
pub use self::client_auth::{AssertionAudience, BasicHalf, ClientAuth, FileSecret, SecretSource};
pub use self::grant::*;
pub use self::introspection_response::IntrospectionResponse;
#[cfg(all(feature = "loopback", feature = "provider"))]
pub(crate) use self::loopback::{Listener, Show, check as check_redirect};
#[cfg(feature = "loopback")]
pub use self::loopback::{NativeLogin, open_system_browser};
pub use self::metadata::{ServerDiscovery, ServerEndpoint, ServerMetadata};
pub use self::registration::{ClientRegistration, RegisteredClient};
pub use self::request::BodyFormat;
pub use self::resource::{
    DiscoveredResource, ProtectedResourceMetadata, ResourceDiscovery, ResourceDiscoveryBuilder, ResourceMetadataRequest,
};
pub use self::revoke::{RevocationError, TokenTypeHint};

#[cfg(feature = "command")]
pub(crate) use self::response::read_document;

#[cfg(all(feature = "provider", feature = "authorization-code"))]
pub(crate) use self::authorize::CodeExchange;
#[cfg(feature = "provider")]
pub(crate) use self::dialect::{Dialect, Outline, Translated};
#[cfg(feature = "provider")]
pub(crate) use self::endpoints::Target;
#[cfg(feature = "provider")]
pub(crate) use self::failure::transport_failure;
#[cfg(feature = "provider")]
pub(crate) use self::form::{decode as decode_form, encoded as encode_form};
pub(crate) use self::grant::may_have_been_granted;
#[cfg(feature = "provider")]
pub(crate) use self::grant::{Agreed, Grantor, Once, Renewal};
#[cfg(feature = "provider")]
pub(crate) use self::redact::Redactor;
#[cfg(feature = "provider")]
pub(crate) use self::request::{Grant, Params};
