//! What the server can do, and who may have it done.

use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tower_auth_axum::core::Policy;

/// The scope that clients begin with.
pub(crate) const FIRST_SCOPE: &str = "notes:read";

/// The notes of everybody.
#[derive(Debug, Default)]
pub(crate) struct Notes(Mutex<Vec<String>>);

/// A tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tool {
    Read,
    Write,
    Erase,
}

impl Tool {
    const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Erase];

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tool| tool.name() == name)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Read => "read_notes",
            Self::Write => "write_note",
            Self::Erase => "erase_notes",
        }
    }

    fn description(self) -> &'static str {
        match self {
            Self::Read => "Reads all notes",
            Self::Write => "Writes a note",
            Self::Erase => "Erases all notes",
        }
    }

    /// Who may call it.
    pub(crate) fn policy(self) -> &'static Policy {
        static READ: LazyLock<Policy> = LazyLock::new(|| Policy::new().scope(FIRST_SCOPE));
        static WRITE: LazyLock<Policy> = LazyLock::new(|| Policy::new().scope("notes:read notes:write"));
        // What cannot be undone needs a user who was there just now, and proved it by more than a password.
        static ERASE: LazyLock<Policy> =
            LazyLock::new(|| WRITE.clone().acr_values(["phr"]).max_age(Duration::from_secs(300)));
        match self {
            Self::Read => &READ,
            Self::Write => &WRITE,
            Self::Erase => &ERASE,
        }
    }

    /// What it answers.
    pub(crate) fn call(self, notes: &Notes, arguments: &Value) -> String {
        let mut notes = notes.0.lock().unwrap_or_else(PoisonError::into_inner);
        match self {
            Self::Read => notes.join("\n"),
            Self::Write => {
                notes.push(arguments["text"].as_str().unwrap_or_default().chars().take(1000).collect());
                format!("{} written", notes.len())
            }
            Self::Erase => format!("{} erased", notes.drain(..).count()),
        }
    }

    /// All tools, as a client lists them.
    pub(crate) fn list() -> Value {
        let properties = |tool| match tool {
            Self::Write => json!({"text": {"type": "string"}}),
            Self::Read | Self::Erase => json!({}),
        };
        let tools = Self::ALL.map(|tool| {
            json!({
                "name": tool.name(),
                "description": tool.description(),
                "inputSchema": {"type": "object", "properties": properties(tool)},
            })
        });
        json!({ "tools": tools })
    }
}
