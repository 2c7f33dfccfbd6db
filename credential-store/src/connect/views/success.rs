use askama::Template;

use super::connector::ConnectorLabel;
use super::moment::Moment;
use super::oauth::Handover;
use super::shell::Shell;

/// An account is connected.
#[derive(Clone, Debug, Template)]
#[template(path = "connect/success.html")]
pub(crate) struct Success {
    pub(crate) shell: Shell,
    pub(crate) connector: ConnectorLabel,
    /// The id of the connection.
    pub(crate) id: String,
    /// Whether it was there before.
    pub(crate) reconnected: bool,
    /// The name that the person gave it.
    pub(crate) label: Option<String>,
    /// The account at the provider, as a probe found it.
    pub(crate) account: Option<String>,
    pub(crate) scopes: Vec<String>,
    /// Asked for, but not granted.
    pub(crate) missing_scopes: Vec<String>,
    pub(crate) renewal: Renewal,
    /// Whether the page was opened beside another one, so that it can be closed.
    pub(crate) can_close: bool,
    pub(crate) handover: Option<Handover>,
}

/// How access goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Renewal {
    /// By itself, or there is no need.
    Automatic,
    /// By the person, before it ends.
    ByHand { expires: Option<Moment> },
}
