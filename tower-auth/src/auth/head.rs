use http::header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION};
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version};
use zeroize::Zeroize;

/// A copy of a request's head, kept until it is known whether the request must be sent again.
///
/// Headers are kept as text in one buffer: one allocation and no reference counts, against two allocations and a count for
/// each value in a cloned `HeaderMap`. They are parsed only after a refusal.
pub(super) struct Head {
    method: Method,
    uri: Uri,
    version: Version,
    extensions: Extensions,
    headers: Vec<u8>,
    sensitive: bool,
}

/// In front of each name and value: their lengths, and whether the value is sensitive.
const PREFIX: usize = 2 + 4 + 1;

impl Head {
    pub(super) fn of<B>(request: &Request<B>) -> Self {
        let size = request.headers().iter().map(|(name, value)| PREFIX + name.as_str().len() + value.len()).sum();
        let mut headers = Vec::with_capacity(size);
        let mut sensitive = false;
        for (name, value) in request.headers() {
            // Both fit: names are at most 64 KiB long in `http`, and no value reaches 4 GiB.
            let name_length = u16::try_from(name.as_str().len()).unwrap_or(0);
            let value_length = u32::try_from(value.len()).unwrap_or(0);
            sensitive |= value.is_sensitive() || is_of_a_credential(name);
            let ([a, b], [c, d, e, f]) = (name_length.to_ne_bytes(), value_length.to_ne_bytes());
            headers.extend_from_slice(&[a, b, c, d, e, f, u8::from(value.is_sensitive())]);
            headers.extend_from_slice(&name.as_str().as_bytes()[..usize::from(name_length)]);
            headers.extend_from_slice(&value.as_bytes()[..widen(value_length)]);
        }
        Self {
            method: request.method().clone(),
            uri: request.uri().clone(),
            version: request.version(),
            extensions: request.extensions().clone(),
            headers,
            sensitive,
        }
    }

    pub(super) fn uri(&self) -> &Uri {
        &self.uri
    }

    /// The request again, with another body; perhaps not for the last time.
    pub(super) fn request<B>(&self, body: B) -> Request<B> {
        let mut request = Request::new(body);
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.version_mut() = self.version;
        *request.extensions_mut() = self.extensions.clone();
        *request.headers_mut() = parse(&self.headers);
        request
    }

    /// The request again, with another body.
    pub(super) fn into_request<B>(mut self, body: B) -> Request<B> {
        let mut request = Request::new(body);
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.version_mut() = self.version;
        *request.extensions_mut() = std::mem::take(&mut self.extensions);
        *request.headers_mut() = parse(&self.headers);
        request
    }
}

/// Whatever the caller said of the value.
#[inline]
fn is_of_a_credential(name: &HeaderName) -> bool {
    name == AUTHORIZATION || name == COOKIE || name == PROXY_AUTHORIZATION
}

/// A credential of the caller's own may be among the headers.
impl Drop for Head {
    fn drop(&mut self) {
        if self.sensitive {
            self.headers.zeroize();
        }
    }
}

fn parse(mut rest: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    while let Some((name, value)) = next(&mut rest) {
        headers.append(name, value);
    }
    headers
}

/// The next header; `None` at the end. The buffer holds what `Head::of` wrote, so that nothing else ends it.
fn next(rest: &mut &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let (name_length, tail) = rest.split_first_chunk()?;
    let (value_length, tail) = tail.split_first_chunk()?;
    let (sensitive, tail) = tail.split_first()?;
    let (name, tail) = tail.split_at_checked(usize::from(u16::from_ne_bytes(*name_length)))?;
    let (value, tail) = tail.split_at_checked(widen(u32::from_ne_bytes(*value_length)))?;
    *rest = tail;
    let mut value = HeaderValue::from_bytes(value).ok()?;
    value.set_sensitive(*sensitive == 1);
    Some((HeaderName::from_bytes(name).ok()?, value))
}

fn widen(length: u32) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_survives_the_round_trip() {
        let mut secret = HeaderValue::from_static("k3y");
        secret.set_sensitive(true);
        let request = Request::builder()
            .method(Method::PATCH)
            .uri("https://api.example.com/x?y=z")
            .version(Version::HTTP_2)
            .header("accept", "a")
            .header("accept", "b")
            .header("x-empty", "")
            .header("x-bytes", HeaderValue::from_bytes(b"\xff\xfe").unwrap())
            .header("x-key", secret)
            .extension(7_u8)
            .body(())
            .unwrap();
        let again = Head::of(&request).into_request("body");
        assert_eq!(again.method(), request.method());
        assert_eq!(again.uri(), request.uri());
        assert_eq!(again.version(), request.version());
        assert_eq!(again.headers(), request.headers());
        assert!(again.headers()["x-key"].is_sensitive() && !again.headers()["accept"].is_sensitive());
        assert_eq!(again.extensions().get::<u8>(), Some(&7));
        assert_eq!(*again.body(), "body");
    }

    #[test]
    fn a_head_without_headers_survives_too() {
        assert!(Head::of(&Request::new(())).into_request(()).headers().is_empty());
    }
}
