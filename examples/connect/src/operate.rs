//! For whoever operates the store: what is in it, whether it works, its keys, and what was done.

use std::io::Write;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tower_auth_store::core::Clock;
use tower_auth_store::{CredentialStore, ListQuery, Owner, Timestamp};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// How many credentials are looked at together.
const PAGE: u32 = 200;

/// Prints every credential, without secrets.
///
/// # Errors
/// When the database or the terminal fails.
pub async fn list(store: &CredentialStore, out: &mut impl Write) -> Result<(), Failure> {
    let mut query = ListQuery::new().limit(PAGE);
    loop {
        let page = store.list_all(query).await?;
        for owned in &page.credentials {
            let info = &owned.credential;
            writeln!(
                out,
                "{}  {:<16} {:<14} {:<20} of {:<20} since {}",
                info.id,
                info.connector,
                info.status.as_str(),
                info.label,
                owned.owner.as_ref().map_or("nobody who can be read", Owner::user_name),
                ago(info.status_since)
            )?;
        }
        let Some(next) = page.next else { return Ok(()) };
        query = ListQuery::new().limit(PAGE).after(next);
    }
}

/// Asks each provider whether its credentials work.
///
/// # Errors
/// When the database or the terminal fails.
pub async fn test(store: &CredentialStore, quiet: bool, out: &mut impl Write) -> Result<(), Failure> {
    let bar = bar(quiet, "testing");
    let (mut good, mut bad) = (0, 0);
    let mut query = ListQuery::new().limit(PAGE);
    loop {
        let page = store.list_all(query).await?;
        bar.inc_length(page.credentials.len() as u64);
        for owned in &page.credentials {
            let info = &owned.credential;
            let outcome = match &owned.owner {
                Some(owner) => store.test(owner, info.id).await.map_err(|error| error.to_string()),
                None => Err("whose it is cannot be read".to_owned()),
            };
            match outcome {
                Ok(_) => good += 1,
                Err(error) => {
                    bad += 1;
                    bar.suspend(|| writeln!(out, "{}  {:<16} {error}", info.id, info.connector))?;
                }
            }
            bar.inc(1);
        }
        let Some(next) = page.next else { break };
        query = ListQuery::new().limit(PAGE).after(next);
    }
    bar.finish_and_clear();
    writeln!(out, "{good} work, {bad} do not")?;
    Ok(())
}

/// Wraps every credential with the newest key.
///
/// # Errors
/// When the database, the keys or the terminal fail.
pub async fn rotate_keys(store: &CredentialStore, quiet: bool, out: &mut impl Write) -> Result<(), Failure> {
    let bar = bar(quiet, "rotating");
    let shown = bar.clone();
    let done = store
        .rotate_keys(move |state| {
            shown.set_length(state.total);
            shown.set_position(state.rotated + state.left);
        })
        .await?;
    bar.finish_and_clear();
    writeln!(out, "{} credentials are wrapped with the newest key now, {} are left", done.rotated, done.left)?;
    if done.left > 0 {
        return Err("run it again; what is left was changed at that moment, or cannot be opened".into());
    }
    Ok(())
}

/// Prints what was done, the oldest first.
///
/// # Errors
/// When the database or the terminal fails.
pub async fn audit(store: &CredentialStore, out: &mut impl Write) -> Result<(), Failure> {
    let mut after = 0;
    loop {
        let rows = store.audit_trail_all(None, after, PAGE).await?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.id;
        for row in &rows {
            let credential = row.credential.map_or_else(|| "-".to_owned(), |id| id.to_string());
            let detail = row.detail.as_deref().unwrap_or_default();
            writeln!(
                out,
                "{:>6}  {:<12} {:<8} {:<18} {:<18} {credential} {detail}",
                row.id,
                ago(row.at),
                row.actor,
                row.action,
                row.result
            )?;
        }
    }
}

fn bar(quiet: bool, what: &'static str) -> ProgressBar {
    if quiet {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{msg} [{bar:40}] {pos}/{len} {eta}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(0).with_style(style).with_message(what)
}

/// How long ago it was, roughly.
fn ago(at: Timestamp) -> String {
    let passed = Clock::system().wall().duration_since(at.to_system_time()).unwrap_or(Duration::ZERO).as_secs();
    match passed {
        0..=89 => format!("{passed} s ago"),
        90..=5399 => format!("{} min ago", passed / 60),
        5400..=172_799 => format!("{} h ago", passed / 3600),
        _ => format!("{} d ago", passed / 86_400),
    }
}
