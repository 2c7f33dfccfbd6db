//! Signing in and out.

use http::Uri;
use tower_auth::core::{AuthKind, Lifetime, TokenResponse, open_system_browser};

use crate::args::Args;
use crate::explain;
use crate::failure::{Exit, Failure};
use crate::output::complain;
use crate::session::Session;
use crate::state::StateFile;

/// Lets somebody sign in, and keeps the tokens.
pub(crate) async fn login(session: &Session, args: &Args) -> Result<(), Failure> {
    let name = session.filled().spec().display_name();
    match session.filled().method().kind() {
        AuthKind::OAuth2Code if args.device => by_device(session).await?,
        AuthKind::OAuth2Code => by_browser(session, args).await?,
        // The code has been typed in; it is exchanged now.
        _ => session.ready().await.map_err(|error| session.no_token(&error))?,
    }
    if session.connection.is_base_url_late() {
        session.locate().await?;
    }
    let response = session.connection.response();
    complain(&format!("signed in to {name}{}", response.map_or_else(String::new, |response| lasting(&response))));
    Ok(())
}

async fn by_browser(session: &Session, args: &Args) -> Result<(), Failure> {
    let silent = args.no_browser;
    let show = move |url: &Uri| {
        complain(&format!("sign in here: {url}"));
        // Whoever has no browser on this machine has read the URL.
        if !silent {
            if let Err(error) = open_system_browser(url) {
                complain(&format!("no browser was opened: {error}"));
            }
        }
        Ok(())
    };
    let mut login = session.connection.native_login(show).timeout(args.login_timeout);
    if let Some(redirect) = &args.redirect {
        login = login.port(redirect.port).path(redirect.path.as_str());
        if redirect.localhost {
            login = login.localhost();
        }
    }
    match login.login().await {
        Ok(_) => Ok(()),
        Err(error) => {
            let name = session.filled().spec().display_name();
            Err(Failure::new(Exit::NoToken, format!("nobody is signed in to {name}: {}", explain::chain(&error))))
        }
    }
}

/// The code can be entered on any machine.
async fn by_device(session: &Session) -> Result<(), Failure> {
    let wrong = |error| Failure::usage(format!("--device: {}", explain::chain(&error)));
    let login = session.connection.device_login().map_err(wrong)?;
    let response = login.login(|authorization| complain(&authorization.prompt())).await;
    let response = response.map_err(|error| session.no_token(&error))?;
    session.connection.accept(response).await.map_err(|error| session.no_token(&error))
}

/// For how long, if that has an end.
fn lasting(response: &TokenResponse) -> String {
    match (response.refresh_token(), response.lifetime()) {
        (Some(_), _) | (None, Lifetime::Unknown) => String::new(),
        (None, Lifetime::For(length)) => {
            format!(", for {} s: no refresh token came, so that --login is needed again then", length.as_secs())
        }
        (None, _) => String::new(),
    }
}

/// Ends the tokens at the provider and here; says which of both worked.
pub(crate) async fn logout(session: &Session, state: &StateFile) -> Result<Exit, Failure> {
    let name = session.filled().spec().display_name();
    let mut exit = Exit::Success;
    if session.connection.response().is_none() {
        complain(&format!("nobody is signed in to {name}"));
    } else {
        match session.connection.revoke().await {
            Ok(true) => complain(&format!("{name} has revoked the tokens")),
            Ok(false) => complain(&format!("{name} has no revocation: the tokens live until they end by themselves")),
            Err(error) => {
                exit = Exit::CallFailed;
                complain(&format!("{name} has not revoked the tokens: {}", explain::chain(&error)));
            }
        }
    }
    if state.remove()? {
        complain(&format!("removed {}", state.path().display()));
    }
    Ok(exit)
}
