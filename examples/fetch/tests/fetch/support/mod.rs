//! Servers, runs of the program, and sessions in this process.

mod providers;
mod run;
mod server;
mod session;

pub(crate) use self::providers::{Alloy, Aluma, Alvys, Grant};
pub(crate) use self::run::{Outcome, Run, Running, scratch_file};
pub(crate) use self::server::{Reply, Seen, Server};
pub(crate) use self::session::{browse, get, session};
