use askama::Template;

use super::list::ConnectionRow;
use super::moment::Moment;
use super::shell::Shell;
use super::status::Status;

/// One connection.
#[derive(Clone, Debug, Template)]
#[template(path = "connect/details.html")]
pub(crate) struct Details {
    pub(crate) shell: Shell,
    pub(crate) connection: ConnectionRow,
    /// The title of the method.
    pub(crate) method: String,
    pub(crate) created: Moment,
    /// Whose it is, where the person is not the owner.
    pub(crate) owner: Option<String>,
    pub(crate) scopes: Vec<String>,
    pub(crate) tab: Tab,
}

/// What is shown of it.
#[derive(Clone, Debug)]
pub(crate) enum Tab {
    Overview,
    Log(LogView),
}

/// The requests that were made to obtain and to renew tokens. All values are masked already.
#[derive(Clone, Debug, Default)]
pub(crate) struct LogView {
    /// Whether new requests are written down.
    pub(crate) enabled: bool,
    /// The newest first.
    pub(crate) entries: Vec<LogEntry>,
}

/// A request and what came back.
#[derive(Clone, Debug)]
pub(crate) struct LogEntry {
    pub(crate) at: Moment,
    pub(crate) method: String,
    pub(crate) url: String,
    /// `None` if no answer came.
    pub(crate) status: Option<u16>,
    pub(crate) milliseconds: u64,
    /// Why no answer came.
    pub(crate) error: Option<String>,
    pub(crate) request: Message,
    pub(crate) response: Message,
}

/// Headers and body of a request or response.
#[derive(Clone, Debug, Default)]
pub(crate) struct Message {
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<String>,
}

impl Details {
    pub(super) fn log(&self) -> Option<&LogView> {
        match &self.tab {
            Tab::Overview => None,
            Tab::Log(log) => Some(log),
        }
    }
}

impl LogEntry {
    pub(super) fn class(&self) -> &'static str {
        match self.status {
            Some(100..400) => "good",
            _ => "bad",
        }
    }
}

impl Message {
    pub(super) fn is_empty(&self) -> bool {
        self.headers.is_empty() && self.body.is_none()
    }
}
