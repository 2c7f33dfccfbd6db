//! A transaction as a text.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::transaction::Details;
use super::{AuthorizationError, AuthorizationErrorKind, IssuerParameter, ReturnTo};
use crate::http::WipedBuffer;
use crate::json::check_strict;
use crate::token::Hidden;
use crate::{ScopeSet, Secret};

/// The form of the text. A later one may add members; it reads this one too.
const VERSION: u32 = 1;

/// How deep a record nests, and how many members and elements it has at most.
const MAX_DEPTH: usize = 2;
const MAX_MEMBERS: usize = 1000;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    version: u32,
    client_id: String,
    token_endpoint: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    issuer: Option<String>,
    issuer_parameter: String,
    redirect_uri: String,
    state: Hidden,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code_verifier: Option<Hidden>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    scopes: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    resources: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    return_to: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    binding: Option<Hidden>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dpop_jkt: Option<String>,
    /// Seconds since 1970.
    created: u64,
    expires: u64,
}

pub(super) fn write(details: &Details) -> Secret {
    let record = Record {
        version: VERSION,
        client_id: details.client_id.clone(),
        token_endpoint: details.token_endpoint.clone(),
        issuer: details.issuer.clone(),
        issuer_parameter: details.issuer_parameter.as_str().to_owned(),
        redirect_uri: details.redirect_uri.clone(),
        state: Hidden(details.state.clone()),
        code_verifier: details.verifier.clone().map(Hidden),
        scopes: details.scope.iter().map(str::to_owned).collect(),
        resources: details.resources.clone(),
        return_to: details.return_to.as_ref().map(|place| place.as_str().to_owned()),
        binding: details.binding.clone().map(Hidden),
        dpop_jkt: details.dpop_jkt.clone(),
        created: seconds(details.created),
        expires: seconds(details.expires),
    };
    let mut buffer = WipedBuffer::with_capacity(1024);
    serde_json::to_writer(&mut buffer, &record).expect("a buffer takes every text");
    let mut text = buffer.into_text().expect("JSON is UTF-8");
    Secret::new(std::mem::take(&mut *text))
}

pub(super) fn read(json: &Secret) -> Result<Details, AuthorizationError> {
    let unreadable = || {
        AuthorizationError::new(
            AuthorizationErrorKind::UnreadableTransaction,
            "the kept transaction cannot be read: it was cut, changed, or written by another version",
        )
    };
    let text = json.expose_secret();
    check_strict(text.as_bytes(), MAX_DEPTH, MAX_MEMBERS).map_err(|_| unreadable())?;
    // The parser's own error may quote the text, so it is dropped.
    let record: Record = serde_json::from_str(text).map_err(|_| unreadable())?;
    let issuer_parameter = IssuerParameter::from_name(&record.issuer_parameter).ok_or_else(unreadable)?;
    let time = |seconds| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).ok_or_else(unreadable);
    if record.version != VERSION || record.state.0.is_empty() {
        return Err(unreadable());
    }
    Ok(Details {
        client_id: record.client_id,
        token_endpoint: record.token_endpoint,
        issuer: record.issuer,
        issuer_parameter,
        redirect_uri: record.redirect_uri,
        state: record.state.0,
        verifier: record.code_verifier.map(|verifier| verifier.0),
        scope: ScopeSet::new(&record.scopes).map_err(|_| unreadable())?,
        resources: record.resources,
        return_to: record.return_to.map(ReturnTo::new).transpose().map_err(|_| unreadable())?,
        binding: record.binding.map(|binding| binding.0),
        dpop_jkt: record.dpop_jkt,
        created: time(record.created)?,
        expires: time(record.expires)?,
    })
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
