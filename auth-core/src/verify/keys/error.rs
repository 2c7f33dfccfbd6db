use std::time::Duration;

/// Why there are no new keys. Cheap to clone: every waiter of one fetch gets it.
#[derive(Clone, Debug)]
pub(super) struct KeysError {
    pub(super) code: &'static str,
    /// For the operator; names hosts, never a query or a body.
    pub(super) message: String,
    pub(super) retry_after: Option<Duration>,
}

impl KeysError {
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry_after: None }
    }
}
