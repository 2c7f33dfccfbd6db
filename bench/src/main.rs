//! What attaching a credential costs, as a ratio to the floor (clone a prebuilt header value and insert it) measured in the
//! same process, at one thread and at two.
//!
//! `cargo run --release -p bench`
#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_types,
    reason = "a program that measures and prints"
)]

mod measure;
mod outgoing;
mod repeat_login;

fn main() {
    println!("{:<62} {:>9} {:>7} {:>9} {:>7}", "case", "1t ns", "ratio", "2t ns", "ratio");
    if std::env::args().nth(1).as_deref() != Some("login") {
        outgoing::run();
    }
    repeat_login::run();
}
