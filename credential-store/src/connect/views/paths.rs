use std::fmt::Write as _;

use super::status::Status;

/// Where the pages are: the one place that knows, for templates and for the router alike.
///
/// | path | page |
/// | --- | --- |
/// | `/connectors` | picker; `?q=` searches |
/// | `/connectors/{id}` | form, GET and POST; `?method=` chooses the method |
/// | `/connections` | list; `?status=` and `?after=` |
/// | `/connections/{id}` | details |
/// | `/connections/{id}/log` | log of requests |
/// | `/connections/{id}/logging` | POST `enabled=true\|false` |
/// | `/connections/{id}/test` | POST |
/// | `/connections/{id}/reconnect` | form, GET and POST |
/// | `/connections/{id}/rename`, `/revoke`, `/delete` | GET asks, POST does |
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Paths {
    base: String,
}

impl Paths {
    /// Below `base`, the path at which the router is mounted: empty, or such as `/connect`.
    pub(crate) fn new(base: &str) -> Self {
        Self { base: base.trim_end_matches('/').to_owned() }
    }

    pub(crate) fn picker(&self) -> String {
        format!("{}/connectors", self.base)
    }

    pub(crate) fn connector(&self, id: &str) -> String {
        format!("{}/connectors/{}", self.base, encode(id))
    }

    pub(crate) fn method(&self, form: &str, method: &str) -> String {
        format!("{form}?method={}", encode(method))
    }

    pub(crate) fn connections(&self) -> String {
        format!("{}/connections", self.base)
    }

    pub(crate) fn connections_page(&self, status: Option<Status>, after: Option<&str>) -> String {
        let mut path = self.connections();
        let status = status.map(|status| ("status", status.as_str()));
        for (count, (name, value)) in status.into_iter().chain(after.map(|after| ("after", after))).enumerate() {
            let mark = if count == 0 { '?' } else { '&' };
            let _ = write!(path, "{mark}{name}={}", encode(value));
        }
        path
    }

    pub(crate) fn connection(&self, id: &str) -> String {
        format!("{}/connections/{}", self.base, encode(id))
    }

    /// `action` is one of those in the table.
    pub(crate) fn action(&self, id: &str, action: &str) -> String {
        format!("{}/{action}", self.connection(id))
    }

    pub(crate) fn asset(&self, name: &str) -> String {
        format!("{}/assets/{name}", self.base)
    }

    pub(crate) fn stylesheet(&self) -> String {
        self.asset(super::super::assets::stylesheet().name())
    }

    pub(crate) fn script(&self) -> String {
        self.asset(super::super::assets::script().name())
    }

    pub(crate) fn icon(&self) -> String {
        self.asset(super::super::assets::icon().name())
    }
}

/// Percent-encodes all but the unreserved characters (RFC 3986 section 2.3), so the text stays one segment or one value.
fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'~' => encoded.push(char::from(byte)),
            // Browsers take a segment of dots, encoded or not, for a step up.
            b'.' if !text.bytes().all(|byte| byte == b'.') => encoded.push('.'),
            _ => {
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::{Paths, Status};

    #[test]
    fn ids_stay_one_segment() {
        let paths = Paths::new("/connect/");
        assert_eq!(paths.connector("a/b?c#d"), "/connect/connectors/a%2Fb%3Fc%23d");
        assert_eq!(paths.action("x y", "delete"), "/connect/connections/x%20y/delete");
        assert_eq!(Paths::new("").picker(), "/connectors");
    }

    #[test]
    fn filters_and_cursors_make_one_query() {
        let paths = Paths::new("");
        assert_eq!(paths.connections_page(None, None), "/connections");
        assert_eq!(paths.connections_page(None, Some("a&b")), "/connections?after=a%26b");
        assert_eq!(
            paths.connections_page(Some(Status::NeedsReauth), Some("c")),
            "/connections?status=needs_reauth&after=c"
        );
    }
}
