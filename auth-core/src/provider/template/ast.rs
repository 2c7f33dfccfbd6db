use std::time::Duration;

use super::parse;
use crate::provider::path::Path;

/// A text with places to fill in: `Bearer {token}`, `{region||"eu"}`, `{base64(user, ":", password)}`.
///
/// It is read once, when the file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template {
    pub(super) parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Text(String),
    Place(Expr),
}

/// What stands between braces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expr {
    /// The first that has a value which is not empty.
    Any(Vec<Expr>),
    Name(Name),
    Text(String),
    Call(Function, Vec<Expr>),
}

/// What a template asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    /// A field, or one of the names with a meaning.
    Plain(String),
    /// A place in the answer of the step with this number, from one.
    Step(usize, Path),
}

/// A function. Those with fixed arguments hold them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    Base64,
    Base64Url,
    Hex,
    Sha256,
    Hmac(MacHash),
    Now { format: TimeFormat, ahead: bool, offset: Duration },
    Random(usize),
    Uuid,
    Lower,
    Upper,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MacHash {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TimeFormat {
    Unix,
    UnixMillis,
    Rfc3339,
    Http,
    Pattern(String),
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// What is wrong with it, and at which column.
    pub(crate) fn parse(source: &str) -> Result<Self, String> {
        parse::template(source)
    }

    /// The one name, and nothing else.
    pub(crate) fn of_name(name: &str) -> Self {
        Self { parts: vec![Part::Place(Expr::Name(Name::Plain(name.to_owned())))] }
    }

    /// A text without places.
    pub(crate) fn of_text(text: &str) -> Self {
        Self { parts: if text.is_empty() { Vec::new() } else { vec![Part::Text(text.to_owned())] } }
    }

    /// Every name in it.
    pub(crate) fn names(&self) -> Vec<&Name> {
        let mut names = Vec::new();
        for part in &self.parts {
            if let Part::Place(expr) = part {
                expr.collect(&mut names);
            }
        }
        names
    }

    /// The names in it for which there is no alternative.
    pub(crate) fn needed_names(&self) -> Vec<&Name> {
        let mut names = Vec::new();
        for part in &self.parts {
            if let Part::Place(expr) = part {
                expr.collect_needed(&mut names);
            }
        }
        names
    }

    /// Whether it asks for the field or meaning `name`.
    pub(crate) fn uses(&self, name: &str) -> bool {
        self.names().iter().any(|own| matches!(own, Name::Plain(own) if own == name))
    }

    /// Its text, if there is no place in it.
    pub(crate) fn literal(&self) -> Option<String> {
        self.parts.iter().map(|part| if let Part::Text(text) = part { Some(text.as_str()) } else { None }).collect()
    }
}

impl Expr {
    pub(super) fn collect_needed<'e>(&'e self, names: &mut Vec<&'e Name>) {
        match self {
            Self::Name(name) => names.push(name),
            Self::Call(_, parts) => parts.iter().for_each(|part| part.collect_needed(names)),
            Self::Any(_) | Self::Text(_) => {}
        }
    }

    pub(super) fn collect<'e>(&'e self, names: &mut Vec<&'e Name>) {
        match self {
            Self::Name(name) => names.push(name),
            Self::Any(parts) | Self::Call(_, parts) => parts.iter().for_each(|part| part.collect(names)),
            Self::Text(_) => {}
        }
    }
}
