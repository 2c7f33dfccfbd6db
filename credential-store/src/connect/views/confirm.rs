use askama::Template;

use super::list::ConnectionRow;
use super::shell::Shell;

/// Asks once more before something that cannot be taken back.
#[derive(Clone, Debug, Template)]
#[template(path = "connect/confirm.html")]
pub(crate) struct Confirm {
    pub(crate) shell: Shell,
    pub(crate) connection: ConnectionRow,
    pub(crate) removal: Removal,
    /// Whether something used it of late, and will stop.
    pub(crate) in_use: bool,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Removal {
    /// Forgets it here; revokes it at the provider first where that is possible.
    Delete,
    /// Ends it at the provider and keeps the entry.
    Revoke,
}

impl Removal {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Delete => "delete",
            Self::Revoke => "revoke",
        }
    }

    pub(super) fn is_delete(self) -> bool {
        self == Self::Delete
    }
}
