use askama::Template;

use super::list::ConnectionRow;
use super::shell::Shell;

/// Asks for another name of a connection; sends `label`.
#[derive(Clone, Debug, Template)]
#[template(path = "connect/rename.html")]
pub(crate) struct RenameForm {
    pub(crate) shell: Shell,
    pub(crate) connection: ConnectionRow,
    /// The name now, or the one that was typed.
    pub(crate) value: String,
    pub(crate) error: Option<String>,
}
