use std::fmt;
use std::sync::Arc;

use http::{StatusCode, Uri};

use super::AuthorizationServer;
use super::params::{encode, first, from_form};

/// Where the authorization endpoint sends the user agent back to (RFC 6749 section 4.1.2).
///
/// `Debug` shows the names of the parameters alone.
#[derive(Clone)]
pub struct Redirect {
    location: String,
    params: Vec<(String, String)>,
    is_form: bool,
}

/// The authorization endpoint does not send the user agent back: client or redirect URI cannot be trusted (RFC 6749
/// section 4.1.2.1).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NoRedirect {
    /// The status of the page that the user sees.
    pub status: StatusCode,
    /// What the page says.
    pub reason: String,
}

impl Redirect {
    /// To `target`, which keeps a query of its own.
    pub(super) fn new(target: &str, params: Vec<(&'static str, String)>) -> Self {
        let mut location = target.to_owned();
        for (index, (name, value)) in params.iter().enumerate() {
            location.push(if index == 0 && !target.contains('?') { '?' } else { '&' });
            location.push_str(name);
            location.push('=');
            location.push_str(&encode(value));
        }
        Self { location, params: owned(params), is_form: false }
    }

    /// To `target` by a form that the user agent sends there (OAuth 2.0 Form Post Response Mode).
    pub(super) fn by_form(target: &str, params: Vec<(&'static str, String)>) -> Self {
        Self { location: target.to_owned(), params: owned(params), is_form: true }
    }

    /// The `Location`: a code is in it, unless it stands in a [`form`](Self::form).
    #[must_use]
    pub fn location(&self) -> &str {
        &self.location
    }

    /// The `Location` as a URI. `None` for a private-use scheme that `http::Uri` cannot hold.
    #[must_use]
    pub fn uri(&self) -> Option<Uri> {
        self.location.parse().ok()
    }

    /// What the user agent sends to [`location`](Self::location) by `POST`, if the client asked for `response_mode=form_post`.
    #[must_use]
    pub fn form(&self) -> Option<String> {
        let pairs = self.params.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value)));
        self.is_form.then(|| pairs.collect::<Vec<_>>().join("&"))
    }

    /// The fields of that form.
    pub(super) fn fields(&self) -> Option<&[(String, String)]> {
        self.is_form.then_some(&self.params[..])
    }

    /// A parameter that the server added.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&str> {
        first(&self.params, name)
    }

    /// The authorization code.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.param("code")
    }

    /// The error code.
    #[must_use]
    pub fn error(&self) -> Option<&str> {
        self.param("error")
    }

    /// What the client sent to recognize its answer.
    #[must_use]
    pub fn state(&self) -> Option<&str> {
        self.param("state")
    }

    /// The issuer (RFC 9207).
    #[must_use]
    pub fn iss(&self) -> Option<&str> {
        self.param("iss")
    }
}

fn owned(params: Vec<(&'static str, String)>) -> Vec<(String, String)> {
    params.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

impl fmt::Debug for Redirect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.params.iter().map(|(name, _)| name).collect();
        f.debug_struct("Redirect").field("params", &names).finish_non_exhaustive()
    }
}

impl fmt::Display for NoRedirect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the test server does not redirect: {}", self.reason)
    }
}

impl std::error::Error for NoRedirect {}

/// Whether `asked` is the redirect URI `registered`: the same text (RFC 9700 section 2.1), or on a literal loopback address the same
/// but for the port (RFC 8252 section 7.3).
pub(super) fn is_registered(registered: &str, asked: &str) -> bool {
    let without_port = |uri: &str| {
        let rest = uri.strip_prefix("http://")?;
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let host = ["127.0.0.1", "[::1]"].into_iter().find(|host| {
            let port = authority.strip_prefix(host);
            port.is_some_and(|port| {
                port.is_empty() || port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok())
            })
        })?;
        Some((host, path.to_owned()))
    };
    registered == asked || without_port(registered).is_some_and(|own| without_port(asked) == Some(own))
}

/// Whether `uri` may be registered: absolute, and without a fragment (RFC 6749 section 3.1.2).
pub(super) fn may_be_registered(uri: &str) -> bool {
    let scheme = uri.split_once(':').map_or("", |(scheme, _)| scheme);
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
    let has_clean_query = uri.split_once('?').is_none_or(|(_, query)| from_form(query.as_bytes()).is_some());
    is_scheme && has_clean_query && uri.bytes().all(|byte| matches!(byte, b'!'..=b'~')) && !uri.contains('#')
}

impl AuthorizationServer {
    /// Adds a redirect URI of the client `client_id`, such as that of a process that has just got its port.
    ///
    /// ```
    /// use tower_auth_testing::AuthorizationServer;
    ///
    /// let server = AuthorizationServer::builder().client("orders", "secret").build()?;
    /// server.add_redirect_uri("orders", "https://app.test/callback");
    /// # Ok::<(), tower_auth_core::ConfigError>(())
    /// ```
    ///
    /// # Panics
    /// When there is no such client, or the URI is not absolute or has a fragment.
    pub fn add_redirect_uri(&self, client_id: &str, uri: impl Into<String>) {
        let uri = uri.into();
        assert!(may_be_registered(&uri), "a redirect URI is absolute and has no fragment");
        let shared = self.shared();
        let mut clients = shared.clients();
        let client = clients.get_mut(client_id).expect("the client is one of the server's");
        Arc::make_mut(client).redirect_uris.push(uri);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_port_of_a_literal_loopback_address_is_free() {
        for (registered, asked) in [
            ("https://app.test/cb", "https://app.test/cb"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:49152/cb"),
            ("http://127.0.0.1:1/cb?x=1", "http://127.0.0.1/cb?x=1"),
            ("http://[::1]/cb", "http://[::1]:8080/cb"),
            ("app.test:/cb", "app.test:/cb"),
        ] {
            assert!(is_registered(registered, asked), "{asked}");
        }
        for (registered, asked) in [
            ("https://app.test/cb", "https://app.test/cb/"),
            ("https://app.test/cb", "https://app.test:443/cb"),
            ("https://app.test/cb", "https://APP.test/cb"),
            ("https://app.test/cb", "https://app.test/cb?x=1"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:49152/other"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:49152/cb?x=1"),
            ("http://127.0.0.1/cb", "https://127.0.0.1/cb"),
            ("http://127.0.0.1/cb", "http://[::1]/cb"),
            ("http://127.0.0.1/cb", "http://127.0.0.1.evil.test/cb"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:80@evil.test/cb"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:70000/cb"),
            ("http://localhost/cb", "http://localhost:49152/cb"),
        ] {
            assert!(!is_registered(registered, asked), "{asked}");
        }
    }

    #[test]
    fn only_absolute_uris_without_fragment_can_be_registered() {
        for good in ["https://app.test/cb?a=b", "com.example.app:/cb", "http://127.0.0.1/"] {
            assert!(may_be_registered(good), "{good}");
        }
        for bad in
            ["", "/cb", "//app.test/cb", "https://app.test/#x", "https://app.test/a b", "1a:/b", "https://a.test/?%"]
        {
            assert!(!may_be_registered(bad), "{bad}");
        }
    }

    #[test]
    fn parameters_are_added_to_the_query() {
        let redirect =
            Redirect::new("https://app.test/cb", vec![("code", "a b&c".to_owned()), ("state", "ä".to_owned())]);
        assert_eq!(redirect.location(), "https://app.test/cb?code=a+b%26c&state=%C3%A4");
        assert_eq!(Redirect::new("a:/b?c=d", vec![("code", "e".to_owned())]).location(), "a:/b?c=d&code=e");
        assert_eq!((redirect.code(), redirect.error()), (Some("a b&c"), None));
        assert!(!format!("{redirect:?}").contains("a b"));
        assert_eq!(redirect.form(), None);
        let form = Redirect::by_form("https://app.test/cb?x=1", vec![("code", "a b&c".to_owned())]);
        assert_eq!((form.location(), form.form().as_deref()), ("https://app.test/cb?x=1", Some("code=a+b%26c")));
    }
}
