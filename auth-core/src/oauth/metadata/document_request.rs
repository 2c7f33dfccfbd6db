use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE, USER_AGENT};
use http::{HeaderValue, Request, Response, StatusCode, Uri};

use crate::clock::race;
use crate::http::{HttpClient, TransportError, TransportErrorKind, retry_after};
use crate::metadata::MAX_METADATA;
use crate::oauth::failure::ForeignError;
use crate::oauth::limit::Limit;
use crate::oauth::redact::Redactor;
use crate::{Clock, TokenError, TokenErrorKind};

/// Gets metadata documents of one site.
pub(in crate::oauth) struct DocumentRequest<'a> {
    pub(in crate::oauth) http: &'a HttpClient,
    pub(in crate::oauth) site: &'a str,
    pub(in crate::oauth) clock: &'a Clock,
    pub(in crate::oauth) limit: Limit<'a>,
}

/// Why one address yielded nothing.
pub(in crate::oauth) enum Failed {
    /// Another address may have it.
    Elsewhere(TokenError),
    /// The document there cannot be used.
    Wrong(TokenError),
    /// The server cannot be asked at this time.
    Now(TokenError),
}

impl DocumentRequest<'_> {
    /// The body of the document at `uri`: an answer with status 200, of JSON by its type, as the server wrote it.
    pub(in crate::oauth) async fn send(&self, uri: &Uri) -> Result<Bytes, Failed> {
        let site = self.site;
        let Some(got) = race(self.get(uri), self.limit.passed()).await else {
            let message = format!("{site} did not give its metadata in time");
            return Err(Failed::Now(TokenError::new(TokenErrorKind::TimedOut, message)));
        };
        let response = got?;
        let unparsable =
            |what: &str| TokenError::new(TokenErrorKind::Unparsable, format!("the metadata of {site} {what}"));
        if response.headers().contains_key(CONTENT_ENCODING) {
            return Err(Failed::Wrong(unparsable("is compressed, which nobody asked for")));
        }
        if response.body().len() > MAX_METADATA {
            return Err(Failed::Wrong(unparsable("is larger than 256 KiB")));
        }
        // A server may answer with a web page for whatever it does not know.
        if !is_json(&response) {
            return Err(Failed::Elsewhere(unparsable("is not JSON by its type")));
        }
        Ok(response.into_body())
    }

    async fn get(&self, uri: &Uri) -> Result<Response<Bytes>, Failed> {
        let site = self.site;
        let mut request = Request::new(Bytes::new());
        *request.uri_mut() = uri.clone();
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("tower-auth/", env!("CARGO_PKG_VERSION"))));
        let response = self.http.send(request).await.map_err(|error| {
            Failed::Now(unreachable(&format!("{site} cannot be asked for its metadata"), &*error, &Redactor::default()))
        })?;
        let status = response.status();
        if status == StatusCode::OK {
            return Ok(response);
        }
        let elsewhere = (status.is_client_error() || status.is_redirection())
            && !matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS);
        let kind = match status {
            StatusCode::TOO_MANY_REQUESTS => TokenErrorKind::Throttled,
            _ if elsewhere => TokenErrorKind::Misconfigured,
            _ => TokenErrorKind::ServerError,
        };
        let message = format!("{site} gave no metadata: it answered with status {}", status.as_u16());
        let mut error = TokenError::new(kind, message).with_status(status.as_u16());
        if let Some(wait) = retry_after(response.headers(), self.clock.wall()) {
            error = error.with_retry_after(wait);
        }
        Err(if elsewhere { Failed::Elsewhere(error) } else { Failed::Now(error) })
    }
}

impl Failed {
    pub(in crate::oauth) fn into_error(self) -> TokenError {
        match self {
            Self::Elsewhere(error) | Self::Wrong(error) | Self::Now(error) => error,
        }
    }
}

/// Whether the media type is `application/json`, parameters aside (RFC 8414 section 3.2).
fn is_json(response: &Response<Bytes>) -> bool {
    let value = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}

/// What a request that came to no answer means; `message` says what could not be done.
pub(in crate::oauth) fn unreachable(
    message: &str,
    error: &(dyn std::error::Error + 'static),
    redactor: &Redactor,
) -> TokenError {
    let Some(transport) = TransportError::find(error) else {
        let source = ForeignError::new(error, redactor);
        return TokenError::new(TokenErrorKind::Unreachable, message).with_source(source);
    };
    let kind = match transport.kind() {
        TransportErrorKind::TimedOut => TokenErrorKind::TimedOut,
        TransportErrorKind::TooLarge | TransportErrorKind::Encoded => TokenErrorKind::Unparsable,
        TransportErrorKind::Forbidden => TokenErrorKind::Misconfigured,
        TransportErrorKind::Connect | TransportErrorKind::Tls | TransportErrorKind::Protocol => {
            TokenErrorKind::Unreachable
        }
    };
    TokenError::new(kind, format!("{message}: {transport}")).with_source(transport.clone())
}
