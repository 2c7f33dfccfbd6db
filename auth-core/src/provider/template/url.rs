use std::fmt::Write as _;

use http::Uri;
use zeroize::Zeroizing;

use super::ast::{Expr, Name, Part, Template};
use super::render::Filling;
use super::url_parse;
use crate::Secret;

/// A URL with places to fill in. What is filled in cannot leave its place.
///
/// The text around the places is read once, so that each place is known to be in the host, the port, the path or the query,
/// and its value is checked or encoded for that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UrlTemplate {
    pub(super) start: Start,
    pub(super) pieces: Vec<(Spot, Part)>,
}

/// How a URL begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// With scheme and host of its own.
    Scheme { https: bool },
    /// With a value that is a URL itself.
    Other(Expr),
    /// It is a path only.
    Path,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spot {
    Host,
    Port,
    Path,
    Query,
}

impl UrlTemplate {
    /// Reads a URL: `https://…`, or one that begins with a place.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(source: &str) -> Result<Self, String> {
        url_parse::url(Template::parse(source)?)
    }

    /// Reads a path that begins with a slash.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse_path(source: &str) -> Result<Self, String> {
        url_parse::path(Template::parse(source)?)
    }

    /// Every name in it.
    pub(crate) fn names(&self) -> Vec<&Name> {
        let mut names = self.start_names();
        names.extend(self.piece_names(|_| true));
        names
    }

    /// The names in it for which there is no alternative.
    pub(crate) fn needed_names(&self) -> Vec<&Name> {
        let mut names = Vec::new();
        if let Start::Other(expr) = &self.start {
            expr.collect_needed(&mut names);
        }
        for (_, part) in &self.pieces {
            if let Part::Place(expr) = part {
                expr.collect_needed(&mut names);
            }
        }
        names
    }

    /// Whether it begins with a value that is a URL itself.
    pub(crate) fn begins_with_value(&self) -> bool {
        matches!(self.start, Start::Other(_))
    }

    /// The names that it begins with; their values are whole URLs.
    pub(crate) fn start_names(&self) -> Vec<&Name> {
        let mut names = Vec::new();
        if let Start::Other(expr) = &self.start {
            expr.collect(&mut names);
        }
        names
    }

    /// The names whose values decide to whom the request goes: those at the beginning, and those in the host unless it ends
    /// with a domain that is written out.
    pub(crate) fn deciding_names(&self) -> Vec<&Name> {
        match self.start {
            Start::Other(_) => self.start_names(),
            Start::Scheme { .. } if !self.ends_in_fixed_domain() => self.piece_names(|spot| spot == Spot::Host),
            Start::Scheme { .. } | Start::Path => Vec::new(),
        }
    }

    /// Whether it begins with the name `name` alone.
    pub(crate) fn begins_with(&self, name: &str) -> bool {
        matches!(&self.start, Start::Other(Expr::Name(Name::Plain(own))) if own == name)
    }

    /// The host, if nothing in it is to be filled in, in lower case.
    pub(crate) fn fixed_host(&self) -> Option<String> {
        if !matches!(self.start, Start::Scheme { .. }) {
            return None;
        }
        let host = self.pieces.iter().filter(|(spot, _)| *spot == Spot::Host);
        host.map(|(_, part)| if let Part::Text(text) = part { Some(text.to_ascii_lowercase()) } else { None }).collect()
    }

    fn piece_names(&self, wanted: impl Fn(Spot) -> bool) -> Vec<&Name> {
        let mut names = Vec::new();
        for (spot, part) in &self.pieces {
            if let (true, Part::Place(expr)) = (wanted(*spot), part) {
                expr.collect(&mut names);
            }
        }
        names
    }

    /// Whether at least two labels, whole ones, are written out at the end of the host.
    fn ends_in_fixed_domain(&self) -> bool {
        let last = self.pieces.iter().rfind(|(spot, _)| *spot == Spot::Host);
        match last {
            Some((_, Part::Text(text))) => {
                let whole = self.pieces.iter().filter(|(spot, _)| *spot == Spot::Host).count() == 1;
                whole || text.strip_prefix('.').is_some_and(|domain| domain.trim_matches('.').contains('.'))
            }
            _ => false,
        }
    }
}

impl Filling<'_> {
    /// The URL with every place filled.
    ///
    /// # Errors
    /// Which value cannot stand where it would. The value itself is not quoted.
    pub(crate) fn url(&self, template: &UrlTemplate) -> Result<String, String> {
        let mut url = match &template.start {
            Start::Path => return Err("it is a path".to_owned()),
            Start::Scheme { https } => if *https { "https://" } else { "http://" }.to_owned(),
            Start::Other(expr) => {
                let start = self.place(expr)?;
                check_start(&start).map_err(|what| format!("{}: {what}", shown(expr)))?;
                start.trim_end_matches('/').to_owned()
            }
        };
        let whole_start = url.len();
        url.push_str(&self.pieces(template)?);
        if template.pieces.is_empty() && matches!(template.start, Start::Other(_)) {
            return Ok(url);
        }
        if matches!(template.start, Start::Scheme { .. }) {
            check_authority(url.get(whole_start..).unwrap_or_default())?;
        }
        match url.parse::<Uri>() {
            Ok(_) => Ok(url),
            Err(_) => Err("with its values it is not a URL".to_owned()),
        }
    }

    /// The path with every place filled. It may hold a secret.
    ///
    /// # Errors
    /// Which value cannot stand where it would.
    pub(crate) fn path(&self, template: &UrlTemplate) -> Result<Secret, String> {
        Ok(Secret::new(self.pieces(template)?.as_str()))
    }

    fn pieces(&self, template: &UrlTemplate) -> Result<Zeroizing<String>, String> {
        let mut made = Vec::with_capacity(template.pieces.len());
        for (spot, part) in &template.pieces {
            made.push(match part {
                Part::Text(text) => Zeroizing::new(text.clone()),
                Part::Place(expr) => {
                    let value = self.place(expr)?;
                    put(*spot, &value).map_err(|what| format!("the value of {} {what}", shown(expr)))?
                }
            });
        }
        let mut whole = Zeroizing::new(String::with_capacity(made.iter().map(|piece| piece.len()).sum()));
        made.iter().for_each(|piece| whole.push_str(piece));
        Ok(whole)
    }
}

/// `value` as it may stand in `spot`.
fn put(spot: Spot, value: &str) -> Result<Zeroizing<String>, String> {
    match spot {
        Spot::Host => {
            let fits = !value.is_empty() && value.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b));
            if !fits {
                return Err("stands in a host name, so it must have letters, digits, '-' and '.' only".to_owned());
            }
            Ok(Zeroizing::new(value.to_owned()))
        }
        Spot::Port => match value.parse::<u16>() {
            Ok(port) if port > 0 && value.bytes().all(|b| b.is_ascii_digit()) => Ok(Zeroizing::new(port.to_string())),
            _ => Err("stands for a port, so it must be a number from 1 to 65535".to_owned()),
        },
        Spot::Path if matches!(value, "" | "." | "..") => {
            Err("stands in the path of a URL, so it must not be empty, \".\" or \"..\"".to_owned())
        }
        Spot::Path | Spot::Query => Ok(encode(value, spot == Spot::Path)),
    }
}

/// Everything but unreserved characters is encoded (RFC 3986 section 2.3). A path segment may have a colon.
fn encode(value: &str, colon: bool) -> Zeroizing<String> {
    let mut encoded = Zeroizing::new(String::with_capacity(value.len() * 3));
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || colon && byte == b':' {
            encoded.push(char::from(byte));
        } else {
            // A text takes whatever is written into it.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// Whether `value` is a URL that others may begin with.
pub(crate) fn check_start(value: &str) -> Result<(), String> {
    let rest = value.strip_prefix("https://").or_else(|| value.strip_prefix("http://"));
    let Some(rest) = rest else { return Err("it must be an absolute https URL".to_owned()) };
    if value.contains(['?', '#', '\\']) || !value.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("it must have no query, no fragment, and no character that URLs do not have".to_owned());
    }
    if rest.to_ascii_lowercase().replace("%2e", ".").split('/').any(|segment| matches!(segment, "." | "..")) {
        return Err("it must have no \".\" or \"..\" in its path".to_owned());
    }
    check_authority(rest)?;
    value.parse::<Uri>().map(|_| ()).map_err(|_| "it is not a URL".to_owned())
}

/// Whether what stands before the first slash or question mark is host and port.
fn check_authority(rest: &str) -> Result<(), String> {
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err("it must have no user information".to_owned());
    }
    if authority.starts_with('[') {
        // An IPv6 address; `Uri` reads it.
        return Ok(());
    }
    let (host, port) = authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
    if let Some(port) = port {
        put(Spot::Port, port).map_err(|what| format!("the port {what}"))?;
    }
    check_host(host)
}

/// Whether `host` is a host name or an IPv4 address.
pub(crate) fn check_host(host: &str) -> Result<(), String> {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    if host.len() <= 253 && host.split('.').all(label) { Ok(()) } else { Err("it is not a host name".to_owned()) }
}

fn shown(expr: &Expr) -> String {
    let mut names = Vec::new();
    expr.collect(&mut names);
    let names = names.iter().map(|name| match name {
        Name::Plain(name) => name.clone(),
        Name::Step(number, path) => format!("step{number}.{path}"),
    });
    names.collect::<Vec<_>>().join(" or ")
}
