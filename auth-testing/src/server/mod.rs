//! The authorization server.

mod answer;
mod assertion;
mod auth_method;
mod authenticate;
mod authorization_server;
mod authorize;
mod builder;
mod caller;
mod code_grant;
mod consent;
mod device;
mod exchange;
mod grants;
mod jwt_bearer;
mod ledger;
mod metadata;
mod params;
mod password;
mod policy;
mod pushed;
mod quirk;
mod received;
mod redirect;
mod refresh;
mod register;
mod report;
mod service;
mod shared;
mod status;
mod test_client;
mod tls_client;
mod token_endpoint;
mod user_agent;

pub use self::authorization_server::AuthorizationServer;
pub use self::builder::AuthorizationServerBuilder;
pub use self::consent::Consent;
pub use self::quirk::Quirk;
pub use self::redirect::{NoRedirect, Redirect};
pub use self::refresh::RefreshPolicy;
pub use self::report::{FamilyReport, RefreshReport, RefreshTokenReport};
pub use self::test_client::{TestClient, TokenFormat};

pub(crate) use self::shared::{Standing, Worth};
pub(crate) use self::token_endpoint::overridden;
