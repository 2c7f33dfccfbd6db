//! What a service needs to test its authentication without a network: a clock that stands still, an
//! authorization server in memory, and minted tokens.
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod clock;

pub use self::clock::TestClock;
