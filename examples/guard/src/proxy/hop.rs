//! Fields that are for the next hop alone (RFC 9110 section 7.6.1).

use axum::http::header::{
    CONNECTION, COOKIE, EXPECT, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRANSFER_ENCODING, UPGRADE,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue};

static ALWAYS: [HeaderName; 7] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Removes them from a request or response, with all that its `Connection` names.
pub(super) fn remove(headers: &mut HeaderMap) {
    let mut named = Vec::new();
    for value in headers.get_all(CONNECTION) {
        let names = value.as_bytes().split(|byte| *byte == b',');
        named.extend(names.filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok()));
    }
    let wants_trailers = headers.get_all(TE).iter().any(|value| {
        let codings = value.as_bytes().split(|byte| *byte == b',');
        codings.into_iter().any(|coding| coding.trim_ascii().eq_ignore_ascii_case(b"trailers"))
    });
    for name in named.iter().chain(&ALWAYS) {
        headers.remove(name);
    }
    headers.remove(TE);
    if wants_trailers {
        // What gRPC insists on, and the one value that goes through every hop here.
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
}

/// Removes from a request what this hop has done already: the answer `100 Continue`.
pub(super) fn remove_expectation(headers: &mut HeaderMap) {
    headers.remove(EXPECT);
}

/// Puts the cookies of HTTP/2, where each may have a field of its own, into one field (RFC 9113 section 8.2.3).
pub(super) fn join_cookies(headers: &mut HeaderMap) {
    let mut all = headers.get_all(COOKIE).iter();
    let (Some(first), Some(second)) = (all.next(), all.next()) else { return };
    let mut joined = first.as_bytes().to_vec();
    for value in std::iter::once(second).chain(all) {
        joined.extend_from_slice(b"; ");
        joined.extend_from_slice(value.as_bytes());
    }
    // Made of values and of what values may have.
    if let Ok(mut value) = HeaderValue::from_bytes(&joined) {
        value.set_sensitive(true);
        headers.insert(COOKIE, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    // RFC 9110 section 7.6.1
    #[test]
    fn fields_for_one_hop_and_those_that_connection_names_are_removed() {
        let mut headers = map(&[
            ("connection", "close, X-One"),
            ("connection", "x-two ,, bad name,X-AUTH-SUBJECT"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("proxy-authorization", "Basic QTpi"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("te", "gzip"),
            ("x-one", "1"),
            ("x-two", "2"),
            ("x-auth-subject", "root"),
            ("x-three", "3"),
        ]);
        remove(&mut headers);
        assert_eq!(headers, map(&[("x-three", "3")]));
        let mut headers = map(&[("connection", "te"), ("te", "deflate;q=0.5, Trailers")]);
        remove(&mut headers);
        assert_eq!(headers, map(&[("te", "trailers")]));
    }

    #[test]
    fn cookies_of_several_fields_become_one() {
        let mut headers = map(&[("cookie", "a=1"), ("cookie", "b=2; c=3"), ("cookie", "d=4")]);
        join_cookies(&mut headers);
        assert_eq!(headers, map(&[("cookie", "a=1; b=2; c=3; d=4")]));
    }
}
