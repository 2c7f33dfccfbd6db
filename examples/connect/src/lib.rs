//! A page on which users connect their accounts, two providers to connect to, and a command line for whoever operates the store.
#![forbid(unsafe_code)]

pub mod app;
pub mod args;
pub mod emulated;
pub mod operate;
pub mod storage;
