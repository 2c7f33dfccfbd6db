//! The description of a client: its options by theme, and the checks of [`OAuthClientBuilder::build`].

mod checks;
mod credentials;
mod description;
mod discovery;
mod requests;
mod servers;
mod transport;

pub use self::description::OAuthClientBuilder;
