use std::fmt;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::IncomingRequest;
use super::rejection::{Fault, RejectionKind, Scheme};

/// Longest field value that is looked at, in bytes: 16 KiB.
const MAX_LEN: usize = 16 * 1024;

/// One credential as a request presented it, not yet verified.
///
/// `Debug` shows the scheme only.
#[derive(Clone, Copy)]
pub struct IncomingCredential<'a> {
    scheme: Scheme,
    form: Form<'a>,
    /// What it came with.
    pub(super) request: IncomingRequest<'a>,
}

#[derive(Clone, Copy)]
enum Form<'a> {
    Text(&'a str),
    /// As it stands in its field. Its characters are not looked at yet: a token that is remembered had the right ones.
    Field(&'a [u8]),
}

/// The same as text, of the characters that its scheme has.
#[derive(Clone, Copy)]
pub(super) struct CredentialText<'a> {
    pub(super) scheme: Scheme,
    pub(super) text: &'a str,
    pub(super) request: IncomingRequest<'a>,
}

impl<'a> IncomingCredential<'a> {
    /// A Bearer token that came in another way than the `Authorization` field: in a WebSocket subprotocol, say. Never
    /// take one from a query string: those are logged.
    #[must_use]
    pub fn bearer(token: &'a str) -> Self {
        Self { scheme: Scheme::Bearer, form: Form::Text(token), request: IncomingRequest::default() }
    }

    /// An API key that came in another way than by header.
    #[must_use]
    pub fn api_key(key: &'a str) -> Self {
        Self { scheme: Scheme::ApiKey, form: Form::Text(key), request: IncomingRequest::default() }
    }

    /// The request that it came with. Without one a credential that is bound to a client certificate is refused.
    #[must_use]
    pub fn with_request(mut self, request: impl Into<IncomingRequest<'a>>) -> Self {
        self.request = request.into();
        self
    }

    /// What kind of credential it is.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// What the memo is asked for.
    #[cfg(feature = "jwt")]
    pub(super) fn bytes(&self) -> &'a [u8] {
        match self.form {
            Form::Text(text) => text.as_bytes(),
            Form::Field(bytes) => bytes,
        }
    }

    /// Whether its characters are those of its scheme. A verifier finds that out by itself.
    #[must_use]
    pub fn is_well_formed(&self) -> bool {
        self.read().is_ok()
    }

    /// Looks at the characters of what came in a field.
    pub(super) fn read(self) -> Result<CredentialText<'a>, Fault> {
        let Self { scheme, form, request } = self;
        let text = match form {
            Form::Text(text) => text,
            Form::Field(bytes) => {
                let text = text_of(bytes).ok_or_else(|| invalid(NOT_ASCII))?;
                // An API key is whatever its issuer made of it; the others are token68 (RFC 9110 section 11.2).
                if scheme != Scheme::ApiKey && !is_token68(text) {
                    return Err(invalid(NOT_ONE));
                }
                text
            }
        };
        Ok(CredentialText { scheme, text, request })
    }
}

impl fmt::Debug for IncomingCredential<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IncomingCredential").field("scheme", &self.scheme).finish_non_exhaustive()
    }
}

/// Which credentials are looked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Accepted<'a> {
    pub(super) bearer: bool,
    pub(super) dpop: bool,
    pub(super) basic: bool,
    pub(super) api_key_scheme: Option<&'a str>,
    pub(super) api_key_header: Option<&'a HeaderName>,
}

/// Why no credential could be taken from a request, and the scheme that was tried.
pub(super) type Untaken = (Fault, Option<Scheme>);

const NOT_ASCII: &str = "the credential has a byte outside printable ASCII";
const NOT_ONE: &str = "what follows the scheme in the Authorization field is not one token";

/// The one credential of a request: `None` if there is none of an accepted kind.
///
/// Two `Authorization` lines are refused whatever they hold, since two parties might each believe another one (RFC 9110
/// sections 5.3 and 11.6.2). Field names are compared as the `http` crate does, without case; a name with an underscore
/// is another name and is not read. Tokens in the query or the body are not read either. Whether its characters are those of its
/// scheme is seen when it is [read](IncomingCredential::read).
pub(super) fn extract<'a>(
    request: IncomingRequest<'a>,
    accepted: Accepted<'_>,
) -> Result<Option<IncomingCredential<'a>>, Untaken> {
    let Some(headers) = request.headers() else { return Ok(None) };
    let found = |(scheme, bytes)| IncomingCredential { scheme, form: Form::Field(bytes), request };
    let authorization = only(headers, &AUTHORIZATION)
        .map_err(|Repeated| (invalid("the request has more than one Authorization field"), None))?;
    let in_authorization = match authorization {
        Some(value) => from_authorization(value, accepted)?.map(found),
        None => None,
    };

    let Some(name) = accepted.api_key_header else { return Ok(in_authorization) };
    let of_key = |detail| (invalid(detail), Some(Scheme::ApiKey));
    let key = only(headers, name).map_err(|Repeated| of_key("the request has more than one API key field"))?;
    let Some(key) = key else { return Ok(in_authorization) };
    if in_authorization.is_some() {
        return Err((invalid("the request has an Authorization field and an API key field"), None));
    }
    let key = bytes_of(key).map_err(of_key)?.trim_ascii();
    if key.is_empty() {
        return Err(of_key("the API key field is empty"));
    }
    Ok(Some(found((Scheme::ApiKey, key))))
}

fn from_authorization<'a>(
    value: &'a HeaderValue,
    accepted: Accepted<'_>,
) -> Result<Option<(Scheme, &'a [u8])>, Untaken> {
    let bytes = bytes_of(value).map_err(|detail| (invalid(detail), None))?;
    let end = bytes.iter().position(|byte| *byte == b' ').unwrap_or(bytes.len());
    let (name, rest) = bytes.split_at(end);
    let scheme = if accepted.bearer && name.eq_ignore_ascii_case(b"Bearer") {
        Scheme::Bearer
    } else if accepted.dpop && name.eq_ignore_ascii_case(b"DPoP") {
        Scheme::Dpop
    } else if accepted.basic && name.eq_ignore_ascii_case(b"Basic") {
        Scheme::Basic
    } else if accepted.api_key_scheme.is_some_and(|own| name.eq_ignore_ascii_case(own.as_bytes())) {
        Scheme::ApiKey
    } else if text_of(bytes).is_none() {
        return Err((invalid(NOT_ASCII), None));
    } else {
        return Ok(None);
    };
    let rest = trim_spaces(rest);
    // Here and not when it is read: a key that has a field of its own may have spaces.
    if scheme == Scheme::ApiKey && (rest.is_empty() || rest.iter().any(|byte| b" ,".contains(byte))) {
        return Err((invalid(NOT_ONE), Some(scheme)));
    }
    Ok(Some((scheme, rest)))
}

fn trim_spaces(mut bytes: &[u8]) -> &[u8] {
    while let [b' ', rest @ ..] | [rest @ .., b' '] = bytes {
        bytes = rest;
    }
    bytes
}

fn invalid(detail: &'static str) -> Fault {
    Fault::new(RejectionKind::InvalidRequest, detail)
}

struct Repeated;

fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a HeaderValue>, Repeated> {
    let mut lines = headers.get_all(name).iter();
    let first = lines.next();
    if lines.next().is_some() { Err(Repeated) } else { Ok(first) }
}

fn bytes_of(value: &HeaderValue) -> Result<&[u8], &'static str> {
    if value.len() > MAX_LEN { Err("the credential is longer than 16 KiB") } else { Ok(value.as_bytes()) }
}

/// A field value has no control characters but the tab, which `HeaderValue::to_str` lets pass too.
fn text_of(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok().filter(|text| text.is_ascii())
}

/// `1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="` (RFC 6750 section 2.1).
pub(super) fn is_token68(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    // All of it, whatever is found: without a branch for each byte the processor looks at many at once.
    !body.is_empty() && body.bytes().fold(true, |so_far, byte| so_far & is_token68_byte(byte))
}

fn is_token68_byte(byte: u8) -> bool {
    let is_letter = (byte | 0x20).is_ascii_lowercase();
    // `-`, `.`, `/` and the digits are neighbours.
    is_letter | matches!(byte, b'-'..=b'9') | (byte == b'_') | (byte == b'~') | (byte == b'+')
}

#[cfg(test)]
mod tests {
    use super::*;

    static HEADER: HeaderName = HeaderName::from_static("x-api-key");
    static ALL: Accepted<'_> = Accepted {
        bearer: true,
        dpop: false,
        basic: true,
        api_key_scheme: Some("ApiKey"),
        api_key_header: Some(&HEADER),
    };

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
        }
        headers
    }

    fn found(lines: &[(&str, &str)]) -> Result<Option<(&'static str, String)>, RejectionKind> {
        let headers = headers(lines);
        let found = extract((&headers).into(), ALL).map_err(|(fault, _)| fault.kind)?;
        let read = found.map(IncomingCredential::read).transpose().map_err(|fault| fault.kind)?;
        Ok(read.map(|one| (one.scheme.as_str(), one.text.to_owned())))
    }

    // R6750-2.1a, R9110-11.1a
    #[test]
    fn one_credential_is_found_whatever_the_case_of_its_scheme() {
        for scheme in ["Bearer", "bearer", "BEARER", "bEaReR"] {
            let found = found(&[("authorization", &format!("{scheme}  abc.d-e_f~+/=="))]).unwrap();
            assert_eq!(found, Some(("bearer", "abc.d-e_f~+/==".to_owned())));
        }
        assert_eq!(found(&[("authorization", "basic QTpi")]).unwrap(), Some(("basic", "QTpi".to_owned())));
        assert_eq!(found(&[("authorization", "apikey k:1")]).unwrap(), Some(("api_key", "k:1".to_owned())));
        assert_eq!(found(&[("X-API-Key", "k 1")]).unwrap(), Some(("api_key", "k 1".to_owned())));
    }

    // R6750-3.1b
    #[test]
    fn no_credential_and_a_foreign_scheme_are_missing() {
        assert_eq!(found(&[]), Ok(None));
        for foreign in ["DPoP abc", "Negotiate YII=", "Digest a=b", "Bearerabc", "Bear er", "", "abc"] {
            assert_eq!(found(&[("authorization", foreign)]), Ok(None), "{foreign:?}");
        }
        let closed = Accepted { bearer: false, dpop: false, basic: false, api_key_scheme: None, api_key_header: None };
        assert!(extract((&headers(&[("authorization", "Bearer abc")])).into(), closed).unwrap().is_none());
        assert_eq!(
            found(&[("authorization", "DPoP x"), ("x-api-key", "k")]).unwrap(),
            Some(("api_key", "k".to_owned()))
        );
    }

    // R9110-11.6.2a, R6750-3.1c, R6750-2a, THREAT-T8
    #[test]
    fn more_than_one_credential_is_refused_in_either_order() {
        for lines in [
            [("authorization", "Bearer a"), ("authorization", "Bearer b")],
            [("authorization", "Bearer a"), ("Authorization", "Bearer a")],
            [("authorization", "Basic QTpi"), ("authorization", "Bearer a")],
            [("authorization", "Bearer a"), ("authorization", "Foreign b")],
            [("authorization", "Foreign a"), ("authorization", "")],
            [("authorization", "Bearer a"), ("x-api-key", "k")],
            [("x-api-key", "k"), ("x-api-key", "k")],
        ] {
            assert_eq!(found(&lines), Err(RejectionKind::InvalidRequest), "{lines:?}");
        }
    }

    // THREAT-T8
    #[test]
    fn a_name_with_an_underscore_is_another_name() {
        assert_eq!(found(&[("x_api_key", "k"), ("authorization_", "Bearer a")]), Ok(None));
    }

    // R6750-2.1a, R9110-11.2c, THREAT-T7
    #[test]
    fn what_follows_the_scheme_is_one_token68() {
        for bad in [
            "Bearer",
            "Bearer ",
            "Bearer a b",
            "Bearer a, Bearer b",
            "Bearer =",
            "Bearer a=b",
            "Bearer \"a\"",
            "Basic a:b",
        ] {
            assert_eq!(found(&[("authorization", bad)]), Err(RejectionKind::InvalidRequest), "{bad:?}");
        }
        for (bad, detail) in [
            (&b"Bearer a\xff"[..], NOT_ASCII),
            (b"Foreign a\xff", NOT_ASCII),
            (b"ApiKey k\xff", NOT_ASCII),
            (b"Bearer \ta", NOT_ONE),
            (b"Bearer a\t", NOT_ONE),
        ] {
            let headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_bytes(bad).unwrap())]);
            let fault = match extract((&headers).into(), ALL) {
                Ok(found) => found.filter(|one| !one.is_well_formed()).unwrap().read().err().unwrap(),
                Err((fault, _)) => fault,
            };
            assert_eq!((fault.kind, &*fault.detail), (RejectionKind::InvalidRequest, detail), "{bad:?}");
        }
        assert_eq!(found(&[("x-api-key", " ")]), Err(RejectionKind::InvalidRequest));
    }

    // R6750-2.1a, R9110-11.2c
    #[test]
    fn a_token68_has_these_characters_and_no_others() {
        for byte in 0..=u8::MAX {
            let known = byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
            assert_eq!(is_token68_byte(byte), known, "{byte}");
        }
        assert!(is_token68("a==") && !is_token68("") && !is_token68("==") && !is_token68("a=a") && !is_token68("aé"));
    }

    // THREAT-T7
    #[test]
    fn a_field_value_has_the_characters_that_to_str_finds_in_it() {
        for byte in 0..=u8::MAX {
            let Ok(value) = HeaderValue::from_bytes(&[b'a', byte]) else { continue };
            assert_eq!(text_of(value.as_bytes()), value.to_str().ok(), "{byte}");
        }
    }

    // THREAT-A1
    #[test]
    fn a_field_of_16_kib_is_read_and_a_longer_one_refused() {
        let value = |len: usize| format!("Bearer {}", "a".repeat(len - 7));
        assert!(found(&[("authorization", &value(MAX_LEN))]).is_ok());
        assert_eq!(found(&[("authorization", &value(MAX_LEN + 1))]), Err(RejectionKind::InvalidRequest));
    }

    // THREAT-L1
    #[test]
    fn debug_shows_the_scheme_only() {
        assert!(!format!("{:?}", IncomingCredential::bearer("sentinel")).contains("sentinel"));
        let headers = headers(&[("authorization", "Bearer sentinel")]);
        let found = extract((&headers).into(), ALL).unwrap_or_default().unwrap();
        assert_eq!(format!("{found:?}"), "IncomingCredential { scheme: Bearer, .. }");
    }
}
