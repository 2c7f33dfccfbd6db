//! Finding out from the body of a response that a token is dead, for APIs that say it nowhere else.

mod body;
mod future;
mod layer;

pub use self::body::InspectedBody;
pub use self::future::BodyRefusalFuture;
pub use self::layer::{BodyRefusal, BodyRefusalLayer};
