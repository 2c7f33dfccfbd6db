//! Reads the text around the places of a URL, so that each place is known to be in the host, the port, the path or the query.

use super::ast::{Part, Template};
use super::url::{Spot, Start, UrlTemplate, check_host};

pub(super) fn url(template: Template) -> Result<UrlTemplate, String> {
    let mut parts = template.parts.into_iter();
    let (start, first) = match parts.next() {
        None => return Err("the URL is empty".to_owned()),
        Some(Part::Place(expr)) => {
            let next = parts.next();
            match &next {
                None => {}
                Some(Part::Text(text)) if text.starts_with(['/', '?']) => {}
                Some(_) => return Err("a / or ? must follow the place that a URL begins with".to_owned()),
            }
            (Start::Other(expr), next)
        }
        Some(Part::Text(text)) => {
            let (https, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
                (Some(rest), _) => (true, rest),
                (None, Some(rest)) => (false, rest),
                (None, None) => return Err("this must be an absolute https URL".to_owned()),
            };
            (Start::Scheme { https }, (!rest.is_empty()).then(|| Part::Text(rest.to_owned())))
        }
    };
    let spot = if matches!(start, Start::Other(_)) { Spot::Path } else { Spot::Host };
    let pieces = pieces(spot, first.into_iter().chain(parts))?;
    if matches!(start, Start::Scheme { .. }) {
        check_host_pieces(&pieces)?;
    }
    Ok(UrlTemplate { start, pieces })
}

pub(super) fn path(template: Template) -> Result<UrlTemplate, String> {
    match template.parts.first() {
        Some(Part::Text(text)) if text.starts_with('/') && !text.starts_with("//") => {}
        _ => return Err("a path begins with one slash".to_owned()),
    }
    let pieces = pieces(Spot::Path, template.parts.into_iter())?;
    if pieces.iter().any(|(spot, _)| *spot != Spot::Path) {
        return Err("a path has no query".to_owned());
    }
    Ok(UrlTemplate { start: Start::Path, pieces })
}

/// Cuts texts where host, port, path and query meet.
fn pieces(mut spot: Spot, parts: impl Iterator<Item = Part>) -> Result<Vec<(Spot, Part)>, String> {
    let mut pieces = Vec::new();
    for part in parts {
        let Part::Text(text) = part else {
            pieces.push((spot, part));
            continue;
        };
        let mut piece = String::new();
        let mut brackets = false;
        for c in text.chars() {
            let next = match (spot, c) {
                (_, '#') => return Err("a URL here has no fragment".to_owned()),
                (Spot::Host | Spot::Port, '@') => return Err("a URL here has no user information".to_owned()),
                (Spot::Host, '[' | ']') => {
                    brackets = c == '[';
                    spot
                }
                (Spot::Host, ':') if !brackets => Spot::Port,
                (Spot::Host | Spot::Port, '/') => Spot::Path,
                (Spot::Host | Spot::Port | Spot::Path, '?') => Spot::Query,
                _ => spot,
            };
            check_character(next, c)?;
            if next != spot && !piece.is_empty() {
                pieces.push((spot, Part::Text(std::mem::take(&mut piece))));
            }
            spot = next;
            piece.push(c);
        }
        if !piece.is_empty() {
            pieces.push((spot, Part::Text(piece)));
        }
    }
    Ok(pieces)
}

fn check_character(spot: Spot, c: char) -> Result<(), String> {
    let fits = match spot {
        Spot::Host => c.is_ascii_alphanumeric() || "-.[]:".contains(c),
        Spot::Port => c.is_ascii_digit() || c == ':',
        Spot::Path | Spot::Query => c.is_ascii_alphanumeric() || "-._~!$&'()*+,;=:@/?%".contains(c),
    };
    if fits { Ok(()) } else { Err(format!("the character {c:?} cannot stand here in a URL")) }
}

/// The host as it would be if each place had an ordinary value.
fn check_host_pieces(pieces: &[(Spot, Part)]) -> Result<(), String> {
    let host: String = pieces
        .iter()
        .filter(|(spot, _)| *spot == Spot::Host)
        .map(|(_, part)| if let Part::Text(text) = part { text.as_str() } else { "x" })
        .collect();
    if host.starts_with('[') {
        return format!("https://{host}/")
            .parse::<http::Uri>()
            .map(|_| ())
            .map_err(|_| "the host is no address".to_owned());
    }
    check_host(&host).map_err(|_| format!("{host:?} is not a host name"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(source: &str) -> String {
        UrlTemplate::parse(source).unwrap_err()
    }

    #[test]
    fn what_is_no_https_url_is_refused() {
        for (bad, what) in [
            ("", "empty"),
            ("ftp://a.test/x", "absolute https"),
            ("/x", "absolute https"),
            ("https://", "host name"),
            ("https:///x", "host name"),
            ("https://u@a.test/", "user information"),
            ("https://{a}@b.test/", "user information"),
            ("https://a.test/x#y", "fragment"),
            ("https://a b.test/", "' '"),
            ("https://a.test/{{x}}", "'{'"),
            ("https://a..test/", "host name"),
            ("{base_url}x", "/ or ?"),
            ("{base_url}{x}", "/ or ?"),
            ("https://{a", "not closed"),
        ] {
            assert!(error(bad).contains(what), "{bad}: {}", error(bad));
        }
        assert!(UrlTemplate::parse_path("x").is_err() && UrlTemplate::parse_path("/a?b").is_err());
    }

    #[test]
    fn who_decides_the_host_is_known() {
        let count = |source: &str| UrlTemplate::parse(source).unwrap().deciding_names().len();
        for (source, expected) in [
            ("https://a.test/{x}", 0),
            ("https://{a}.acme.test/{x}?y={z}", 0),
            ("https://{a}.{b}.acme.test:{p}/", 0),
            ("https://{a}acme.test/", 1),
            ("https://{a}.com/", 1),
            ("https://api.{a}/", 1),
            ("https://{a}:8443/x", 1),
            ("https://{a}.{b}/", 2),
            ("{a||b}/x", 2),
        ] {
            assert_eq!(count(source), expected, "{source}");
        }
        assert_eq!(UrlTemplate::parse("https://A.test:1/{x}").unwrap().fixed_host().as_deref(), Some("a.test"));
        assert_eq!(UrlTemplate::parse("https://{x}.a.test/").unwrap().fixed_host(), None);
    }
}
