//! The files that pages load, and the headers under which pages are served.

mod file;
mod policy;

pub(crate) use self::file::{asset, icon, script, stylesheet};
pub(crate) use self::policy::{PagePolicy, asset_headers};
