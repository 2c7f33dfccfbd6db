use axum::extract::{Path, RawQuery};
use axum::response::Response;
use tower_auth_core::AuthKind;

use super::answer::PageError;
use super::row::{label_of, title_of};
use super::session::PageSession;
use crate::connect::claims::random_text;
use crate::connect::query::parameter;
use crate::connect::views::{
    CheckFailure, ConnectForm, Field, InputKind, LabelInput, MethodTab, Next, Notice, Purpose, Section, Wait, WebUrl,
};
use crate::connector::{Connector, MethodFields};
use crate::error::{FieldError, StoreError};
use crate::store::CredentialInfo;

/// The field in which a person chooses a set of URLs: a sandbox.
pub(super) const ENVIRONMENT: &str = "environment";

/// What a form is for.
#[derive(Clone, Copy)]
pub(super) enum Aim<'a> {
    Connect,
    Reconnect(&'a CredentialInfo),
}

/// What was sent before, and what was wrong with it.
#[derive(Default)]
pub(super) struct Again {
    /// Names and values of the fields. Secrets are dropped by the view.
    pub(super) values: Vec<(String, String)>,
    pub(super) label: String,
    pub(super) environment: String,
    pub(super) mistakes: Vec<FieldError>,
    pub(super) errors: Vec<String>,
    pub(super) check: Option<CheckFailure>,
    /// Names the attempt.
    pub(super) flow: Option<String>,
}

/// `GET /connectors/{connector}?method=…`
pub(super) async fn connect(session: PageSession, Path(id): Path<String>, RawQuery(query): RawQuery) -> Response {
    let method = query.as_deref().and_then(|query| parameter(query, "method"));
    let drawn = || {
        let connector = session.connector(&id)?;
        let method = method_of(connector, method.as_deref())?;
        Ok(session.page(&draw(&session, connector, method, Aim::Connect, Again::default())?))
    };
    session.finish(drawn())
}

/// `GET /connections/{id}/reconnect?method=…`
pub(super) async fn reconnect(session: PageSession, Path(id): Path<String>, RawQuery(query): RawQuery) -> Response {
    let method = query.as_deref().and_then(|query| parameter(query, "method"));
    let drawn = async {
        let (_, info) = session.credential(&id).await?;
        let connector = session.connect.store().connector(&info.connector)?;
        let method = method_of(connector, Some(method.as_deref().unwrap_or(&info.method)))?;
        let again = Again { environment: info.environment.clone().unwrap_or_default(), ..Again::default() };
        Ok(session.page(&draw(&session, connector, method, Aim::Reconnect(&info), again)?))
    };
    session.finish(drawn.await)
}

/// The method called `key`; without a name the first.
pub(super) fn method_of<'a>(connector: &'a Connector, key: Option<&str>) -> Result<MethodFields<'a>, StoreError> {
    let method = connector.method(key.filter(|key| !key.is_empty()))?;
    Ok(MethodFields::new(connector, method))
}

/// Whether a person chooses among sets of URLs.
pub(super) fn has_environments(connector: &Connector, method: MethodFields<'_>) -> bool {
    connector.spec().environments().next().is_some()
        && !connector.is_given(ENVIRONMENT)
        && !method.iter().any(|field| field.name() == ENVIRONMENT)
}

pub(super) fn draw(
    session: &PageSession,
    connector: &Connector,
    method: MethodFields<'_>,
    aim: Aim<'_>,
    again: Again,
) -> Result<ConnectForm, PageError> {
    let is_again = !again.mistakes.is_empty() || !again.errors.is_empty() || again.check.is_some();
    let mistake = |name: &str| again.mistakes.iter().find(|own| own.field == name).map(|own| own.message.clone());
    let mut fields: Vec<Field> = method
        .iter()
        .map(|spec| {
            let field = Field::from_spec(spec);
            let sent = again.values.iter().find(|(own, _)| own == spec.name()).map(|(_, value)| value.as_str());
            let value = match sent {
                Some(value) => value.to_owned(),
                None if is_again => String::new(),
                None => session.claims.prefill.get(spec.name()).unwrap_or(&field.value).clone(),
            };
            field.answered(&value, mistake(spec.name()))
        })
        .collect();
    if has_environments(connector, method) {
        fields.insert(0, environment_field(connector, &again.environment, mistake(ENVIRONMENT)));
    }
    let purpose = match aim {
        Aim::Connect => Purpose::Connect,
        Aim::Reconnect(info) => Purpose::Reconnect { id: info.id.to_string(), label: info.label.clone() },
    };
    let is_new = matches!(aim, Aim::Connect);
    let flow = again.flow.map_or_else(random_text, Ok)?;
    let next = match method.method().needs_redirect() {
        true => Next::Provider(Wait { finished: session.connect.path(&format!("/finished/{flow}")), flow }),
        false => Next::Store,
    };
    let known = |name: &str| fields.iter().any(|field| field.name == name) || name == "label";
    let others = again.mistakes.iter().filter(|own| !known(&own.field)).map(ToString::to_string);
    Ok(ConnectForm {
        shell: session.shell(Some(if is_new { Section::Picker } else { Section::Connections })),
        connector: label_of(connector),
        purpose,
        methods: (connector.spec().methods().iter())
            .map(|method| MethodTab { title: title_of(method).to_owned(), ..MethodTab::from_method(method) })
            .collect(),
        method: method.method().key().to_owned(),
        notices: notices(method),
        label: is_new.then(|| LabelInput { value: again.label.clone(), error: mistake("label") }),
        errors: again.errors.iter().cloned().chain(others).collect(),
        check_failure: again.check,
        fields,
        next,
        docs_url: connector.spec().docs_url().and_then(WebUrl::new),
    })
}

/// What a person should know before (SYS-U3, SYS-U4, SYS-U14).
fn notices(method: MethodFields<'_>) -> Vec<Notice> {
    let method = method.method();
    let mut notices: Vec<_> = Notice::of_method(method).into_iter().collect();
    if method.kind() == AuthKind::OAuth2StaticCode {
        notices
            .push(Notice::Text("The code is good once. If this fails, get a new one before you try again.".to_owned()));
    }
    let is_interactive = method.needs_redirect() || method.kind() == AuthKind::OAuth2StaticCode;
    if is_interactive && !method.is_renewable() {
        notices.push(Notice::NotLasting);
    }
    notices
}

fn environment_field(connector: &Connector, value: &str, error: Option<String>) -> Field {
    Field {
        name: ENVIRONMENT.to_owned(),
        title: "Environment".to_owned(),
        help: Some(
            "Which of the provider's systems the account belongs to. Leave it open for the usual one.".to_owned(),
        ),
        help_url: None,
        example: None,
        kind: InputKind::Choice(connector.spec().environments().map(str::to_owned).collect()),
        secret: false,
        required: false,
        pattern: None,
        prefix: None,
        suffix: None,
        visible_when: None,
        value: value.to_owned(),
        error,
    }
}
