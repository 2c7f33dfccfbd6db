use std::time::Duration;

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

/// A cookie of the router: for its own paths, and out of reach of scripts.
#[derive(Clone, Debug)]
pub(super) struct Cookie<'a> {
    pub(super) name: &'a str,
    pub(super) value: &'a str,
    pub(super) path: &'a str,
    pub(super) lifetime: Duration,
    pub(super) is_secure: bool,
    /// Whether browsers send it along with a form that another site sends. Needs `https`.
    pub(super) crosses_sites: bool,
}

impl Cookie<'_> {
    /// The value of `Set-Cookie`; `None` if a part of it cannot be in one.
    pub(super) fn to_header(&self) -> Option<HeaderValue> {
        let path = if self.path.is_empty() { "/" } else { self.path };
        let site = if self.crosses_sites { "None" } else { "Lax" };
        let secure = if self.is_secure || self.crosses_sites { "; Secure" } else { "" };
        let (name, value, age) = (self.name, self.value, self.lifetime.as_secs());
        let text = format!("{name}={value}; Path={path}; Max-Age={age}; HttpOnly; SameSite={site}{secure}");
        let mut header = HeaderValue::try_from(text).ok()?;
        header.set_sensitive(true);
        Some(header)
    }
}

/// The value of a cookie that a request brings. Where several have the name, the first: browsers send that of the longest path first.
pub(super) fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    lines
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(own, value)| (own == name).then_some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_stay_with_the_router_and_away_from_scripts() {
        let cookie = Cookie {
            name: "n",
            value: "v",
            path: "/connect",
            lifetime: Duration::from_secs(60),
            is_secure: true,
            crosses_sites: false,
        };
        assert_eq!(cookie.to_header().unwrap(), "n=v; Path=/connect; Max-Age=60; HttpOnly; SameSite=Lax; Secure");
        let crossing = Cookie { path: "", is_secure: false, crosses_sites: true, ..cookie };
        assert_eq!(crossing.to_header().unwrap(), "n=v; Path=/; Max-Age=60; HttpOnly; SameSite=None; Secure");
    }

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("xn=1; n=2;  m = 3"));
        headers.append(COOKIE, HeaderValue::from_static("n=4; o"));
        assert_eq!(cookie(&headers, "n"), Some("2"));
        assert_eq!(cookie(&headers, "o"), None);
    }
}
