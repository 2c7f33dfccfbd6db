use axum::http::Method;
use tower_auth::core::{IncomingRequest, Policy};

use crate::config::RuleSpec;

/// What requests need, by path and method.
///
/// A request must meet every rule that is about it, so that a rule can only ever add to what is needed: it does not matter
/// which is the most specific, nor which comes first.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    rules: Vec<RuleSpec>,
    /// Paths that begin so need no credential, unless a rule is about them.
    open: Vec<String>,
}

impl Rules {
    pub(crate) fn new(rules: Vec<RuleSpec>, open: Vec<String>) -> Self {
        Self { rules, open }
    }

    /// What a request needs beside a good credential.
    pub(crate) fn policy(&self, request: &IncomingRequest<'_>) -> Policy {
        let (Some(method), Some(uri)) = (request.method(), request.uri()) else { return Policy::new() };
        Policy::all_of(self.about(method, uri.path()).map(|rule| rule.require.policy.clone()))
    }

    /// Whether a request needs no credential. The prefix is compared letter by letter, since to be wrong here opens a door.
    pub(crate) fn is_open(&self, method: &Method, path: &str) -> bool {
        // What stands behind a semicolon or an escape may be read in more ways than one.
        let is_plain = !path.contains([';', '%']);
        is_plain
            && self.open.iter().any(|prefix| path.starts_with(prefix.as_str()))
            && self.about(method, path).next().is_none()
    }

    /// Whether any rule is about a path, whatever the method.
    pub(crate) fn is_about(&self, path: &str) -> bool {
        self.rules.iter().any(|rule| covers(&rule.path, path))
    }

    fn about(&self, method: &Method, path: &str) -> impl Iterator<Item = &RuleSpec> {
        // Whoever answers HEAD does what GET does.
        let method = if method == Method::HEAD { &Method::GET } else { method };
        let is_about = move |one: &Method| one == method || (one == Method::HEAD && method == Method::GET);
        self.rules
            .iter()
            .filter(move |rule| rule.methods.is_empty() || rule.methods.iter().any(is_about))
            .filter(move |rule| covers(&rule.path, path))
    }
}

/// Whether a rule for `rule` is about `path`: the same, what is below it, and what an upstream might take for it. So letters
/// are compared without case, and in each segment `/admin.json`, `/admin;v=1` and `/admin%20` are `/admin`. To be wrong here asks
/// too much of a caller, and never too little.
pub(crate) fn covers(rule: &str, path: &str) -> bool {
    let mut segments = path.split('/').skip(1);
    rule.split('/')
        .skip(1)
        .filter(|wanted| !wanted.is_empty())
        .all(|wanted| segments.next().is_some_and(|segment| may_be(wanted.as_bytes(), segment.as_bytes())))
}

fn may_be(wanted: &[u8], segment: &[u8]) -> bool {
    let is_same = segment.get(..wanted.len()).is_some_and(|start| start.eq_ignore_ascii_case(wanted));
    // A letter, digit or mark of a name: `/administrators` is another path.
    let goes_on = segment.get(wanted.len()).is_some_and(|byte| byte.is_ascii_alphanumeric() || b"-_~".contains(byte));
    is_same && !goes_on
}

#[cfg(test)]
mod tests {
    use super::*;

    // THREAT-T10
    #[test]
    fn a_rule_is_about_what_an_upstream_might_take_for_its_path() {
        for path in [
            "/admin",
            "/admin/",
            "/admin/users",
            "/ADMIN",
            "/Admin/x",
            "/admin.json",
            "/admin;a=b",
            "/admin%20",
            "/admin%09x",
        ] {
            assert!(covers("/admin", path), "{path}");
        }
        for path in ["/", "/adm", "/administrators", "/admin-tools", "/admin_", "/x/admin", "/admim"] {
            assert!(!covers("/admin", path), "{path}");
        }
        assert!(covers("/", "/anything"));
        for path in [
            "/orders/approve",
            "/orders;x/approve",
            "/orders./approve;y",
            "/ORDERS%20/Approve/7",
            "/orders;/approve.json",
        ] {
            assert!(covers("/orders/approve", path), "{path}");
        }
        for path in ["/orders", "/orders/", "/orders/7/approve", "/orders-old/approve", "/orders/approved"] {
            assert!(!covers("/orders/approve", path), "{path}");
        }
    }
}
