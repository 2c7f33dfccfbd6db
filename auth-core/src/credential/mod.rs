//! What goes on a request, and where.

mod basic;
mod placement;
mod prepared;

pub use self::basic::Basic;
pub use self::placement::Placement;
pub use self::prepared::Credential;
