//! The authorization code grant against endpoints in memory.

mod against_server;
mod discovered;
mod finish;
mod mix_up;
mod pushed;
mod renewal;
mod start;
mod store;
mod support;
