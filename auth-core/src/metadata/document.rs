use std::collections::BTreeMap;
use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::error::printable;
use crate::json::{JsonError, check_strict};

/// How deep a document may nest, and how many members it may have.
const MAX_DEPTH: usize = 16;
const MAX_MEMBERS: usize = 1000;

/// A metadata document: one strict JSON object about the issuer that was asked for. Members are read on demand.
#[derive(Clone, Debug)]
pub(crate) struct Document(BTreeMap<String, Box<RawValue>>);

/// Why a document is not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DocumentError {
    Json(JsonError),
    /// This member has another type than the standard gives it.
    WrongType(&'static str),
    Missing(&'static str),
    /// It holds no URL that may be used.
    #[cfg(feature = "oauth")]
    BadUrl(&'static str),
    /// It is about somebody else, in printable form.
    OtherIssuer(String),
}

impl Document {
    /// The document in `body`, if its `issuer` is `issuer` code point by code point (RFC 8414 sections 3.3 and 4).
    pub(crate) fn read(body: &[u8], issuer: &str) -> Result<Self, DocumentError> {
        let document = Self::parse(body)?;
        let found = document.text("issuer")?.ok_or(DocumentError::Missing("issuer"))?;
        if found == issuer { Ok(document) } else { Err(DocumentError::OtherIssuer(printable(&found, 200))) }
    }

    /// The document in `body`, about whomever it is.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, DocumentError> {
        check_strict(body, MAX_DEPTH, MAX_MEMBERS).map_err(DocumentError::Json)?;
        // The parser's own error may quote the document.
        serde_json::from_slice(body).map(Self).map_err(|_| DocumentError::Json(JsonError::Syntax))
    }

    pub(crate) fn text(&self, name: &'static str) -> Result<Option<String>, DocumentError> {
        self.get(name)
    }

    /// A member as `T`; `None` if it is absent or null.
    pub(crate) fn get<T: DeserializeOwned>(&self, name: &'static str) -> Result<Option<T>, DocumentError> {
        let Some(raw) = self.raw(name) else { return Ok(None) };
        serde_json::from_str(raw).map_err(|_| DocumentError::WrongType(name))
    }

    /// The members of an object in this one.
    #[cfg(feature = "oauth")]
    pub(crate) fn nested(&self, name: &'static str) -> Result<Option<Self>, DocumentError> {
        Ok(self.get(name)?.map(Self))
    }

    /// A member's JSON text.
    pub(crate) fn raw(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|raw| raw.get())
    }
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(error) => write!(f, "cannot be read: {error}"),
            Self::WrongType(name) => write!(f, "has a `{name}` of the wrong type"),
            Self::Missing(name) => write!(f, "has no `{name}`"),
            #[cfg(feature = "oauth")]
            Self::BadUrl(name) => write!(f, "has a `{name}` that is not an https URL"),
            Self::OtherIssuer(found) => write!(f, "is that of the issuer {found:?}"),
        }
    }
}

impl std::error::Error for DocumentError {}
