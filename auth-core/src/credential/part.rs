use std::fmt;
use std::fmt::Write as _;
#[cfg(feature = "provider")]
use std::sync::Arc;

use bytes::Bytes;
#[cfg(feature = "provider")]
use http::header::Entry;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri};
use zeroize::Zeroizing;

#[cfg(feature = "provider")]
use super::BaseUrl;
use super::placement::is_unreserved;
use crate::Secret;
#[cfg(feature = "provider")]
use crate::error::SigningErrorKind;
use crate::error::{ConfigError, ConfigErrorKind, SigningError};

/// A part of a credential, ready to go on a request.
#[derive(Clone)]
pub(super) enum Part {
    Header(HeaderName, HeaderValue),
    /// `name=value`, percent-encoded.
    Query(Secret),
    /// Behind the path `after` if the request's begins with it, else in front of the request's.
    #[cfg(feature = "provider")]
    Path {
        after: String,
        prefix: Secret,
    },
    /// A header that is no credential: one of the request's own stays.
    #[cfg(feature = "provider")]
    Extra(HeaderName, HeaderValue),
    /// The only API that the credential is for. The first part, if it is there.
    #[cfg(feature = "provider")]
    Base(Arc<BaseUrl>),
    /// `name=value`, beside the cookies that are there.
    #[cfg(feature = "provider")]
    Cookie(Secret),
}

/// A part of a described credential.
#[cfg(feature = "provider")]
pub(crate) enum Piece {
    Header(HeaderName, Secret),
    Query(String, Secret),
    /// A path that begins with a slash, percent-encoded, for the front of the request's own, behind `after` if that begins with it.
    Path {
        after: String,
        prefix: Secret,
    },
    /// A header that is no credential.
    Extra(HeaderName, Secret),
    /// The only API that the credential is for. It comes first.
    Base(BaseUrl),
    Cookie(String, Secret),
}

/// Without the values.
impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name, _) => fmt::Debug::fmt(name, f),
            Self::Query(_) => f.write_str("\"query parameter\""),
            #[cfg(feature = "provider")]
            Self::Path { .. } => f.write_str("\"path\""),
            #[cfg(feature = "provider")]
            Self::Cookie(_) => f.write_str("\"cookie\""),
            #[cfg(feature = "provider")]
            Self::Extra(name, _) => fmt::Debug::fmt(name, f),
            #[cfg(feature = "provider")]
            Self::Base(base) => fmt::Debug::fmt(base, f),
        }
    }
}

impl Part {
    /// A copy that shares no reference count with this one, as far as two threads would contend for it.
    pub(super) fn detached(&self) -> Self {
        match self {
            Self::Header(name, value) => {
                let (name, value) = detached(name, value);
                Self::Header(name, value)
            }
            Self::Query(pair) => Self::Query(pair.expose_secret().into()),
            #[cfg(feature = "provider")]
            Self::Extra(name, value) => {
                let (name, value) = detached(name, value);
                Self::Extra(name, value)
            }
            #[cfg(feature = "provider")]
            Self::Base(base) => Self::Base(Arc::new(BaseUrl::clone(base))),
            #[cfg(feature = "provider")]
            Self::Path { .. } | Self::Cookie(_) => self.clone(),
        }
    }
}

/// Name and value with buffers of their own.
pub(super) fn detached(name: &HeaderName, value: &HeaderValue) -> (HeaderName, HeaderValue) {
    let name = HeaderName::from_bytes(name.as_str().as_bytes()).unwrap_or_else(|_| name.clone());
    // The first clone of a fresh name allocates.
    drop(name.clone());
    (name, wiped_value(value.as_bytes()).unwrap_or_else(|| value.clone()))
}

/// Puts every part on `request`, or none.
pub(super) fn put<B>(parts: &[Part], request: &mut Request<B>) -> Result<(), SigningError> {
    for part in parts {
        match part {
            Part::Header(name, value) => {
                request.headers_mut().insert(name, value.clone());
            }
            Part::Query(pair) => {
                let uri = std::mem::take(request.uri_mut());
                *request.uri_mut() = with_query(uri, pair);
            }
            #[cfg(feature = "provider")]
            Part::Path { after, prefix } => {
                let uri = std::mem::take(request.uri_mut());
                *request.uri_mut() = with_prefix(uri, after, prefix);
            }
            #[cfg(feature = "provider")]
            Part::Cookie(pair) => add_cookie(request.headers_mut(), pair),
            #[cfg(feature = "provider")]
            Part::Extra(name, value) => {
                if let Entry::Vacant(entry) = request.headers_mut().entry(name) {
                    entry.insert(value.clone());
                }
            }
            #[cfg(feature = "provider")]
            Part::Base(base) => {
                *request.uri_mut() = base.resolve(request.uri()).ok_or_else(|| {
                    SigningError::new(
                        SigningErrorKind::Target,
                        format!("the credential is for {} alone, and the request goes elsewhere", base.origin()),
                    )
                })?;
            }
        }
    }
    Ok(())
}

pub(super) fn is_any_present(parts: &[Part], headers: &HeaderMap) -> bool {
    parts.iter().any(|part| matches!(part, Part::Header(name, _) if headers.contains_key(name)))
}

/// Where a request goes whose URI was `target` and to which `uri`, perhaps a path alone, was written then.
#[cfg(feature = "provider")]
pub(super) fn completed(target: &Uri, uri: &Uri) -> Uri {
    if uri.authority().is_some() {
        return uri.clone();
    }
    let mut parts = target.clone().into_parts();
    parts.path_and_query = uri.path_and_query().cloned();
    Uri::from_parts(parts).unwrap_or_else(|_| target.clone())
}

pub(super) fn sensitive(text: &str) -> Result<HeaderValue, ConfigError> {
    if !text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Err(unusable());
    }
    wiped_value(text.as_bytes()).ok_or_else(unusable)
}

/// A sensitive value whose text is wiped when the last of its clones is gone. One that has an owner counts its clones from the start; another allocates
/// for the first of them.
pub(crate) fn wiped_value(text: &[u8]) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_maybe_shared(Bytes::from_owner(Zeroizing::new(text.to_vec()))).ok()?;
    value.set_sensitive(true);
    Some(value)
}

pub(super) fn unusable() -> ConfigError {
    ConfigError::new(
        ConfigErrorKind::InvalidCredential,
        "the credential has a character that cannot be sent in a header: only printable ASCII is allowed",
    )
}

pub(super) fn query_pair(name: &str, value: &Secret) -> Secret {
    let value = value.expose_secret();
    let mut pair = String::with_capacity(name.len() + 1 + value.len() * 3);
    pair.push_str(name);
    pair.push('=');
    for byte in value.bytes() {
        if is_unreserved(byte) {
            pair.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(pair, "%{byte:02X}");
        }
    }
    Secret::new(pair)
}

/// `uri` with `pair` behind its query, in place of parameters of that name. A URI that cannot take it (an authority alone,
/// a text over 64 KiB) stays.
fn with_query(uri: Uri, pair: &Secret) -> Uri {
    fn name(pair: &str) -> &str {
        pair.split_once('=').map_or(pair, |(name, _)| name)
    }
    let pair = pair.expose_secret();
    let mut text = format!("{}?", uri.path());
    let query = uri.query().filter(|query| !query.is_empty());
    for other in query.into_iter().flat_map(|query| query.split('&')).filter(|other| name(other) != name(pair)) {
        text.push_str(other);
        text.push('&');
    }
    text.push_str(pair);
    let Ok(path_and_query) = PathAndQuery::try_from(text) else { return uri };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(path_and_query);
    Uri::from_parts(parts).unwrap_or(uri)
}

/// `uri` with `prefix` in front of its path, behind `after` if it begins with that.
#[cfg(feature = "provider")]
fn with_prefix(uri: Uri, after: &str, prefix: &Secret) -> Uri {
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let behind = uri.path().strip_prefix(after).filter(|rest| rest.starts_with('/') || rest.is_empty());
    let (before, path) = match behind {
        Some(rest) => (after, rest),
        None => ("", uri.path()),
    };
    let text = Zeroizing::new(format!("{before}{}{path}{query}", prefix.expose_secret().trim_end_matches('/')));
    let Ok(path_and_query) = PathAndQuery::try_from(text.as_str()) else { return uri };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(path_and_query);
    Uri::from_parts(parts).unwrap_or(uri)
}

/// Adds `pair` to the cookies of a request, in place of one of that name.
#[cfg(feature = "provider")]
fn add_cookie(headers: &mut HeaderMap, pair: &Secret) {
    use http::header::COOKIE;

    let pair = pair.expose_secret();
    let name = pair.split_once('=').map_or(pair, |(name, _)| name);
    let mut all = Zeroizing::new(String::new());
    for line in headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok()) {
        for other in line.split(';').map(str::trim).filter(|other| !other.is_empty()) {
            if other.split_once('=').map_or(other, |(name, _)| name) != name {
                all.push_str(other);
                all.push_str("; ");
            }
        }
    }
    all.push_str(pair);
    if let Some(value) = wiped_value(all.as_bytes()) {
        headers.insert(COOKIE, value);
    }
}
