//! Texts with places to fill in.

mod ast;
mod calendar;
mod parse;
mod render;
mod url;
mod url_parse;

pub(crate) use self::ast::{Name, Template};
pub(crate) use self::render::{Context, Filling};
pub(crate) use self::url::{UrlTemplate, check_host, check_start};
