//! JSON-RPC 2.0, as far as this server needs it.

use serde::Deserialize;
use serde_json::{Value, json};

/// A request, or a notification if it has no id.
#[derive(Debug, Deserialize)]
pub(crate) struct Call {
    pub(crate) id: Option<Value>,
    pub(crate) method: String,
    #[serde(default)]
    pub(crate) params: Value,
}

/// What comes of a request: its result, or a code and a message.
pub(crate) type Outcome = Result<Value, (i32, &'static str)>;

pub(crate) const UNKNOWN_METHOD: (i32, &str) = (-32601, "there is no such method");
pub(crate) const UNKNOWN_TOOL: (i32, &str) = (-32602, "there is no such tool");

/// The answer to a request.
pub(crate) fn answer(id: &Value, outcome: Outcome) -> Value {
    match outcome {
        Ok(result) => json!({"jsonrpc": "2.0", "id": id, "result": result}),
        Err((code, message)) => json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}}),
    }
}
