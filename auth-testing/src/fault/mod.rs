//! What goes wrong on demand.

mod model;
mod plan;
mod random;
mod reply;

pub use self::model::Fault;
pub use self::random::RandomFaults;
pub use self::reply::ConnectionLost;

pub(crate) use self::plan::FaultPlan;
pub(crate) use self::reply::{Reply, play};
