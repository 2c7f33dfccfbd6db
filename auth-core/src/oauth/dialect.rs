#[cfg(feature = "provider")]
use std::time::SystemTime;

#[cfg(feature = "provider")]
use bytes::Bytes;
#[cfg(feature = "provider")]
use http::Response;
use http::{HeaderMap, Method};

use super::BodyFormat;
#[cfg(feature = "provider")]
use super::endpoints::Target;
use super::request::Params;
#[cfg(feature = "provider")]
use crate::http::Endpoint;
#[cfg(feature = "provider")]
use crate::{Secret, TokenError};

#[cfg(feature = "provider")]
/// How a described provider departs from the standard in the requests and answers of its token endpoint.
pub(crate) trait Dialect: Send + Sync {
    /// Changes a request before it is written. Grant, client authentication and extra parameters are in it.
    fn shape(&self, target: Target, request: &mut Outline) -> Result<(), TokenError>;

    /// Where the request goes, if that depends on what the provider told.
    fn endpoint(&self, target: Target) -> Result<Option<Endpoint>, TokenError>;

    /// Turns an answer into one of the standard's form, which the usual reader then judges.
    fn translate(&self, target: Target, response: Response<Bytes>, now: SystemTime) -> Result<Translated, TokenError>;
}

/// A request that is not written yet.
pub(crate) struct Outline {
    pub(crate) method: Method,
    pub(crate) params: Params,
    pub(crate) headers: HeaderMap,
    pub(crate) format: BodyFormat,
    /// Whether a request without parameters has no body at all.
    pub(crate) may_be_empty: bool,
}

#[cfg(feature = "provider")]
/// An answer in the standard's form, and what is kept beside it.
pub(crate) struct Translated {
    pub(crate) response: Response<Bytes>,
    pub(crate) extras: Vec<(String, Secret)>,
}
