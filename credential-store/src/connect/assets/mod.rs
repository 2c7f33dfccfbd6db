//! The files that pages load, and the headers under which pages are served.

mod file;
mod policy;

pub(crate) use self::file::{Asset, asset, script, stylesheet};
pub(crate) use self::policy::{PagePolicy, asset_headers};
