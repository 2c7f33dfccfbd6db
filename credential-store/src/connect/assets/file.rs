use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::HeaderValue;

/// A file that is part of the program.
///
/// Its name holds a hash of the content: a new version has another name, so browsers may keep the file for ever.
#[derive(Debug)]
pub(crate) struct Asset {
    name: String,
    etag: HeaderValue,
    content_type: &'static str,
    body: &'static str,
}

static STYLESHEET: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("connect", "css", "text/css; charset=utf-8", include_str!("connect.css")));
static SCRIPT: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("connect", "js", "text/javascript; charset=utf-8", include_str!("connect.js")));
static ICON: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("connect", "svg", "image/svg+xml", include_str!("connect.svg")));

/// The style sheet of all pages.
pub(crate) fn stylesheet() -> &'static Asset {
    &STYLESHEET
}

/// The script of all pages.
pub(crate) fn script() -> &'static Asset {
    &SCRIPT
}

/// The picture in the tab of all pages.
pub(crate) fn icon() -> &'static Asset {
    &ICON
}

/// The file that a request names, under the name with the hash or the plain one (`connect.css`).
///
/// A page of another version of the program, served while versions change, may ask for a hash that is not ours. It gets
/// the file we have.
pub(crate) fn asset(name: &str) -> Option<&'static Asset> {
    let (stem, extension) = name.rsplit_once('.')?;
    let is_ours = stem == "connect" || stem.strip_prefix("connect.").is_some_and(is_hash);
    match extension {
        "css" if is_ours => Some(stylesheet()),
        "js" if is_ours => Some(script()),
        "svg" if is_ours => Some(icon()),
        _ => None,
    }
}

fn is_hash(text: &str) -> bool {
    text.len() == HASH && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// Characters of the hash: 60 bits, plenty to tell versions apart.
const HASH: usize = 10;

impl Asset {
    fn new(stem: &str, extension: &str, content_type: &'static str, body: &'static str) -> Self {
        let mut hash = BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, body.as_bytes()));
        hash.truncate(HASH);
        let etag = HeaderValue::try_from(format!("\"{hash}\"")).expect("base64 and quotes are visible ASCII");
        Self { name: format!("{stem}.{hash}.{extension}"), etag, content_type, body }
    }

    /// With the hash, such as `connect.4fJ-2kq9Zx.css`.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn etag(&self) -> &HeaderValue {
        &self.etag
    }

    pub(crate) fn content_type(&self) -> &'static str {
        self.content_type
    }

    pub(crate) fn body(&self) -> &'static str {
        self.body
    }

    /// Whether the browser has it already, by the value of its `If-None-Match` (RFC 9110 section 13.1.2).
    pub(crate) fn is_known(&self, if_none_match: &HeaderValue) -> bool {
        let (Ok(known), Ok(own)) = (if_none_match.to_str(), self.etag.to_str()) else { return false };
        known.split(',').map(str::trim).any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == own)
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::{asset, icon, script, stylesheet};

    #[test]
    fn files_are_found_by_their_names() {
        for own in [stylesheet(), script(), icon()] {
            assert!(std::ptr::eq(asset(own.name()).unwrap(), own));
        }
        assert!(std::ptr::eq(asset("connect.css").unwrap(), stylesheet()));
        assert!(std::ptr::eq(asset("connect.0123456789.js").unwrap(), script()));
        for other in ["connect", "connect.html", "connect.x.css", "../connect.css", "connect.01234/6789.js", ""] {
            assert!(asset(other).is_none(), "{other}");
        }
    }

    #[test]
    fn a_file_that_the_browser_has_is_not_sent_again() {
        let etag = stylesheet().etag().to_str().unwrap();
        for known in [etag.to_owned(), format!("\"x\", W/{etag}"), "*".to_owned()] {
            assert!(stylesheet().is_known(&HeaderValue::try_from(known).unwrap()));
        }
        assert!(!stylesheet().is_known(script().etag()));
    }

    #[test]
    fn files_ask_for_nothing_from_elsewhere() {
        // The name of the language is the one address.
        let icon = icon().body().replace("http://www.w3.org/2000/svg", "");
        for (name, body) in [("css", stylesheet().body()), ("js", script().body()), ("svg", &icon)] {
            for word in ["http:", "https:", "url(", "@import", "eval(", "innerHTML", "localStorage", "sessionStorage"] {
                assert!(!body.contains(word), "{name} has {word}");
            }
        }
    }
}
