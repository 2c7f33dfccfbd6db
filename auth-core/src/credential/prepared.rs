use std::fmt;
use std::sync::Arc;

use http::header::{AUTHORIZATION, Entry};
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, Uri};
use zeroize::Zeroizing;

#[cfg(feature = "provider")]
use super::BaseUrl;
use super::part::{Part, detached, is_any_present, put, query_pair, sensitive, unusable};
#[cfg(feature = "provider")]
use super::part::{Piece, completed};
use super::placement::Place;
use super::{Basic, Placement, RequestSigner, SigningRequest};
use crate::error::{ConfigError, ConfigErrorKind, SigningError};
use crate::{Secret, Token, TokenKind};

/// A credential in the form in which it goes on a request: header values that are ready to send and marked sensitive, or a
/// [signer](Self::signer) that makes them of each request.
///
/// ```
/// use http::Request;
/// use tower_auth_core::{Basic, Credential};
///
/// let credential = Credential::basic(&Basic::new("batch", "s3cret")?)?;
/// let mut request = Request::new(());
/// credential.apply(&mut request)?;
/// assert!(request.headers()["authorization"].is_sensitive());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Credential(Repr);

#[derive(Clone)]
enum Repr {
    /// The usual case: a name known to the compiler is hashed by it.
    Authorization(HeaderValue),
    Header(HeaderName, HeaderValue),
    Parts(Box<[Part]>),
    /// Made of each request.
    Signed(Arc<dyn RequestSigner>),
    /// The parts go on the request, which is signed then.
    #[cfg(feature = "provider")]
    Composed(Arc<Composed>),
}

impl Repr {
    fn header(name: HeaderName, value: HeaderValue) -> Self {
        if name == AUTHORIZATION { Self::Authorization(value) } else { Self::Header(name, value) }
    }
}

#[cfg(feature = "provider")]
struct Composed {
    parts: Box<[Part]>,
    signer: Arc<dyn RequestSigner>,
}

impl Credential {
    /// A static Bearer token (RFC 6750).
    ///
    /// # Errors
    /// As [`Token::new`].
    pub fn bearer(token: impl Into<Secret>) -> Result<Self, ConfigError> {
        Self::from_token(&Token::new(token)?, &Placement::default())
    }

    /// A Basic credential (RFC 7617), sent with every request.
    ///
    /// # Errors
    /// When the pair is too long for a field value.
    pub fn basic(pair: &Basic) -> Result<Self, ConfigError> {
        Ok(Self(Repr::Authorization(sensitive(pair.header_text().expose_secret())?)))
    }

    /// An API key in the header `name`.
    ///
    /// # Errors
    /// When the key is empty or has a character that a field value must not have.
    pub fn api_key(name: HeaderName, key: impl Into<Secret>) -> Result<Self, ConfigError> {
        let key = key.into();
        if key.is_empty() {
            return Err(ConfigError::new(ConfigErrorKind::InvalidCredential, "the API key is empty"));
        }
        Ok(Self(Repr::header(name, sensitive(key.expose_secret())?)))
    }

    /// A token where `placement` wants it.
    ///
    /// # Errors
    /// When the token and its template do not make a field value, or the token is not a Bearer token.
    pub fn from_token(token: &Token, placement: &Placement) -> Result<Self, ConfigError> {
        if token.kind() != TokenKind::Bearer {
            return Err(ConfigError::new(
                ConfigErrorKind::InvalidCredential,
                "a DPoP token needs a proof with each request: give its key to `TokenCacheBuilder::dpop` or \
                 `Credential::dpop` (feature `dpop`)",
            ));
        }
        let part = |place: &Place| match (place.header_text(token), place) {
            (Some((name, text)), _) => {
                let text = Zeroizing::new(text);
                Ok(Part::Header(name, sensitive(&text)?))
            }
            (None, Place::Query { name }) => Ok(Part::Query(query_pair(name, token.secret()))),
            (None, _) => Err(unusable()),
        };
        let parts = placement.0.iter().map(part).collect::<Result<Vec<_>, _>>()?;
        Ok(Self(match <[Part; 1]>::try_from(parts) {
            Ok([Part::Header(name, value)]) => Repr::header(name, value),
            Ok(single) => Repr::Parts(Box::new(single)),
            Err(parts) => Repr::Parts(parts.into()),
        }))
    }

    /// A credential of several parts.
    #[cfg(feature = "provider")]
    pub(crate) fn of_pieces(pieces: Vec<Piece>) -> Result<Self, ConfigError> {
        let parts = pieces.into_iter().map(|piece| {
            Ok(match piece {
                Piece::Header(name, value) => Part::Header(name, sensitive(value.expose_secret())?),
                Piece::Query(name, value) => Part::Query(query_pair(&name, &value)),
                Piece::Path { after, prefix } => Part::Path { after, prefix },
                Piece::Extra(name, value) => Part::Extra(name, sensitive(value.expose_secret())?),
                Piece::Base(base) => Part::Base(Arc::new(base)),
                Piece::Cookie(name, value) => {
                    let pair = Zeroizing::new(format!("{name}={}", value.expose_secret()));
                    let fits = pair.bytes().all(|byte| matches!(byte, b'!'..=b'~') && !b"\",;\\".contains(&byte));
                    if !fits {
                        return Err(unusable());
                    }
                    Part::Cookie(Secret::from(pair.as_str()))
                }
            })
        });
        let parts = parts.collect::<Result<Vec<_>, ConfigError>>()?;
        Ok(Self(match <[Part; 1]>::try_from(parts) {
            Ok([Part::Header(name, value)]) => Repr::header(name, value),
            Ok(single) => Repr::Parts(Box::new(single)),
            Err(parts) => Repr::Parts(parts.into()),
        }))
    }

    /// This credential, whose parts go on a request, and then the signature of `signer`, one that is made of each request.
    #[cfg(feature = "provider")]
    pub(crate) fn signed_by(self, signer: &Self) -> Self {
        let (Repr::Signed(signer), parts) = (&signer.0, self.0) else { return signer.clone() };
        let parts: Box<[Part]> = match parts {
            Repr::Authorization(value) => Box::new([Part::Header(AUTHORIZATION, value)]),
            Repr::Header(name, value) => Box::new([Part::Header(name, value)]),
            Repr::Parts(parts) => parts,
            signed => return Self(signed),
        };
        if parts.is_empty() {
            return Self(Repr::Signed(Arc::clone(signer)));
        }
        Self(Repr::Composed(Arc::new(Composed { parts, signer: Arc::clone(signer) })))
    }

    /// The only API that the credential goes to, if its provider named it with the token. Put on a request to another origin it
    /// fails, and a path alone it puts behind that URL.
    #[cfg(feature = "provider")]
    #[must_use]
    pub fn base_url(&self) -> Option<&BaseUrl> {
        let parts = match &self.0 {
            Repr::Parts(parts) => parts,
            Repr::Composed(composed) => &composed.parts,
            Repr::Authorization(_) | Repr::Header(..) | Repr::Signed(_) => return None,
        };
        parts.iter().find_map(|part| match part {
            Part::Base(base) => Some(&**base),
            _ => None,
        })
    }

    fn as_signer(&self) -> Option<&dyn RequestSigner> {
        match &self.0 {
            Repr::Signed(signer) => Some(&**signer),
            #[cfg(feature = "provider")]
            Repr::Composed(composed) => Some(&*composed.signer),
            Repr::Authorization(_) | Repr::Header(..) | Repr::Parts(_) => None,
        }
    }

    /// A credential that is made of each request.
    pub fn signer(signer: impl RequestSigner) -> Self {
        Self(Repr::Signed(Arc::new(signer)))
    }

    /// Whether it is made of each request: by a [signer](Self::signer), or of a DPoP token. Such a credential belongs into a layer, which
    /// signs every send, hands it the body if it needs that, and shows it the responses.
    #[inline]
    #[must_use]
    pub fn is_signer(&self) -> bool {
        !matches!(self.0, Repr::Authorization(_) | Repr::Header(..) | Repr::Parts(_))
    }

    /// Whether it is made of the body too.
    #[must_use]
    pub fn needs_body(&self) -> bool {
        self.as_signer().is_some_and(RequestSigner::needs_body)
    }

    /// Puts the credential on `request`, in place of whatever stood there.
    ///
    /// # Errors
    /// Of one that [is made of each request](Self::is_signer): when the request's URI is not absolute, or the body is
    /// needed. A layer has both; see [`sign`](Self::sign). Of one that a provider issued for one API: when the request goes elsewhere.
    #[inline]
    pub fn apply<B>(&self, request: &mut Request<B>) -> Result<(), SigningError> {
        if let Repr::Authorization(value) = &self.0 {
            request.headers_mut().insert(AUTHORIZATION, value.clone());
            return Ok(());
        }
        self.apply_other(request)
    }

    /// Out of line, so that the usual case is small enough to become a part of its caller.
    #[inline(never)]
    fn apply_other<B>(&self, request: &mut Request<B>) -> Result<(), SigningError> {
        match &self.0 {
            Repr::Header(name, value) => {
                request.headers_mut().insert(name, value.clone());
                Ok(())
            }
            Repr::Parts(parts) => put(parts, request),
            _ => {
                let target = request.uri().clone();
                self.sign(request, &target, None)
            }
        }
    }

    /// Puts the credential on `request`, which goes to the absolute URI `target` and has `body`, if that is known: the general
    /// form of [`apply`](Self::apply).
    ///
    /// # Errors
    /// Those of the signer.
    pub fn sign<B>(&self, request: &mut Request<B>, target: &Uri, body: Option<&[u8]>) -> Result<(), SigningError> {
        let Some(signer) = self.as_signer() else { return self.apply(request) };
        #[cfg(feature = "provider")]
        let completed = match &self.0 {
            Repr::Composed(composed) => {
                put(&composed.parts, request)?;
                Some(completed(target, request.uri()))
            }
            _ => None,
        };
        #[cfg(feature = "provider")]
        let target = completed.as_ref().unwrap_or(target);
        let method = request.method().clone();
        signer.sign(&mut SigningRequest::new(&method, target, request.headers_mut(), body))
    }

    /// Shows the credential the head of a response to a request that it was put on. True asks for the request to be signed and sent
    /// once more; always false of one that is not made of each request.
    pub fn observe(&self, target: &Uri, status: StatusCode, headers: &HeaderMap) -> bool {
        self.as_signer().is_some_and(|signer| signer.observe(target, status, headers))
    }

    /// Puts the credential on `request` unless it has one of the headers already. False, with nothing changed, if it has, or if the credential
    /// [is made of each request](Self::is_signer).
    #[inline]
    #[must_use]
    pub fn apply_if_absent<B>(&self, request: &mut Request<B>) -> bool {
        let headers = request.headers_mut();
        match &self.0 {
            // An entry costs half as much again as an insertion. One that replaced a value is undone, which brings back all that was there
            // if no name has two values.
            Repr::Authorization(value) if headers.len() == headers.keys_len() => {
                let own = headers.insert(AUTHORIZATION, value.clone());
                own.map(|own| headers.insert(AUTHORIZATION, own)).is_none()
            }
            _ => self.apply_other_if_absent(request),
        }
    }

    #[inline(never)]
    fn apply_other_if_absent<B>(&self, request: &mut Request<B>) -> bool {
        match &self.0 {
            Repr::Authorization(value) => fill(request.headers_mut().entry(AUTHORIZATION), value),
            Repr::Header(name, value) => fill(request.headers_mut().entry(name), value),
            Repr::Parts(_) => {
                let absent = !self.is_present_in(request.headers());
                // Prebuilt parts fail only where they must not go.
                absent && self.apply(request).is_ok()
            }
            _ => false,
        }
    }

    /// Puts the credential into `headers`, where only headers are at hand (a gRPC interceptor). False, with nothing
    /// changed, if part of it goes elsewhere, or if it [is made of each request](Self::is_signer).
    #[must_use]
    pub fn apply_to_headers(&self, headers: &mut HeaderMap) -> bool {
        match &self.0 {
            Repr::Authorization(value) => {
                headers.insert(AUTHORIZATION, value.clone());
                true
            }
            Repr::Header(name, value) => {
                headers.insert(name, value.clone());
                true
            }
            Repr::Parts(parts) => {
                let only_headers = parts.iter().all(|part| matches!(part, Part::Header(..)));
                for part in parts {
                    if let (true, Part::Header(name, value)) = (only_headers, part) {
                        headers.insert(name, value.clone());
                    }
                }
                only_headers
            }
            _ => false,
        }
    }

    /// Whether `headers` already has one of the headers that this credential would set.
    #[must_use]
    pub fn is_present_in(&self, headers: &HeaderMap) -> bool {
        match &self.0 {
            Repr::Authorization(_) => headers.contains_key(AUTHORIZATION),
            Repr::Header(name, _) => headers.contains_key(name),
            Repr::Parts(parts) => is_any_present(parts, headers),
            Repr::Signed(signer) => signer.is_present_in(headers),
            #[cfg(feature = "provider")]
            Repr::Composed(composed) => {
                is_any_present(&composed.parts, headers) || composed.signer.is_present_in(headers)
            }
        }
    }

    /// A copy that shares no reference count with this one, so that two threads which use both do not
    /// contend.
    pub(crate) fn detached(&self) -> Self {
        Self(match &self.0 {
            Repr::Authorization(value) => Repr::Authorization(detached(&AUTHORIZATION, value).1),
            Repr::Header(name, value) => {
                let (name, value) = detached(name, value);
                Repr::Header(name, value)
            }
            Repr::Parts(parts) => Repr::Parts(parts.iter().map(Part::detached).collect()),
            // Signing costs far more than two threads' counting.
            Repr::Signed(signer) => Repr::Signed(Arc::clone(signer)),
            #[cfg(feature = "provider")]
            Repr::Composed(composed) => Repr::Composed(Arc::clone(composed)),
        })
    }
}

/// One look-up for both the question whether the header is there and the answer.
#[inline]
fn fill(entry: Entry<'_, HeaderValue>, value: &HeaderValue) -> bool {
    match entry {
        Entry::Vacant(entry) => {
            entry.insert(value.clone());
            true
        }
        Entry::Occupied(_) => false,
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = f.debug_list();
        match &self.0 {
            Repr::Authorization(_) => {
                list.entry(&AUTHORIZATION);
            }
            Repr::Header(name, _) => {
                list.entry(name);
            }
            Repr::Parts(parts) => {
                list.entries(parts);
            }
            Repr::Signed(_) => {
                list.entry(&"signature");
            }
            #[cfg(feature = "provider")]
            Repr::Composed(composed) => {
                list.entries(&composed.parts).entry(&"signature");
            }
        }
        list.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(credential: &Credential, uri: &str) -> Request<()> {
        let mut request = Request::builder().uri(uri).header("authorization", "old").body(()).unwrap();
        credential.apply(&mut request).unwrap();
        request
    }

    // R6750-2.1a, R6750-4a, R9110-11.6.2a, SYS-A4, SYS-L5
    #[test]
    fn a_bearer_token_goes_into_authorization_once_and_is_sensitive() {
        let request = applied(&Credential::bearer("mF_9.B5f-4.1JqM").unwrap(), "https://api.example.com/");
        let values: Vec<_> = request.headers().get_all(AUTHORIZATION).iter().collect();
        assert_eq!(values, ["Bearer mF_9.B5f-4.1JqM"]);
        assert!(values[0].is_sensitive());
    }

    // SYS-A1
    #[test]
    fn a_basic_pair_goes_into_authorization() {
        let pair = Basic::new("token", "secret").unwrap();
        let request = applied(&Credential::basic(&pair).unwrap(), "https://api.example.com/");
        assert_eq!(request.headers()[AUTHORIZATION], "Basic dG9rZW46c2VjcmV0");
    }

    // THREAT-T9
    #[test]
    fn what_is_there_stays_as_it_was() {
        let credential = Credential::bearer("abc").unwrap();
        let mut request = Request::new(());
        assert!(credential.apply_if_absent(&mut request) && request.headers()[AUTHORIZATION] == "Bearer abc");
        let add = |request: &mut Request<()>, name: &'static str, values: &[&str]| {
            for value in values {
                request.headers_mut().append(name, value.parse().unwrap());
            }
        };
        for own in [&["own"][..], &["own", "another"]] {
            for beside in [&["1"][..], &["1", "2"]] {
                let mut request = Request::new(());
                add(&mut request, "authorization", own);
                add(&mut request, "x-a", beside);
                let before = request.headers().clone();
                assert!(!credential.apply_if_absent(&mut request));
                assert_eq!(request.headers(), &before);
            }
        }
        // A name with two values does not keep the credential away.
        let mut request = Request::new(());
        add(&mut request, "x-a", &["1", "2"]);
        assert!(credential.apply_if_absent(&mut request) && request.headers()[AUTHORIZATION] == "Bearer abc");
    }

    #[test]
    fn a_token_goes_into_any_header_with_a_template() {
        let placement = Placement::header(HeaderName::from_static("x-auth"), "Token token={token}!")
            .unwrap()
            .and(Placement::default());
        let credential = Credential::from_token(&Token::new("abc").unwrap(), &placement).unwrap();
        let request = applied(&credential, "/");
        assert_eq!(request.headers()["x-auth"], "Token token=abc!");
        assert_eq!(request.headers()["authorization"], "Bearer abc");
        assert!(request.headers()["x-auth"].is_sensitive());
        for bad in ["no place", "{token}{token}", "{token}\r\nX: y", "\u{e9}{token}"] {
            assert!(Placement::header(AUTHORIZATION, bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_key_in_the_query_keeps_the_rest_of_the_uri() {
        let placement = Placement::insecure_query("key").unwrap();
        let credential = Credential::from_token(&Token::new("a+b/c=").unwrap(), &placement).unwrap();
        for (before, after) in [
            ("https://api.example.com/x?y=1", "https://api.example.com/x?y=1&key=a%2Bb%2Fc%3D"),
            ("https://api.example.com", "https://api.example.com/?key=a%2Bb%2Fc%3D"),
            ("/x", "/x?key=a%2Bb%2Fc%3D"),
        ] {
            assert_eq!(applied(&credential, before).uri(), after);
        }
        // In place of what stood there, also when a request is sent again.
        for (before, after) in [
            ("/x?key=old&y=1", "/x?y=1&key=a%2Bb%2Fc%3D"),
            ("/x?y=1&key=a%2Bb%2Fc%3D", "/x?y=1&key=a%2Bb%2Fc%3D"),
            ("/x?key", "/x?key=a%2Bb%2Fc%3D"),
            ("/x?keys=1&monkey=2", "/x?keys=1&monkey=2&key=a%2Bb%2Fc%3D"),
        ] {
            assert_eq!(applied(&credential, before).uri(), after);
        }
        assert!(!credential.apply_to_headers(&mut HeaderMap::new()));
        assert!(Placement::insecure_query("a&b").is_err());
    }

    // R9110-5.5a, THREAT-T7
    #[test]
    fn line_breaks_are_refused_at_construction() {
        assert!(Credential::api_key(AUTHORIZATION, "a\r\nX: y").is_err());
        assert!(Credential::api_key(AUTHORIZATION, "").is_err());
        assert!(Credential::bearer("a\nb").is_err());
    }

    // THREAT-L1
    #[test]
    fn debug_names_headers_only() {
        let credential = Credential::bearer("sentinel").unwrap();
        assert_eq!(format!("{credential:?}"), "[\"authorization\"]");
        let request = applied(&credential, "/");
        assert!(!format!("{request:?}").contains("sentinel"));
    }

    #[test]
    fn a_detached_copy_says_the_same_from_another_buffer() {
        let credential = Credential::bearer("abc").unwrap();
        let copy = credential.detached();
        let (one, two) = (applied(&credential, "/"), applied(&copy, "/"));
        assert_eq!(one.headers(), two.headers());
        assert!(two.headers()[AUTHORIZATION].is_sensitive());
        assert_ne!(one.headers()[AUTHORIZATION].as_bytes().as_ptr(), two.headers()[AUTHORIZATION].as_bytes().as_ptr());
    }
}
