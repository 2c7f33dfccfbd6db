use axum::extract::Path;
use axum::response::Response;
use http::StatusCode;
use tower_auth_core::{FieldType, TokenError};
use zeroize::Zeroizing;

use super::answer::{PageError, with_cookie};
use super::callback::{LoginCookie, LoginNote};
use super::finish::Finish;
use super::form::{Again, Aim, ENVIRONMENT, draw, has_environments, method_of};
use super::session::{PageSession, Sent};
use crate::connect::claims::random_text;
use crate::connect::views::{CheckFailure, FIELD_PREFIX};
use crate::connector::{Connector, MethodFields};
use crate::error::{StoreError, StoreErrorKind};
use crate::store::{NewConnection, NewLogin};

/// `POST /connectors/{connector}`
pub(super) async fn connect(session: PageSession, Path(id): Path<String>, body: String) -> Response {
    let body = Zeroizing::new(body);
    let outcome = async {
        let sent = Sent::of(&session, &body)?;
        let connector = session.connector(&id)?;
        submit(&session, connector, Aim::Connect, &sent).await
    };
    session.finish(outcome.await)
}

/// `POST /connections/{id}/reconnect`
pub(super) async fn reconnect(session: PageSession, Path(id): Path<String>, body: String) -> Response {
    let body = Zeroizing::new(body);
    let outcome = async {
        let sent = Sent::of(&session, &body)?;
        let (_, info) = session.credential(&id).await?;
        let connector = session.connect.store().connector(&info.connector)?;
        submit(&session, connector, Aim::Reconnect(&info), &sent).await
    };
    session.finish(outcome.await)
}

async fn submit(
    session: &PageSession,
    connector: &Connector,
    aim: Aim<'_>,
    sent: &Sent,
) -> Result<Response, PageError> {
    let method = method_of(connector, Some(sent.get("method")))?;
    session.attempt()?;
    let flow = match is_flow(sent.get("flow")) {
        true => sent.get("flow").to_owned(),
        false => random_text()?,
    };
    let new = connection(connector, method, aim, sent);
    let outcome = match method.method().needs_redirect() {
        true => begin(session, connector, aim, new, &flow, sent.get("window") == "popup").await,
        false => keep(session, aim, new, &flow).await,
    };
    let error = match outcome {
        Ok(response) => return Ok(response),
        Err(PageError::Kind(kind)) => return Err(kind.into()),
        Err(PageError::Store(error)) => error,
    };
    let again = again(method, sent, &error, flow).ok_or(PageError::Store(error))?;
    let view = draw(session, connector, method, aim, again)?;
    Ok(super::answer::page(&session.connect, StatusCode::UNPROCESSABLE_ENTITY, &view))
}

/// What was sent, for the store. It refuses whatever is not one of the method's fields.
fn connection(connector: &Connector, method: MethodFields<'_>, aim: Aim<'_>, sent: &Sent) -> NewConnection {
    let mut new = NewConnection::new(connector.id()).method(method.method().key());
    let chooses = has_environments(connector, method);
    for (name, value) in sent.iter() {
        let Some(name) = name.strip_prefix(FIELD_PREFIX) else { continue };
        match chooses && name == ENVIRONMENT {
            true if value.is_empty() => {}
            true => new = new.environment(value),
            // What is pasted often has a blank or a line break around it.
            false => new = new.value(name, value.trim()),
        }
    }
    // A checkbox that is not ticked sends nothing.
    for field in method.iter().filter(|field| field.field_type() == FieldType::Boolean) {
        if sent.get(&format!("{FIELD_PREFIX}{}", field.name())).is_empty() {
            new = new.value(field.name(), "false");
        }
    }
    match (aim, sent.get("label").trim()) {
        (Aim::Connect, label) if !label.is_empty() => new.label(label),
        _ => new,
    }
}

/// Has the values checked and kept.
async fn keep(session: &PageSession, aim: Aim<'_>, new: NewConnection, flow: &str) -> Result<Response, PageError> {
    let store = session.connect.store();
    let (info, reconnected) = match aim {
        Aim::Connect => (store.create(&session.owner, new).await?, false),
        Aim::Reconnect(info) => (store.reconnect(&session.owner, info.id, new).await?, true),
    };
    let finish = Finish::new(&session.claims, info.id, reconnected);
    let response = session.redirect(&session.connect.path(&format!("/finished/{flow}")));
    Ok(with_cookie(response, finish.cookie(&session.connect, flow)))
}

/// Leads to the provider.
async fn begin(
    session: &PageSession,
    connector: &Connector,
    aim: Aim<'_>,
    new: NewConnection,
    flow: &str,
    is_popup: bool,
) -> Result<Response, PageError> {
    let connect = &session.connect;
    let cookie = LoginCookie::new()?;
    let back = match aim {
        Aim::Connect => connect.paths().connector(connector.id()),
        Aim::Reconnect(info) => connect.paths().action(&info.id.to_string(), "reconnect"),
    };
    let is_reconnect = matches!(aim, Aim::Reconnect(_));
    let note = LoginNote { flow: flow.to_owned(), is_popup, claims: session.claims.clone(), back, is_reconnect };
    let callback = connect.callback_url(connector.id());
    let login = NewLogin::new(new, &callback, &callback, cookie.browser().clone()).note(note.to_text()).ends_here();
    let login = match aim {
        Aim::Connect => login,
        Aim::Reconnect(info) => login.reconnect(info.id),
    };
    let begun = connect.store().begin_login(&session.owner, login).await?;
    let header = cookie.header(connect, connector, &begun.url);
    Ok(with_cookie(session.redirect(&begun.url), header))
}

/// The form once more, with what is wrong; `None` if it is nothing that a form can tell.
fn again(method: MethodFields<'_>, sent: &Sent, error: &StoreError, flow: String) -> Option<Again> {
    let values = method.iter().filter(|field| !field.is_secret()).map(|field| {
        let value = sent.get(&format!("{FIELD_PREFIX}{}", field.name()));
        (field.name().to_owned(), value.to_owned())
    });
    let mut again = Again {
        values: values.collect(),
        label: sent.get("label").to_owned(),
        environment: sent.get(&format!("{FIELD_PREFIX}{ENVIRONMENT}")).to_owned(),
        flow: Some(flow),
        ..Again::default()
    };
    match error.kind() {
        StoreErrorKind::Invalid if !error.fields().is_empty() => again.mistakes = error.fields().to_vec(),
        // Credentials of an application are refused as such, even where a person typed them.
        StoreErrorKind::Refused | StoreErrorKind::Misconfigured => again.check = Some(failure(method, error)),
        StoreErrorKind::ProviderUnavailable => {
            again.errors.push("The provider cannot be reached at the moment. Try again in a few minutes.".to_owned());
        }
        StoreErrorKind::TooMany => {
            again.errors.push("There are as many connections as you may have. Delete one first.".to_owned());
        }
        StoreErrorKind::Conflict => again.errors.push("It was changed at the same time. Try again.".to_owned()),
        _ => return None,
    }
    Some(again)
}

/// Which values to check, and what else (SYS-V10). Of what the provider said its code is shown, and no text.
fn failure(method: MethodFields<'_>, error: &StoreError) -> CheckFailure {
    let mut source = std::error::Error::source(error);
    let mut status = None;
    while let Some(cause) = source {
        status = status.or_else(|| cause.downcast_ref::<TokenError>().and_then(TokenError::status));
        source = cause.source();
    }
    let mut advice = Vec::new();
    if method.method().kind().is_oauth() {
        advice.push(
            "The application must be set up at the provider, with this address for its answers if it asks for one."
                .to_owned(),
        );
    }
    CheckFailure {
        check: method.iter().map(|field| field.name().to_owned()).collect(),
        advice,
        status,
        code: error.reason().map(str::to_owned),
        message: None,
    }
}

/// Whether a text may name an attempt: it goes into the names of cookies.
pub(super) fn is_flow(text: &str) -> bool {
    (8..=32).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}
