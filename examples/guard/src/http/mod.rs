//! What is served by HTTP: the program's own paths, the rules for all others, and who answers those.

mod caller;
mod gate;
mod health;
mod routes;
mod rules;
mod sent_path;

use std::convert::Infallible;
use std::pin::Pin;

use axum::response::Response;

pub(crate) use self::caller::describe;
pub(crate) use self::gate::{Anonymous, Gate};
pub use self::health::health;
pub use self::routes::{HttpService, routes};
pub(crate) use self::rules::{Rules, covers};
pub(crate) use self::sent_path::SentPath;

/// A request that is being answered.
pub(crate) type Answering = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;
