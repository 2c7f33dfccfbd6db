//! The authorization server.

mod answer;
mod authenticate;
mod authorization_server;
mod builder;
mod grants;
mod metadata;
mod params;
mod received;
mod refresh;
mod service;
mod shared;
mod status;
mod test_client;
mod token_endpoint;

pub use self::authorization_server::AuthorizationServer;
pub use self::builder::AuthorizationServerBuilder;
pub use self::test_client::{TestClient, TokenFormat};

pub(crate) use self::shared::Standing;
