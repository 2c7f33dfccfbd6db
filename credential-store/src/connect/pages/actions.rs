use axum::extract::Path;
use axum::response::Response;

use super::answer::PageError;
use super::details;
use super::row::{moment, row};
use super::session::{PageSession, Sent};
use crate::connect::views::{Confirm, Flash, FlashKind, Removal, RenameForm, Section};
use crate::error::StoreErrorKind;
use crate::store::CredentialInfo;

/// `POST /connections/{id}/test`: obtains a token if there is none that lives, and asks the provider whether it works (SYS-U11).
pub(super) async fn test(own: PageSession, Path(id): Path<String>, body: String) -> Response {
    let session = &own;
    let outcome = async {
        Sent::of(session, &body)?;
        session.is_free()?;
        let (id, _) = session.credential(&id).await?;
        session.attempt()?;
        let (info, flash) = match session.connect.store().test(&session.owner, id).await {
            Ok(info) => {
                let flash = works(session, &info);
                (info, flash)
            }
            Err(error) if error.kind() == StoreErrorKind::NotFound => return Err(error.into()),
            Err(error) => {
                let text = match error.reason() {
                    Some(reason) => format!("It does not work: {} ({reason}).", plain(error.kind())),
                    None => format!("It does not work: {}.", plain(error.kind())),
                };
                let info = session.connect.store().get(&session.owner, id).await?;
                (info, Flash { kind: FlashKind::Bad, text })
            }
        };
        Ok(details::draw(session, &info, Some(flash)).await)
    };
    session.finish(outcome.await)
}

/// The token is there, and masked; what may be told is its end.
fn works(session: &PageSession, info: &CredentialInfo) -> Flash {
    let end = info.expires_at.map(|at| moment(at, session.connect.now().to_system_time()).relative().to_owned());
    let text = match (end, info.renews) {
        (Some(end), true) => format!("It works. Token: ••••••••, renewed {end} at the latest."),
        (Some(end), false) => format!("It works. Token: ••••••••, ends {end} and must be renewed by hand."),
        (None, _) => "It works. Token: ••••••••.".to_owned(),
    };
    Flash { kind: FlashKind::Good, text }
}

/// A failure in words for the person.
pub(super) fn plain(kind: StoreErrorKind) -> &'static str {
    match kind {
        StoreErrorKind::Refused | StoreErrorKind::NeedsReauth => "the provider does not accept the access",
        StoreErrorKind::Revoked => "the access was ended",
        StoreErrorKind::ExpiredManual => "the access has ended, and must be renewed by hand",
        StoreErrorKind::Unconfirmed => "the answer to the last renewal was lost",
        StoreErrorKind::Misconfigured => "the provider does not accept the request",
        StoreErrorKind::ProviderUnavailable => "the provider cannot be reached at the moment",
        StoreErrorKind::Conflict => "it was changed at the same time",
        _ => "something on our side does not work",
    }
}

/// `POST /connections/{id}/logging`
pub(super) async fn logging(own: PageSession, Path(id): Path<String>, body: String) -> Response {
    let session = &own;
    let outcome = async {
        let sent = Sent::of(session, &body)?;
        session.is_free()?;
        let (id, _) = session.credential(&id).await?;
        session.connect.store().set_request_log(&session.owner, id, sent.get("enabled") == "true").await?;
        Ok(session.redirect(&session.connect.paths().action(&id.to_string(), "log")))
    };
    session.finish(outcome.await)
}

/// `GET /connections/{id}/rename`
pub(super) async fn ask_rename(own: PageSession, Path(id): Path<String>) -> Response {
    let session = &own;
    let outcome = async {
        session.is_free()?;
        let (_, info) = session.credential(&id).await?;
        Ok(session.page(&rename_form(session, &info, info.label.clone(), None)))
    };
    session.finish(outcome.await)
}

/// `POST /connections/{id}/rename`
pub(super) async fn rename(own: PageSession, Path(id): Path<String>, body: String) -> Response {
    let session = &own;
    let outcome = async {
        let sent = Sent::of(session, &body)?;
        session.is_free()?;
        let (id, info) = session.credential(&id).await?;
        let label = sent.get("label").trim();
        let store = session.connect.store();
        // An empty name is the one that it has without one.
        let given = match (label.is_empty(), store.connector(&info.connector)) {
            (true, Ok(connector)) => connector.spec().display_name(),
            _ => label,
        };
        match store.rename(&session.owner, id, given).await {
            Ok(_) => {
                let path = session.connect.paths().connection(&id.to_string());
                Ok(session.redirect(&format!("{path}?notice=renamed")))
            }
            Err(error) if error.kind() == StoreErrorKind::Invalid => {
                let message = error.fields().first().map(|mistake| mistake.message.clone());
                Ok(session.page(&rename_form(session, &info, label.to_owned(), message)))
            }
            Err(error) => Err(error.into()),
        }
    };
    session.finish(outcome.await)
}

fn rename_form(session: &PageSession, info: &CredentialInfo, value: String, error: Option<String>) -> RenameForm {
    let shell = session.shell(Some(Section::Connections));
    RenameForm { shell, connection: row(session, info), value, error }
}

/// `GET /connections/{id}/revoke`
pub(super) async fn ask_revoke(own: PageSession, Path(id): Path<String>) -> Response {
    own.finish(confirm(&own, &id, Removal::Revoke).await)
}

/// `GET /connections/{id}/delete`
pub(super) async fn ask_delete(own: PageSession, Path(id): Path<String>) -> Response {
    own.finish(confirm(&own, &id, Removal::Delete).await)
}

async fn confirm(session: &PageSession, id: &str, removal: Removal) -> Result<Response, PageError> {
    const OF_LATE: std::time::Duration = std::time::Duration::from_secs(7 * 24 * 60 * 60);
    session.is_free()?;
    let (_, info) = session.credential(id).await?;
    let in_use = info.last_used_at.is_some_and(|at| session.connect.now().since(at) < OF_LATE);
    let shell = session.shell(Some(Section::Connections));
    Ok(session.page(&Confirm { shell, connection: row(session, &info), removal, in_use }))
}

/// `POST /connections/{id}/revoke`
pub(super) async fn revoke(own: PageSession, Path(id): Path<String>, body: String) -> Response {
    let session = &own;
    let outcome = async {
        Sent::of(session, &body)?;
        session.is_free()?;
        let (id, _) = session.credential(&id).await?;
        session.connect.store().revoke(&session.owner, id).await?;
        let path = session.connect.paths().connection(&id.to_string());
        Ok(session.redirect(&format!("{path}?notice=revoked")))
    };
    session.finish(outcome.await)
}

/// `POST /connections/{id}/delete`
pub(super) async fn delete(own: PageSession, Path(id): Path<String>, body: String) -> Response {
    let session = &own;
    let outcome = async {
        Sent::of(session, &body)?;
        session.is_free()?;
        let (id, _) = session.credential(&id).await?;
        session.connect.store().delete(&session.owner, id).await?;
        Ok(session.redirect(&format!("{}?notice=deleted", session.connect.paths().connections())))
    };
    session.finish(outcome.await)
}
