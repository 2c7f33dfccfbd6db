use std::fmt::Write as _;

use zeroize::Zeroizing;

/// A text with places to fill in: `https://{subdomain}.example.com/{tenant_id}/token`.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
enum Part {
    Text(String),
    Name(String),
}

/// The name that stands for the API's base URL in other URLs.
pub(crate) const BASE_URL: &str = "base_url";

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// A text that says what is wrong with it.
    pub(crate) fn parse(source: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = source;
        while let Some(start) = rest.find(['{', '}']) {
            let (text, tail) = rest.split_at(start);
            if !text.is_empty() {
                parts.push(Part::Text(text.to_owned()));
            }
            let name = tail.strip_prefix('{').and_then(|tail| tail.split_once('}'));
            let Some((name, tail)) = name else {
                return Err(format!("the braces in {source:?} do not match"));
            };
            check_name(name)?;
            parts.push(Part::Name(name.to_owned()));
            rest = tail;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self { parts })
    }

    /// A template without text.
    pub(crate) fn empty() -> Self {
        Self { parts: Vec::new() }
    }

    /// A template that is the field `name` and nothing else.
    pub(crate) fn of_field(name: &str) -> Self {
        Self { parts: vec![Part::Name(name.to_owned())] }
    }

    /// The names in it.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Name(name) => Some(name.as_str()),
            Part::Text(_) => None,
        })
    }

    /// The text with every name replaced by what `value` knows of it, as it is.
    pub(crate) fn fill<'v>(&self, value: impl Fn(&str) -> Option<&'v str>) -> Zeroizing<String> {
        let pieces: Vec<&str> = self
            .parts
            .iter()
            .map(|part| match part {
                Part::Text(text) => text.as_str(),
                Part::Name(name) => value(name).unwrap_or_default(),
            })
            .collect();
        // Joined at once, so that no outgrown buffer is left behind.
        Zeroizing::new(pieces.concat())
    }

    /// The URL with every name replaced so that its value cannot leave its place: percent-encoded in path and query; in
    /// the host only characters that host names have. `{base_url}` is put in as it is, at the beginning only.
    ///
    /// # Errors
    /// A text that says which value cannot stand where it would.
    pub(crate) fn fill_url<'v>(&self, value: impl Fn(&str) -> Option<&'v str>) -> Result<String, String> {
        let mut url = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) if url.ends_with('/') && text.starts_with('/') => url.push_str(&text[1..]),
                Part::Text(text) => url.push_str(text),
                Part::Name(name) => {
                    let text = value(name).unwrap_or_default();
                    if name == BASE_URL {
                        if !url.is_empty() {
                            return Err("{base_url} may stand at the beginning only".to_owned());
                        }
                        url.push_str(text);
                    } else if in_host(&url) {
                        url.push_str(host_part(name, text)?);
                    } else {
                        url.push_str(&path_part(name, text)?);
                    }
                }
            }
        }
        Ok(url)
    }
}

/// Whether what follows `url` is part of its host and port.
fn in_host(url: &str) -> bool {
    match url.split_once("://") {
        Some((_, rest)) => !rest.contains(['/', '?']),
        None => true,
    }
}

fn host_part<'v>(name: &str, value: &'v str) -> Result<&'v str, String> {
    let fits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte));
    if fits {
        Ok(value)
    } else {
        Err(format!("the value of {name} stands in a host name, so it must have letters, digits, '-' and '.' only"))
    }
}

/// One segment of a path, or part of a query: everything but unreserved characters is encoded (RFC 3986 section 2.3).
fn path_part(name: &str, value: &str) -> Result<String, String> {
    if matches!(value, "" | "." | "..") {
        return Err(format!("the value of {name} stands in a URL, so it must not be empty, \".\" or \"..\""));
    }
    let mut encoded = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("a string takes every text");
        }
    }
    Ok(encoded)
}

fn check_name(name: &str) -> Result<(), String> {
    if name.contains("||") {
        return Err(format!("{{{name}}}: alternatives (||) are not supported yet by fetch"));
    }
    if name.contains(['.', '(']) {
        return Err(format!("{{{name}}}: steps and functions are not supported yet by fetch"));
    }
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Err(format!("{{{name}}} is not the name of a field"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(template: &str, value: &str) -> Result<String, String> {
        let value = |name: &str| Some(if name == BASE_URL { "https://api.example.com/" } else { value });
        Template::parse(template).unwrap().fill_url(value)
    }

    // SYS-V2
    #[test]
    fn a_value_in_a_path_or_query_cannot_leave_its_place() {
        assert_eq!(
            url("https://a/x/{t}/token", "a/b c?d#e%\u{e4}").unwrap(),
            "https://a/x/a%2Fb%20c%3Fd%23e%25%C3%A4/token"
        );
        assert_eq!(url("https://a/x?t={t}&u=1", "a&b=c").unwrap(), "https://a/x?t=a%26b%3Dc&u=1");
        for bad in ["", ".", ".."] {
            assert!(url("https://a/{t}/token", bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_value_in_a_host_is_a_piece_of_a_host_name() {
        assert_eq!(url("https://{t}.example.com/x", "acme-1").unwrap(), "https://acme-1.example.com/x");
        for bad in ["", "evil.com/", "a@b", "a:1", "a%2e", "a?b", "a#b"] {
            assert!(url("https://{t}.example.com/x", bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_base_url_comes_first_and_its_slash_is_not_doubled() {
        assert_eq!(url("{base_url}/v1/{t}", "me").unwrap(), "https://api.example.com/v1/me");
        assert!(url("https://a/{base_url}", "x").is_err());
    }

    #[test]
    fn text_is_filled_as_it_is() {
        let template = Template::parse("a {x}, b {y}").unwrap();
        assert_eq!(&*template.fill(|name| (name == "x").then_some("1 & 2")), "a 1 & 2, b ");
        assert_eq!(template.names().collect::<Vec<_>>(), ["x", "y"]);
    }

    #[test]
    fn what_is_not_a_name_is_refused_with_a_reason() {
        for (bad, reason) in [
            ("{a", "do not match"),
            ("a}", "do not match"),
            ("{}", "not the name"),
            ("{a b}", "not the name"),
            ("{a||b}", "alternatives"),
            ("{step1.token}", "steps and functions"),
            ("{base64(a)}", "steps and functions"),
        ] {
            let error = Template::parse(bad).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
    }
}
