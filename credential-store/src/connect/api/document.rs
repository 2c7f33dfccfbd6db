use axum::Json;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::{connectors, credentials};

/// The description of the API.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Connect",
        description = "Connects the accounts of users. Paths are relative to where the API is mounted. Names of things are safe to keep; secrets go in \
                       and never come out."
    ),
    paths(
        document, connectors::list, connectors::one, connectors::metadata, credentials::list, credentials::create, credentials::one,
        credentials::change, credentials::delete, credentials::test, credentials::revoke, credentials::reconnect, credentials::requests
    ),
    security(("session" = [])),
    modifiers(&Scheme)
)]
struct Document;

struct Scheme;

impl Modify for Scheme {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = Http::builder()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("The token of a session, which the application signs. Where the application authenticates its users itself, its own way."));
        document
            .components
            .get_or_insert_default()
            .add_security_scheme("session", SecurityScheme::Http(scheme.build()));
    }
}

/// This description.
#[utoipa::path(get, path = "/openapi.json", tag = "about", security(()), responses((status = 200, description = "OpenAPI 3.1")))]
pub(super) async fn document() -> Json<utoipa::openapi::OpenApi> {
    Json(Document::openapi())
}
