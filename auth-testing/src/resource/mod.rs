//! An API that wants a token.

mod builder;
mod judge;
mod metadata;
mod resource_server;
mod service;

pub use self::builder::ResourceServerBuilder;
pub use self::resource_server::ResourceServer;
pub use self::service::ResourceFuture;
