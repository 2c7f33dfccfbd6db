use std::fmt;

/// The shape of issuer URLs: `https://login.example.com/{tenant}/v2.0`.
///
/// A part in braces stands for one label of the host, for the whole host (`{host}`, with a port), for the whole host and the
/// path before the rest (`{base}`), or for one segment of the path. URLs are compared as they are written: nothing is decoded,
/// folded or normalized (RFC 8414 section 4).
#[derive(Clone)]
pub(in crate::verify) struct Template {
    text: Box<str>,
    scheme: &'static str,
    host: Host,
    path: Box<[Part]>,
}

#[derive(Clone, PartialEq)]
enum Host {
    /// Labels, and the port with its colon.
    Labels(Box<[Part]>, Box<str>),
    /// Host and port.
    Whole(Box<str>),
    /// Host, port and as much of the path as there is before the rest.
    Base(Box<str>),
}

#[derive(Clone, PartialEq)]
enum Part {
    Fixed(Box<str>),
    Open(Box<str>),
}

/// Plain `http` is judged elsewhere.
const SCHEMES: &[&str] = &["https://", "http://"];

/// What the open parts are filled with, by name.
pub(in crate::verify) type Filling<'a> = Vec<(&'a str, &'a str)>;

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// What is wrong with it, to follow "the template".
    pub(in crate::verify) fn parse(text: &str) -> Result<Self, &'static str> {
        let scheme = SCHEMES.iter().find(|scheme| text.starts_with(**scheme)).ok_or("does not start with https://")?;
        let rest = &text[scheme.len()..];
        let (host, path) = rest.split_once('/').map_or((rest, None), |(host, path)| (host, Some(path)));
        let host = match open(host) {
            Some("host") => Host::Whole("host".into()),
            Some("base") => Host::Base("base".into()),
            _ => {
                let (host, port) = split_port(host);
                if !is_port(port) {
                    return Err("has a port that is none");
                }
                let labels = host.split('.').map(|label| Part::parse(label, is_label)).collect::<Result<_, _>>()?;
                Host::Labels(labels, port.into())
            }
        };
        let path = match path {
            Some(path) => path.split('/').map(|one| Part::parse(one, is_segment)).collect::<Result<Vec<_>, _>>()?,
            None => Vec::new(),
        };
        // Only a slash at the end may have nothing behind it.
        if path.iter().rev().skip(1).any(|part| *part == Part::Fixed("".into())) {
            return Err("has an empty part of a path");
        }
        Ok(Self { text: text.into(), scheme, host, path: path.into() })
    }

    pub(in crate::verify) fn as_str(&self) -> &str {
        &self.text
    }

    /// The names of the open parts, each once.
    pub(in crate::verify) fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = match &self.host {
            Host::Whole(name) | Host::Base(name) => vec![name],
            Host::Labels(labels, _) => labels.iter().filter_map(Part::name).collect(),
        };
        for name in self.path.iter().filter_map(Part::name) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// Whether a part of the host is open.
    pub(in crate::verify) fn opens_host(&self) -> bool {
        match &self.host {
            Host::Whole(_) | Host::Base(_) => true,
            Host::Labels(labels, _) => labels.iter().any(|label| label.name().is_some()),
        }
    }

    /// How many labels at the end of the host are fixed.
    pub(in crate::verify) fn fixed_domain(&self) -> usize {
        match &self.host {
            Host::Whole(_) | Host::Base(_) => 0,
            Host::Labels(labels, _) => labels.iter().rev().take_while(|label| label.name().is_none()).count(),
        }
    }

    /// What the open parts are in `url`; `None` if it has another shape.
    pub(in crate::verify) fn read<'a>(&'a self, url: &'a str) -> Option<Filling<'a>> {
        let rest = url.strip_prefix(self.scheme)?;
        let (host, path) = rest.split_once('/').map_or((rest, None), |(host, path)| (host, Some(path)));
        let path: Vec<&str> = path.map(|path| path.split('/').collect()).unwrap_or_default();
        let mut filling = Filling::new();
        let before = match &self.host {
            Host::Labels(labels, port) => {
                let own: Vec<&str> = host.strip_suffix(&**port)?.split('.').collect();
                read_all(labels, &own, is_label, &mut filling)?;
                0
            }
            Host::Whole(name) => {
                is_host(host).then_some(())?;
                filling.push((name, host));
                0
            }
            Host::Base(name) => {
                is_host(host).then_some(())?;
                let before = path.len().checked_sub(self.path.len())?;
                path[..before].iter().all(|one| !one.is_empty() && is_segment(one)).then_some(())?;
                let length = host.len() + path[..before].iter().map(|one| one.len() + 1).sum::<usize>();
                filling.push((name, rest.get(..length)?));
                before
            }
        };
        read_all(&self.path, &path[before..], is_segment, &mut filling)?;
        Some(filling)
    }

    /// The URL with its open parts filled. `None` if one has no value, or one that does not stand for one part.
    pub(in crate::verify) fn fill<'v>(&self, value: impl Fn(&str) -> Option<&'v str>) -> Option<String> {
        let mut url = String::from(self.scheme);
        match &self.host {
            Host::Whole(name) | Host::Base(name) => url.push_str(value(name)?),
            Host::Labels(labels, port) => {
                for (index, label) in labels.iter().enumerate() {
                    if index > 0 {
                        url.push('.');
                    }
                    label.write(&mut url, &value)?;
                }
                url.push_str(port);
            }
        }
        for part in &self.path {
            url.push('/');
            part.write(&mut url, &value)?;
        }
        // What was put in must be read again as the same, or it was more than one part.
        let read = self.read(&url)?;
        read.iter().all(|(name, found)| value(name) == Some(*found)).then_some(())?;
        Some(url)
    }

    /// Whether some URL may have both shapes.
    pub(in crate::verify) fn overlaps(&self, other: &Self) -> bool {
        let (Host::Labels(own, port), Host::Labels(others, other_port)) = (&self.host, &other.host) else {
            return true;
        };
        let may_meet = |own: &[Part], others: &[Part]| {
            own.len() == others.len()
                && own.iter().zip(others).all(|pair| match pair {
                    (Part::Fixed(a), Part::Fixed(b)) => a == b,
                    _ => true,
                })
        };
        self.scheme == other.scheme && port == other_port && may_meet(own, others) && may_meet(&self.path, &other.path)
    }
}

/// Whether a text that a token brings may be the URL of an issuer at all: a scheme, a plain host, plain segments, and nothing
/// that two readers of URLs might understand differently.
pub(in crate::verify) fn is_plain_url(url: &str) -> bool {
    let Some(rest) = SCHEMES.iter().find_map(|scheme| url.strip_prefix(scheme)) else { return false };
    let (host, path) = rest.split_once('/').map_or((rest, ""), |(host, path)| (host, path));
    let path = path.strip_suffix('/').unwrap_or(path);
    url.len() <= 512
        && is_host(host)
        && (path.is_empty() || path.split('/').all(|one| !one.is_empty() && is_segment(one)))
}

fn read_all<'a>(
    parts: &'a [Part],
    values: &[&'a str],
    fits: fn(&str) -> bool,
    filling: &mut Filling<'a>,
) -> Option<()> {
    if parts.len() != values.len() {
        return None;
    }
    for (part, value) in parts.iter().zip(values) {
        match part {
            Part::Fixed(own) if **own == **value => {}
            Part::Open(name) if fits(value) && !value.is_empty() => {
                // A name that stands twice stands for the same.
                if filling.iter().any(|(known, old)| *known == &**name && old != value) {
                    return None;
                }
                filling.push((name, value));
            }
            Part::Fixed(_) | Part::Open(_) => return None,
        }
    }
    Some(())
}

impl Part {
    fn parse(text: &str, fits: fn(&str) -> bool) -> Result<Self, &'static str> {
        if let Some(name) = open(text) {
            let good = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
            return if good {
                Ok(Self::Open(name.into()))
            } else {
                Err("has a part whose name is not of letters a-z and _")
            };
        }
        if fits(text) { Ok(Self::Fixed(text.into())) } else { Err("has a part that no issuer URL has") }
    }

    fn name(&self) -> Option<&str> {
        match self {
            Self::Fixed(_) => None,
            Self::Open(name) => Some(name),
        }
    }

    fn write<'v>(&self, url: &mut String, value: impl Fn(&str) -> Option<&'v str>) -> Option<()> {
        url.push_str(match self {
            Self::Fixed(text) => text,
            Self::Open(name) => value(name)?,
        });
        Some(())
    }
}

/// The name in a part that is wholly in braces.
fn open(text: &str) -> Option<&str> {
    text.strip_prefix('{')?.strip_suffix('}')
}

/// Nothing that another reader of the URL might take for more than one label.
fn is_label(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && !text.starts_with('-')
        && !text.ends_with('-')
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// The unreserved characters of RFC 3986 and some that are harmless in a path; no percent sign, so that there is one way to
/// write a segment, and no dots that lead elsewhere.
fn is_segment(text: &str) -> bool {
    text.len() <= 128
        && text != "."
        && text != ".."
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~:@+=,!".contains(&byte))
}

/// A host of at least one label, or an IPv4 address, and perhaps a port.
fn is_host(text: &str) -> bool {
    let (host, port) = split_port(text);
    host.len() <= 253 && host.split('.').all(is_label) && is_port(port)
}

/// The host, and the port with its colon.
fn split_port(text: &str) -> (&str, &str) {
    text.find(':').map_or((text, ""), |colon| text.split_at(colon))
}

/// Nothing, or a colon and a port as it is usually written.
fn is_port(text: &str) -> bool {
    let Some(digits) = text.strip_prefix(':') else { return text.is_empty() };
    !digits.starts_with(['0', '+']) && digits.parse::<u16>().is_ok()
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(template: &str, url: &str) -> Option<String> {
        let template = Template::parse(template).unwrap();
        let filling = template.read(url)?;
        Some(filling.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&"))
    }

    #[test]
    fn the_open_parts_of_an_issuer_are_read() {
        let entra = "https://login.microsoftonline.com/{tenant}/v2.0";
        assert_eq!(read(entra, "https://login.microsoftonline.com/a-1/v2.0").unwrap(), "tenant=a-1");
        assert_eq!(read("https://{org}.okta.com/oauth2/{id}", "https://x.okta.com/oauth2/d").unwrap(), "org=x&id=d");
        assert_eq!(read("https://{host}/", "https://a.example:8443/").unwrap(), "host=a.example:8443");
        assert_eq!(
            read("https://{base}/realms/{realm}", "https://a/kc/auth/realms/r").unwrap(),
            "base=a/kc/auth&realm=r"
        );
        assert_eq!(read("https://{base}/realms/{realm}", "https://a/realms/r").unwrap(), "base=a&realm=r");
        assert_eq!(read("https://{base}", "https://a.example/b/c").unwrap(), "base=a.example/b/c");
        assert_eq!(read("https://{t}.ciam.example/{t}/v2.0", "https://x.ciam.example/x/v2.0").unwrap(), "t=x&t=x");
        assert_eq!(read("https://{t}.ciam.example/{t}/v2.0", "https://x.ciam.example/y/v2.0"), None);
    }

    // THREAT-V8, THREAT-T6
    #[test]
    fn an_issuer_that_only_looks_alike_has_another_shape() {
        let path = "https://login.example.com/{tenant}/v2.0";
        for odd in [
            "https://login.example.com/a/v2.0/",
            "https://login.example.com//v2.0",
            "https://login.example.com/a/b/v2.0",
            "https://login.example.com/../v2.0",
            "https://login.example.com/./v2.0",
            "https://login.example.com/a%2fb/v2.0",
            "https://login.example.com/a?x/v2.0",
            "https://login.example.com/a#x/v2.0",
            "https://login.example.com/a\\b/v2.0",
            "https://login.example.com/a b/v2.0",
            "https://login.example.com/\u{430}/v2.0",
            "http://login.example.com/a/v2.0",
            "https://login.example.com:443/a/v2.0",
            "https://LOGIN.example.com/a/v2.0",
            "https://login.example.com./a/v2.0",
            "https://login.example.com.evil.example/a/v2.0",
            "https://evil@login.example.com/a/v2.0",
            "https://login.example.com@evil.example/a/v2.0",
            "https://evil.example/login.example.com/a/v2.0",
            "ftp://login.example.com/a/v2.0",
            "//login.example.com/a/v2.0",
            "login.example.com/a/v2.0",
            "",
        ] {
            assert_eq!(read(path, odd), None, "{odd}");
        }
        let host = "https://{tenant}.example.com/";
        for odd in [
            "https://a.b.example.com/",
            "https://.example.com/",
            "https://a.example.com",
            "https://a.example.com/x",
            "https://A.example.com/",
            "https://a_b.example.com/",
            "https://-a.example.com/",
            "https://a@b.example.com/",
            "https://a:1.example.com/",
            "https://evil.example/.example.com/",
            "https://evil.example?.example.com/",
        ] {
            assert_eq!(read(host, odd), None, "{odd}");
        }
        for odd in
            ["https://u@a.example", "https://a.example?x", "https://a.example:0", "https://[::1]", "https://a..b"]
        {
            assert_eq!(read("https://{base}", odd), None, "{odd}");
        }
        assert_eq!(read("https://{base}/realms/{realm}", "https://a/../realms/r"), None);
        assert_eq!(read("https://{base}/realms/{realm}", "https://a//realms/r"), None);
        assert_eq!(read("https://{base}/realms/{realm}", "https://realms/r"), None);
    }

    #[test]
    fn a_template_is_filled_with_what_stands_for_one_part() {
        let template = Template::parse("https://{host}/realms/{realm}").unwrap();
        let fill = |host: &'static str, realm: &'static str| {
            template.fill(|name| if name == "host" { Some(host) } else { Some(realm) })
        };
        assert_eq!(fill("a.example:8443", "r").unwrap(), "https://a.example:8443/realms/r");
        for (host, realm) in [
            ("a.example", "r/s"),
            ("a.example", ""),
            ("a.example", ".."),
            ("a.example/x", "r"),
            ("u@a", "r"),
            ("", "r"),
        ] {
            assert_eq!(fill(host, realm), None, "{host} {realm}");
        }
        assert_eq!(template.fill(|_| None), None);
        assert_eq!(template.names(), ["host", "realm"]);
    }

    #[test]
    fn a_template_that_cannot_be_meant_is_refused() {
        for bad in [
            "ftp://a/{t}",
            "https://a:0/{t}",
            "https://a:b/{t}",
            "https://{t}:1:2/",
            "https://a/{}",
            "https://a/{T}",
            "https://a/x{t}",
            "https://a/b?c={t}",
            "https://A/{t}",
            "https://a//{t}",
            "https://u@a/{t}",
            "a/{t}",
            "https:///{t}",
        ] {
            assert!(Template::parse(bad).is_err(), "{bad}");
        }
        let domain = |text: &str| Template::parse(text).unwrap().fixed_domain();
        assert_eq!(domain("https://{t}.example.com/"), 2);
        assert_eq!(domain("https://login.{t}.com/"), 1);
        assert_eq!(domain("https://{host}/"), 0);
    }

    // R9207-2.4d
    #[test]
    fn templates_overlap_if_one_url_may_have_both_shapes() {
        let overlap = |a: &str, b: &str| Template::parse(a).unwrap().overlaps(&Template::parse(b).unwrap());
        assert!(overlap("https://a.example/{t}/x", "https://a.example/{u}/x"));
        assert!(overlap("https://a.example/{t}/x", "https://a.example/b/{u}"));
        assert!(overlap("https://{t}.example/x", "https://a.{u}/x"));
        assert!(!overlap("https://a.example/{t}/x", "https://a.example/{t}/y"));
        assert!(!overlap("https://a.example/{t}", "https://b.example/{t}"));
        assert!(!overlap("https://a.example/{t}", "https://a.example/{t}/"));
        assert!(!overlap("https://a.example:1/{t}", "https://a.example:2/{t}"));
        assert!(overlap("https://{host}/x", "https://a.example/y"), "not told apart, so not permitted");
    }

    // THREAT-T6
    #[test]
    fn a_text_that_urls_are_read_from_differently_is_no_issuer() {
        for good in ["https://a.example", "https://a.example/", "https://a.example:8443/b/c/", "http://127.0.0.1:1/x"] {
            assert!(is_plain_url(good), "{good}");
        }
        for bad in [
            "",
            "https://",
            "https:///a",
            "https://u@a.example",
            "https://a.example:80:90/",
            "https://a.example:+8/",
            "https://a.example?x",
            "https://a.example/#",
            "https://a.example/%2e%2e/",
            "https://a.example/../x",
            "https://a.example//x",
            "https://a.example/x//",
            "https://a.example\\@evil.example",
            "https://[::1]/",
            "https://A.example",
            "HTTPS://a.example",
            "https://a.example/\u{430}",
            "https://a.example/ x",
            "file:///etc/passwd",
            "data:text/html,x",
            "//a.example",
        ] {
            assert!(!is_plain_url(bad), "{bad}");
        }
        assert!(!is_plain_url(&format!("https://a.example/{}", "a/".repeat(300))));
    }

    proptest! {
        // THREAT-T6
        #[test]
        fn what_is_read_from_a_url_makes_the_same_url_again(
            url in "https?://[a-zA-Z0-9.:@{}-]{0,12}(/[a-zA-Z0-9.~%?#@\\\\ -]{0,6}){0,4}",
            template in prop::sample::select(vec![
                "https://login.example.com/{tenant}/v2.0",
                "https://{tenant}.example.com/",
                "https://{host}/{tenant}",
                "https://{base}/realms/{realm}",
                "https://{base}",
            ]),
        ) {
            let template = Template::parse(template).unwrap();
            if let Some(filling) = template.read(&url) {
                prop_assert!(is_plain_url(&url), "{url}");
                let again = template.fill(|name| filling.iter().find(|(own, _)| *own == name).map(|(_, value)| *value));
                prop_assert_eq!(again, Some(url));
            }
        }
    }
}
