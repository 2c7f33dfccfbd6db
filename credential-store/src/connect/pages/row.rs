use std::time::SystemTime;

use tower_auth_core::{AuthKind, AuthMethod};

use super::session::PageSession;
use crate::connect::views::{ConnectionRow, ConnectorLabel, Moment, Status};
use crate::connector::Connector;
use crate::model::{CredentialStatus, Timestamp};
use crate::store::CredentialInfo;

/// How a connector is shown.
pub(super) fn label_of(connector: &Connector) -> ConnectorLabel {
    ConnectorLabel { description: connector.about().map(str::to_owned), ..ConnectorLabel::from_spec(connector.spec()) }
}

/// A credential as lists show it.
pub(super) fn row(session: &PageSession, info: &CredentialInfo) -> ConnectionRow {
    let now = session.connect.now().to_system_time();
    let moment = |at: Option<Timestamp>| at.map(|at| moment(at, now));
    let connector = session.connect.store().connector(&info.connector).ok();
    let method = connector.and_then(|connector| connector.spec().method(&info.method));
    let name = match connector {
        Some(connector) => label_of(connector),
        // An operator took it away; what is stored stays until somebody deletes it.
        None => {
            ConnectorLabel { id: info.connector.clone(), name: info.connector.clone(), description: None, logo: None }
        }
    };
    ConnectionRow {
        id: info.id.to_string(),
        label: Some(info.label.clone()),
        account: None,
        status: status(info.status),
        reason: reason(info, &name.name),
        connector: name,
        since: Some(moment(Some(info.status_since)).unwrap_or_else(|| Moment::new(now, now))),
        last_used: moment(info.last_used_at),
        last_refreshed: moment(info.last_success_at),
        has_tokens: method.is_some_and(|method| method.kind().has_token_request()),
        expires: moment(info.expires_at),
        renews_itself: info.renews,
        can_test: method.is_some_and(|method| method.can_verify() || method.kind().has_token_request()),
        can_revoke: connector.is_some_and(|connector| connector.spec().can_revoke(&info.method)),
    }
}

/// A method in words, also where the description has none for it.
pub(super) fn title_of(method: &AuthMethod) -> &str {
    if method.title() != method.key() {
        return method.title();
    }
    match method.kind() {
        AuthKind::OAuth2Code => "Sign in at the provider",
        AuthKind::OAuth2ClientCredentials => "Client id and secret",
        AuthKind::OAuth2Password => "Password",
        AuthKind::OAuth2StaticCode => "Authorization code",
        AuthKind::OAuth2JwtBearer => "Signed assertion",
        AuthKind::ApiKey => "API key",
        AuthKind::Basic => "User name and password",
        _ => method.title(),
    }
}

pub(super) fn moment(at: Timestamp, now: SystemTime) -> Moment {
    Moment::new(at.to_system_time(), now)
}

pub(super) fn status(status: CredentialStatus) -> Status {
    match status {
        CredentialStatus::Pending => Status::Pending,
        CredentialStatus::Valid => Status::Valid,
        CredentialStatus::Degraded => Status::Degraded,
        CredentialStatus::NeedsReauth => Status::NeedsReauth,
        CredentialStatus::Revoked => Status::Revoked,
        CredentialStatus::ExpiredManual => Status::ExpiredManual,
        CredentialStatus::Unconfirmed => Status::Unconfirmed,
    }
}

/// Why it is so, as a sentence; with the code for support.
fn reason(info: &CredentialInfo, connector: &str) -> Option<String> {
    let text = match info.status {
        CredentialStatus::Revoked if info.reason.as_deref() == Some("revoked_by_owner") => {
            return Some("You ended the access.".to_owned());
        }
        CredentialStatus::Valid if needs_a_hand(info) => {
            return Some("This access must be renewed by hand before it ends.".to_owned());
        }
        CredentialStatus::Valid | CredentialStatus::Pending => return None,
        CredentialStatus::Degraded => "The last renewal failed, and is tried again.".to_owned(),
        CredentialStatus::NeedsReauth => format!("{connector} no longer accepts this access."),
        CredentialStatus::Revoked => "The access was ended.".to_owned(),
        CredentialStatus::ExpiredManual => "The access has ended, and must be renewed by hand.".to_owned(),
        CredentialStatus::Unconfirmed => "The answer to the last renewal was lost.".to_owned(),
    };
    Some(match info.provider_error.as_deref().or(info.reason.as_deref()) {
        Some(code) => format!("{text} ({code})"),
        None => text,
    })
}

/// Whether it has an end, and nobody but its owner can put that off (SYS-U14).
pub(super) fn needs_a_hand(info: &CredentialInfo) -> bool {
    !info.renews && info.expires_at.is_some()
}
