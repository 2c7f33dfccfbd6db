use super::scope::Scope;
use crate::oauth::Target;
use crate::provider::filled::{FilledProvider, FilledUrl};
use crate::provider::kind::UrlKey;

/// The URL for `target`, if it has values in it that the provider told: such a URL is made anew for each request.
///
/// # Errors
/// Which value is missing or cannot stand where it would.
pub(super) fn late_url(filled: &FilledProvider, target: Target, scope: &Scope<'_>) -> Result<Option<String>, String> {
    let key = match target {
        Target::Token => UrlKey::Token,
        Target::Refresh if filled.url_of(UrlKey::Refresh).is_some() => UrlKey::Refresh,
        Target::Refresh => UrlKey::Token,
        Target::Revocation => UrlKey::Revoke,
        Target::Introspection => UrlKey::Introspect,
        _ => return Ok(None),
    };
    let Some(FilledUrl { template, text: None, .. }) = filled.url_of(key) else { return Ok(None) };
    let mut scope = scope.clone();
    for (base, name) in [(UrlKey::Base, "base_url"), (UrlKey::Token, "token_url")] {
        if let Some(FilledUrl { template, text: None, .. }) = filled.url_of(base).filter(|_| base != key) {
            if let Ok(url) = scope.filling().url(template) {
                scope = scope.with(name, url);
            }
        }
    }
    scope.filling().url(template).map(Some)
}
