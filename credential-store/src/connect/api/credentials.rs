use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;

use super::caller::{ApiState, Caller};
use super::input::{FieldValue, Input};
use super::model::{
    ChangeDto, CredentialDto, CredentialQuery, CredentialsDto, LoginDto, NewCredentialDto, ReconnectDto, RequestDto,
    RequestsDto, RequestsQuery,
};
use super::ownership::owned;
use super::problem::{Problem, Refusal};
use super::query::Params;
use crate::connect::pages::{Link, LoginCookie};
use crate::connector::{Connector, MethodFields};
use crate::error::{StoreError, StoreErrorKind};
use crate::model::{CredentialId, CredentialStatus};
use crate::store::{ListQuery, NewConnection, NewLogin};

/// The owner's credentials, the newest first.
#[utoipa::path(
    get, path = "/credentials", tag = "credentials", params(CredentialQuery),
    responses(
        (status = 200, description = "A part of the list", body = CredentialsDto),
        (status = 401, description = "No session", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A parameter does not fit", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Cannot be asked at the moment", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    State(state): State<ApiState>,
    caller: Caller,
    Params(query): Params<CredentialQuery>,
) -> Result<Json<CredentialsDto>, Refusal> {
    caller.is_free()?;
    let mut wanted = ListQuery::new();
    if let Some(name) = &query.status {
        let status = CredentialStatus::from_name(name);
        wanted = wanted.status(status.ok_or_else(|| Refusal::field("status", "there is no such status"))?);
    }
    let only = match caller.connectors.as_slice() {
        [one] => Some(one),
        _ => None,
    };
    if let Some(connector) = query.connector.as_ref().or(only) {
        wanted = wanted.connector(connector);
    }
    if let Some(after) = query.after {
        wanted = wanted.after(after);
    }
    if let Some(limit) = query.limit {
        wanted = wanted.limit(limit);
    }
    let page = state.connect.store().list(&caller.owner, wanted).await?;
    let seen = page.credentials.into_iter().filter(|info| caller.allows(&info.connector));
    let credentials = seen.map(|info| CredentialDto::of(&state.connect, info)).collect();
    Ok(Json(CredentialsDto { credentials, next: page.next }))
}

/// Connects: from the fields at once, or by sending the user to the provider.
#[utoipa::path(
    post, path = "/credentials", tag = "credentials", request_body = NewCredentialDto,
    responses(
        (status = 200, description = "Send the user to `oauthUrl`", body = LoginDto),
        (status = 201, description = "It works, and is kept", body = CredentialDto),
        (status = 400, description = "No such body is known", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No session", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too long", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Values do not fit, or the provider does not accept them", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many credentials or attempts", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Cannot be asked at the moment", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn create(
    State(state): State<ApiState>,
    caller: Caller,
    Input(body): Input<NewCredentialDto>,
) -> Result<Response, Refusal> {
    caller.is_free()?;
    let unknown = || Refusal::field("connectorId", "there is no such connector");
    if !caller.allows(&body.connector_id) {
        return Err(unknown());
    }
    let connector = state.connect.store().connector(&body.connector_id).map_err(|_| unknown())?;
    let method = choose(connector, &body)?;
    state.connect.attempt(&caller.owner).map_err(Refusal::too_many)?;
    let mut new = connection(connector, method, body.environment, body.fields);
    if let Some(label) = body.label {
        new = new.label(label);
    }
    if body.log_requests {
        new = new.log_requests();
    }
    if method.method().needs_redirect() {
        return begin(&state, &caller, connector, new, body.redirect_uri, None).await;
    }
    let info = state.connect.store().create(&caller.owner, new).await.map_err(not_accepted)?;
    Ok((StatusCode::CREATED, Json(CredentialDto::of(&state.connect, info))).into_response())
}

/// One credential.
#[utoipa::path(
    get, path = "/credentials/{id}", tag = "credentials", params(("id" = String, Path, description = "Its id")),
    responses(
        (status = 200, description = "The credential", body = CredentialDto),
        (status = 401, description = "No session", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "Not there, or somebody else's", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn one(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<CredentialDto>, Refusal> {
    let info = owned(&state, &caller, &id).await?;
    Ok(Json(CredentialDto::of(&state.connect, info)))
}

/// Gives a credential another name, or switches the log of its token requests.
#[utoipa::path(
    patch, path = "/credentials/{id}", tag = "credentials", params(("id" = String, Path, description = "Its id")),
    request_body = ChangeDto,
    responses(
        (status = 200, description = "Changed", body = CredentialDto),
        (status = 400, description = "No such body is known", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No session", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "Not there, or somebody else's", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A value does not fit", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn change(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<String>,
    Input(body): Input<ChangeDto>,
) -> Result<Json<CredentialDto>, Refusal> {
    let info = owned(&state, &caller, &id).await?;
    caller.is_free()?;
    let store = state.connect.store();
    if let Some(label) = &body.label {
        store.rename(&caller.owner, info.id, label).await?;
    }
    if let Some(on) = body.log_requests {
        store.set_request_log(&caller.owner, info.id, on).await?;
    }
    let info = store.get(&caller.owner, info.id).await?;
    Ok(Json(CredentialDto::of(&state.connect, info)))
}

/// Deletes a credential. The provider is told to end it, however long it takes to reach it.
#[utoipa::path(
    delete, path = "/credentials/{id}", tag = "credentials", params(("id" = String, Path, description = "Its id")),
    responses(
        (status = 204, description = "Deleted"),
        (status = 401, description = "No session", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "Not there, or somebody else's", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn delete(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Refusal> {
    let info = owned(&state, &caller, &id).await?;
    caller.is_free()?;
    state.connect.store().delete(&caller.owner, info.id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Shows whether a credential works now, with its present token or a new one.
#[utoipa::path(
    post, path = "/credentials/{id}/test", tag = "credentials", params(("id" = String, Path, description = "Its id")),
    responses(
        (status = 200, description = "It works", body = CredentialDto),
        (status = 401, description = "No session", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "Not there, or somebody else's", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It does not work, and says why", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many attempts", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Cannot be asked at the moment", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn test(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<CredentialDto>, Refusal> {
    let info = owned(&state, &caller, &id).await?;
    caller.is_free()?;
    state.connect.attempt(&caller.owner).map_err(Refusal::too_many)?;
    let tested = state.connect.store().test(&caller.owner, info.id).await;
    let info = tested.map_err(|error| match error.kind() {
        StoreErrorKind::Refused => Refusal::from(error).with_status(StatusCode::CONFLICT),
        _ => error.into(),
    })?;
    Ok(Json(CredentialDto::of(&state.connect, info)))
}

/// Ends a credential at the provider. It stays on the list, and may be connected again.
#[utoipa::path(
    post, path = "/credentials/{id}/revoke", tag = "credentials", params(("id" = String, Path, description = "Its id")),
    responses(
        (status = 200, description = "Ended", body = CredentialDto),
        (status = 401, description = "No session", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "Not there, or somebody else's", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn revoke(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<CredentialDto>, Refusal> {
    let info = owned(&state, &caller, &id).await?;
    caller.is_free()?;
    let info = state.connect.store().revoke(&caller.owner, info.id).await?;
    Ok(Json(CredentialDto::of(&state.connect, info)))
}

/// Gives a credential new values or tokens. It keeps its id.
#[utoipa::path(
    post, path = "/credentials/{id}/reconnect", tag = "credentials", params(("id" = String, Path, description = "Its id")),
    request_body = ReconnectDto,
    responses(
        (status = 200, description = "It works again; or, with `oauthUrl`, send the user there", body = ReconnectedDto),
        (status = 400, description = "No such body is known", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No session", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "Not there, or somebody else's", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Changed at the same time", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Values do not fit, or the provider does not accept them", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many attempts", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Cannot be asked at the moment", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn reconnect(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<String>,
    Input(body): Input<ReconnectDto>,
) -> Result<Response, Refusal> {
    let info = owned(&state, &caller, &id).await?;
    let connector = state.connect.store().connector(&info.connector)?;
    let key = body.method.as_deref().unwrap_or(&info.method);
    let method = connector.methods().find(|method| method.method().key() == key);
    let method = method.ok_or_else(|| Refusal::field("method", "there is no such method"))?;
    state.connect.attempt(&caller.owner).map_err(Refusal::too_many)?;
    let environment = body.environment.or_else(|| info.environment.clone());
    let new = connection(connector, method, environment, body.fields);
    if method.method().needs_redirect() {
        return begin(&state, &caller, connector, new, body.redirect_uri, Some(info.id)).await;
    }
    let info = state.connect.store().reconnect(&caller.owner, info.id, new).await.map_err(not_accepted)?;
    Ok(Json(CredentialDto::of(&state.connect, info)).into_response())
}

/// The logged token requests of a credential, with every secret masked.
#[utoipa::path(
    get, path = "/credentials/{id}/requests", tag = "credentials",
    params(("id" = String, Path, description = "Its id"), RequestsQuery),
    responses(
        (status = 200, description = "The newest first", body = RequestsDto),
        (status = 401, description = "No session", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "Not there, or somebody else's", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn requests(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<String>,
    Params(query): Params<RequestsQuery>,
) -> Result<Json<RequestsDto>, Refusal> {
    let info = owned(&state, &caller, &id).await?;
    caller.is_free()?;
    let logged = state.connect.store().requests(&caller.owner, info.id, query.limit.unwrap_or(50)).await?;
    Ok(Json(RequestsDto { requests: logged.into_iter().map(RequestDto::of).collect() }))
}

/// What a reconnection answers.
#[derive(serde::Serialize, utoipa::ToSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "it stands for two answers in the document")]
pub(super) enum ReconnectedDto {
    /// It works again.
    Credential(Box<CredentialDto>),
    /// The user must be sent to the provider.
    Login(LoginDto),
}

/// The method that a request means: by its name, or by its type. Of several of a type, one that sends the user to the provider if there is somewhere to
/// come back to.
fn choose<'c>(connector: &'c Connector, body: &NewCredentialDto) -> Result<MethodFields<'c>, Refusal> {
    if let Some(key) = &body.method {
        let found = connector.methods().find(|method| method.method().key() == key);
        return found.ok_or_else(|| Refusal::field("method", "there is no such method"));
    }
    let fits = |method: &MethodFields<'_>| {
        body.authentication_type.as_ref().is_none_or(|wanted| method.authentication_type() == wanted)
    };
    let redirects = connector.methods().filter(fits).find(|method| method.method().needs_redirect());
    let found = redirects.filter(|_| body.redirect_uri.is_some()).or_else(|| connector.methods().find(fits));
    found.ok_or_else(|| Refusal::field("authenticationType", "the connector has no such method"))
}

fn connection(
    connector: &Connector,
    method: MethodFields<'_>,
    environment: Option<String>,
    fields: BTreeMap<String, FieldValue>,
) -> NewConnection {
    let mut new = NewConnection::new(connector.id()).method(method.method().key());
    if let Some(environment) = environment {
        new = new.environment(environment);
    }
    fields.into_iter().fold(new, |new, (name, FieldValue(value))| new.value(name, value))
}

/// Begins a login, and answers with the address to which the user is sent.
async fn begin(
    state: &ApiState,
    caller: &Caller,
    connector: &Connector,
    new: NewConnection,
    redirect_uri: Option<String>,
    reconnects: Option<CredentialId>,
) -> Result<Response, Refusal> {
    let connect = &state.connect;
    let missing = || Refusal::field("redirectUri", "this method sends its user away: where do they come back to?");
    let redirect_uri = redirect_uri.or_else(|| caller.redirect_uri.clone()).ok_or_else(missing)?;
    let cookie = LoginCookie::new()?;
    let callback = connect.callback_url(connector.id());
    let login = NewLogin::new(new, callback, redirect_uri, cookie.browser().clone());
    let login = match reconnects {
        Some(id) => login.reconnect(id),
        None => login,
    };
    let begun = connect.store().begin_login(&caller.owner, login).await?;
    let broken = || StoreError::new(StoreErrorKind::Broken, "the provider's URL has no state");
    let oauth_url = Link::address(connect, connector, &begun.url, &cookie).ok_or_else(broken)?;
    Ok(Json(LoginDto { oauth_url }).into_response())
}

/// Credentials of an application are refused as such, even where somebody sent them a moment ago.
fn not_accepted(error: StoreError) -> Refusal {
    match error.kind() {
        StoreErrorKind::Misconfigured => Refusal::from(error).with_status(StatusCode::UNPROCESSABLE_ENTITY),
        _ => error.into(),
    }
}
