//! What the connect page shows: one struct for each page, filled by the router, and a template that turns it into HTML.
//!
//! A view holds values that are ready to be shown. It decides nothing and asks nobody, so that every page can be
//! drawn by a test. Three rules keep the pages safe:
//!
//! - askama escapes every text; the few types that are markup themselves (`Moment`, `Tile`, `Badge`) are
//!   templates too, and escape what they hold.
//! - an address from outside is a [`WebUrl`], which can only be `https` or a loopback `http` address: a template has no
//!   way to write a `javascript:` link.
//! - a [`Field`] that is secret answers nothing when it is asked for the value to show.
//!
//! Pages work without the script. `connect.js` only adds: pop-ups, live search, revealing of secrets, early checks.
//!
//! All texts of a page are in its template, those that the script shows included (as `data-text-` attributes), so a
//! translation is a second folder of templates.

mod confirm;
mod connector;
mod details;
mod error;
mod field;
mod form;
mod list;
mod moment;
mod oauth;
mod paths;
mod picker;
mod rename;
mod shell;
mod status;
mod success;
mod web_url;

#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;

/// Gives each page `render(&self) -> askama::Result<String>`.
pub(crate) use askama::Template as View;

pub(crate) use self::confirm::{Confirm, Removal};
pub(crate) use self::connector::ConnectorLabel;
pub(crate) use self::details::{Details, LogEntry, LogView, Message, Tab};
pub(crate) use self::error::{ErrorKind, ErrorPage};
pub(crate) use self::field::{FIELD_PREFIX, Field, InputKind};
pub(crate) use self::form::{CheckFailure, ConnectForm, LabelInput, MethodTab, Next, Notice, Purpose};
pub(crate) use self::list::{ConnectionList, ConnectionRow};
pub(crate) use self::moment::Moment;
pub(crate) use self::oauth::{Handover, OAuthDone, Outcome, Wait};
pub(crate) use self::paths::Paths;
pub(crate) use self::picker::{Picker, PickerEntry};
pub(crate) use self::rename::RenameForm;
pub(crate) use self::shell::{Flash, FlashKind, Section, Shell};
pub(crate) use self::status::Status;
pub(crate) use self::success::{Renewal, Success};
pub(crate) use self::web_url::WebUrl;
