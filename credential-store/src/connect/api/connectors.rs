use axum::Json;
use axum::extract::{Path, State};

use super::caller::{ApiState, Caller};
use super::model::{ConnectorDto, ConnectorQuery, ConnectorsDto, MethodDto};
use super::problem::{Problem, Refusal};
use super::query::Params;
use crate::connect::views::PickerEntry;
use crate::connector::Connector;
use crate::error::{StoreError, StoreErrorKind};

/// What can be connected.
#[utoipa::path(
    get, path = "/connectors", tag = "connectors", params(ConnectorQuery),
    responses(
        (status = 200, description = "Those that the session may use", body = ConnectorsDto),
        (status = 401, description = "No session", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    State(state): State<ApiState>,
    caller: Caller,
    Params(query): Params<ConnectorQuery>,
) -> Result<Json<ConnectorsDto>, Refusal> {
    caller.is_free()?;
    let allowed = state.connect.store().connectors().filter(|connector| caller.allows(connector.id()));
    let found = allowed.filter(|connector| {
        let mut entry = PickerEntry::from_spec(connector.spec(), 0);
        entry.connector.description = connector.about().map(str::to_owned);
        entry.matches(&query.search)
    });
    Ok(Json(ConnectorsDto { connectors: found.map(ConnectorDto::of).collect() }))
}

/// One connector.
#[utoipa::path(
    get, path = "/connectors/{connector}", tag = "connectors", params(("connector" = String, Path, description = "Its id")),
    responses(
        (status = 200, description = "The connector", body = ConnectorDto),
        (status = 401, description = "No session", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such connector", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn one(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<ConnectorDto>, Refusal> {
    Ok(Json(ConnectorDto::of(allowed(&state, &caller, &id)?)))
}

/// How a connector can be connected, and what each way needs.
#[utoipa::path(
    get, path = "/connectors/{connector}/credentials/metadata", tag = "connectors",
    params(("connector" = String, Path, description = "Its id")),
    responses(
        (status = 200, description = "The methods, the usual one first", body = Vec<MethodDto>),
        (status = 401, description = "No session", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such connector", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn metadata(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Vec<MethodDto>>, Refusal> {
    Ok(Json(allowed(&state, &caller, &id)?.methods().map(MethodDto::of).collect()))
}

fn allowed<'s>(state: &'s ApiState, caller: &Caller, id: &str) -> Result<&'s Connector, Refusal> {
    match caller.allows(id) {
        true => Ok(state.connect.store().connector(id)?),
        false => Err(StoreError::new(StoreErrorKind::UnknownConnector, "there is no such connector").into()),
    }
}
