//! `fetch` is "curl with credentials": it calls an API whose authentication a provider file describes. This library is its
//! inside, for the program and for tests; see the README for its use.
#![forbid(unsafe_code)]
#![allow(
    clippy::exhaustive_enums,
    clippy::exhaustive_structs,
    reason = "the inside of a program that is not published: nobody else builds on these types"
)]

mod args;
mod call;
mod catalogue;
mod channel;
mod explain;
mod failure;
mod grpc;
mod login;
mod meter;
mod origins;
mod output;
mod prompt;
mod run;
mod sends;
mod session;
mod state;
mod tap;
mod values;

pub use self::args::{Args, Command, HELP};
pub use self::call::{Answer, Call};
pub use self::catalogue::provider;
pub use self::failure::{Exit, Failure};
pub use self::grpc::Health;
pub use self::origins::Origins;
pub use self::run::run;
pub use self::session::{Session, Setup};
pub use self::state::StateFile;
pub use self::values::Environment;

/// Starts logging on standard error: what the libraries say of token requests, refreshes and plain http.
pub fn log_to_stderr() {
    let subscriber = tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false);
    subscriber.with_max_level(tracing_subscriber::filter::LevelFilter::DEBUG).init();
}

/// Says on standard error why the program ends.
pub fn complain(failure: &Failure) {
    output::complain(&failure.text);
}

/// Prints a text on standard output.
pub fn print(text: &str) {
    output::print(text);
}
