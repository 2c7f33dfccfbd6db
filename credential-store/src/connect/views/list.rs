use askama::Template;

use super::connector::ConnectorLabel;
use super::moment::Moment;
use super::shell::Shell;
use super::status::Status;

/// The connections of a person.
#[derive(Clone, Debug, Template)]
#[template(path = "connect/list.html")]
pub(crate) struct ConnectionList {
    pub(crate) shell: Shell,
    pub(crate) filter: Option<Status>,
    pub(crate) rows: Vec<ConnectionRow>,
    /// Whether this is not the first page.
    pub(crate) is_continued: bool,
    /// The cursor of the next page.
    pub(crate) next: Option<String>,
}

/// A connection, as far as it is shown.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionRow {
    pub(crate) id: String,
    pub(crate) connector: ConnectorLabel,
    /// The name that the person gave it.
    pub(crate) label: Option<String>,
    /// The account at the provider.
    pub(crate) account: Option<String>,
    pub(crate) status: Status,
    /// Why it is so.
    pub(crate) reason: Option<String>,
    /// Since when it is so.
    pub(crate) since: Option<Moment>,
    pub(crate) last_used: Option<Moment>,
    pub(crate) last_refreshed: Option<Moment>,
    /// Whether there are tokens to be renewed. If not, the time before is that of a check.
    pub(crate) has_tokens: bool,
    /// When access ends unless it is renewed.
    pub(crate) expires: Option<Moment>,
    /// Whether it is renewed without the person, so that the end is nothing to worry about.
    pub(crate) renews_itself: bool,
    /// Whether the description has a request for a test.
    pub(crate) can_test: bool,
    /// Whether the provider can be told to end the access.
    pub(crate) can_revoke: bool,
}

impl ConnectionList {
    pub(super) fn statuses(&self) -> [Status; 7] {
        Status::ALL
    }

    pub(super) fn is_filter(&self, status: &Status) -> bool {
        self.filter.as_ref() == Some(status)
    }

    pub(super) fn next_path(&self) -> Option<String> {
        self.next.as_deref().map(|next| self.shell.paths.connections_page(self.filter, Some(next)))
    }
}

impl ConnectionRow {
    /// What tells it from another connection to the same connector.
    pub(super) fn title(&self) -> &str {
        self.label.as_deref().or(self.account.as_deref()).unwrap_or(&self.connector.name)
    }

    /// The account, where the title does not say it.
    pub(super) fn subtitle(&self) -> Option<&str> {
        self.account.as_deref().filter(|account| *account != self.title())
    }

    /// Whether the title does not say which connector it is.
    pub(super) fn is_named(&self) -> bool {
        self.title() != self.connector.name
    }
}
