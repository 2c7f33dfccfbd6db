//! The MCP server.

use std::sync::Arc;

use axum::extract::{FromRef, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use tower_auth_axum::core::{ConfigError, JwtVerifier, ResourceMetadata, Verifier};
use tower_auth_axum::{AuthRejection, Bearer, resource_metadata_routes};

use crate::rpc::{Call, Outcome, UNKNOWN_METHOD, UNKNOWN_TOOL, answer};
use crate::tools::{FIRST_SCOPE, Notes, Tool};

/// What the server says of itself: `resource` is the URL that clients know it by, `issuer` the authorization server whose tokens
/// it takes.
///
/// # Errors
/// When one of them is no URL that clients could use.
pub fn metadata(resource: &str, issuer: &str) -> Result<ResourceMetadata, ConfigError> {
    Ok(ResourceMetadata::new(resource)?
        .authorization_server(issuer)?
        .scopes(["notes:read", "notes:write"])
        .name("Notes"))
}

/// Accepts the tokens of `issuer` for this server, and tells everybody else how to get one.
///
/// # Errors
/// When `issuer` is no URL that tokens could come from.
pub fn verifier(metadata: &ResourceMetadata, issuer: &str) -> Result<Verifier, ConfigError> {
    JwtVerifier::issuer(issuer)?
        // Clients ask for tokens for the resource by its name (RFC 8707): those of any other are refused.
        .audience(metadata.resource())
        .realm("notes")
        // A real issuer speaks https.
        .allow_loopback_http()
        .build()?
        .with_resource_metadata(metadata.url())?
        .with_challenge_scope(FIRST_SCOPE)
}

#[derive(Clone)]
struct Server {
    verifier: Verifier,
    notes: Arc<Notes>,
}

impl FromRef<Server> for Verifier {
    fn from_ref(server: &Server) -> Self {
        server.verifier.clone()
    }
}

/// The routes: `/mcp`, and the metadata at its well-known place.
pub fn app(metadata: ResourceMetadata, verifier: Verifier) -> Router {
    let server = Server { verifier, notes: Arc::default() };
    Router::new().route("/mcp", post(mcp)).with_state(server).merge(resource_metadata_routes(metadata))
}

/// One message of a client.
async fn mcp(caller: Bearer, State(server): State<Server>, Json(call): Json<Call>) -> Result<Response, AuthRejection> {
    // Before anything is done: a refusal is an answer over HTTP, which clients know what to do with.
    let tool = call.params["name"].as_str().and_then(Tool::named).filter(|_| call.method == "tools/call");
    if let Some(tool) = tool {
        server.verifier.require(&caller, tool.policy())?;
    }
    let Some(id) = &call.id else { return Ok(StatusCode::ACCEPTED.into_response()) };
    Ok(Json(answer(id, outcome(&server, &call, tool))).into_response())
}

fn outcome(server: &Server, call: &Call, tool: Option<Tool>) -> Outcome {
    match (&*call.method, tool) {
        ("initialize", _) => Ok(json!({
            "protocolVersion": "2025-06-18",
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "notes", "version": env!("CARGO_PKG_VERSION")},
        })),
        ("ping", _) => Ok(json!({})),
        ("tools/list", _) => Ok(Tool::list()),
        ("tools/call", Some(tool)) => Ok(content(&tool.call(&server.notes, &call.params["arguments"]))),
        ("tools/call", None) => Err(UNKNOWN_TOOL),
        _ => Err(UNKNOWN_METHOD),
    }
}

fn content(text: &str) -> Value {
    json!({"content": [{"type": "text", "text": text}]})
}
