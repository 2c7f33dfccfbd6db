//! Emulated providers: whole systems on a loopback port, for other processes and for browsers.

mod api_key_builder;
mod api_key_provider;
mod description;
mod keys;
mod oauth_builder;
mod oauth_provider;

pub use self::api_key_builder::ApiKeyProviderBuilder;
pub use self::api_key_provider::ApiKeyProvider;
pub use self::oauth_builder::OAuthProviderBuilder;
pub use self::oauth_provider::OAuthProvider;
