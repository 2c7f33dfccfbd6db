use std::time::SystemTime;

use aws_lc_rs::{digest, hmac};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::hex;
use crate::error::{ConfigError, ConfigErrorKind, SigningError, SigningErrorKind};
use crate::{Clock, Credential, RequestSigner, Secret, SigningRequest};

/// An HMAC over a text that is made of the request, in a header: what many APIs designed for themselves.
///
/// The text is a template. `{method}`, `{host}`, `{path}`, `{query}`, `{timestamp}` (seconds since 1970), `{body}` and `{body_hash}` stand for parts of the
/// request; the hash is of the signature's algorithm and encoding.
///
/// ```
/// use http::HeaderName;
/// use tower_auth_core::{HmacSigner, SignatureEncoding};
///
/// let credential = HmacSigner::new("s3cret", "{timestamp}\n{method}\n{path}\n{body_hash}")
///     .header(HeaderName::from_static("x-api-signature"), "v1={signature}")
///     .timestamp_header(HeaderName::from_static("x-api-timestamp"))
///     .encoding(SignatureEncoding::Base64)
///     .build()?;
/// # Ok::<(), tower_auth_core::ConfigError>(())
/// ```
///
/// # Security
/// What the text leaves out can be changed on the way; one without a timestamp is good for ever. Part the pieces by a character that they cannot
/// have, such as a line break.
#[derive(Clone, Debug)]
#[must_use = "a description does nothing until `build` is called"]
pub struct HmacSigner {
    secret: Secret,
    template: String,
    algorithm: HmacAlgorithm,
    encoding: SignatureEncoding,
    header: HeaderName,
    value: String,
    timestamp_header: Option<HeaderName>,
    clock: Clock,
}

/// The hash of an HMAC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum HmacAlgorithm {
    /// HMAC with SHA-256.
    #[default]
    Sha256,
    /// HMAC with SHA-512.
    Sha512,
}

/// How a signature is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignatureEncoding {
    /// Hexadecimal, in lower case.
    #[default]
    Hex,
    /// Base64 with padding.
    Base64,
}

/// What is ready to sign.
struct Ready {
    key: hmac::Key,
    parts: Vec<Part>,
    hash: &'static digest::Algorithm,
    encoding: SignatureEncoding,
    header: HeaderName,
    before: String,
    after: String,
    timestamp_header: Option<HeaderName>,
    clock: Clock,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Method,
    Host,
    Path,
    Query,
    Timestamp,
    Body,
    BodyHash,
}

impl HmacSigner {
    /// Signs what `template` makes of a request, with `secret`.
    pub fn new(secret: impl Into<Secret>, template: impl Into<String>) -> Self {
        Self {
            secret: secret.into(),
            template: template.into(),
            algorithm: HmacAlgorithm::default(),
            encoding: SignatureEncoding::default(),
            header: HeaderName::from_static("x-signature"),
            value: "{signature}".to_owned(),
            timestamp_header: None,
            clock: Clock::system(),
        }
    }

    /// The header of the signature, and its value, in which `{signature}` stands for it; `x-signature` with nothing else if not set.
    pub fn header(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        (self.header, self.value) = (name, value.into());
        self
    }

    /// The hash; SHA-256 if not set.
    pub fn algorithm(mut self, algorithm: HmacAlgorithm) -> Self {
        self.algorithm = algorithm;
        self
    }

    /// How the signature is written; in hexadecimal if not set.
    pub fn encoding(mut self, encoding: SignatureEncoding) -> Self {
        self.encoding = encoding;
        self
    }

    /// Sends the timestamp in the header `name`.
    pub fn timestamp_header(mut self, name: HeaderName) -> Self {
        self.timestamp_header = Some(name);
        self
    }

    /// Where the time comes from; the system if not set.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// The credential.
    ///
    /// # Errors
    /// When the secret is empty, a template has a placeholder that does not exist, the value does not have `{signature}` exactly once, or the signature
    /// has a timestamp that is not sent.
    pub fn build(self) -> Result<Credential, ConfigError> {
        let invalid = |what: String| ConfigError::new(ConfigErrorKind::InvalidOption, what);
        if self.secret.is_empty() {
            return Err(ConfigError::new(ConfigErrorKind::InvalidCredential, "the HMAC secret is empty"));
        }
        let parts = parse(&self.template).map_err(|what| invalid(format!("the HMAC template {what}")))?;
        if parts.contains(&Part::Timestamp) && self.timestamp_header.is_none() {
            return Err(invalid("the HMAC covers a timestamp that no header tells; set `timestamp_header`".to_owned()));
        }
        let (before, after) = match self.value.split_once("{signature}") {
            Some((before, after)) if !after.contains("{signature}") => (before.to_owned(), after.to_owned()),
            _ => return Err(invalid("the header of an HMAC has {signature} exactly once".to_owned())),
        };
        if !self.value.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return Err(invalid("the header of an HMAC must be printable ASCII".to_owned()));
        }
        let (algorithm, hash) = match self.algorithm {
            HmacAlgorithm::Sha256 => (hmac::HMAC_SHA256, &digest::SHA256),
            HmacAlgorithm::Sha512 => (hmac::HMAC_SHA512, &digest::SHA512),
        };
        Ok(Credential::signer(Ready {
            key: hmac::Key::new(algorithm, self.secret.expose_secret().as_bytes()),
            parts,
            hash,
            encoding: self.encoding,
            header: self.header,
            before,
            after,
            timestamp_header: self.timestamp_header,
            clock: self.clock,
        }))
    }
}

/// A template in parts; the error says what is wrong with it.
fn parse(template: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut rest = template;
    while let Some((text, tail)) = rest.split_once('{') {
        let (name, tail) = tail.split_once('}').ok_or("has a brace that is not closed")?;
        if !text.is_empty() {
            parts.push(Part::Text(text.to_owned()));
        }
        parts.push(match name {
            "method" => Part::Method,
            "host" => Part::Host,
            "path" => Part::Path,
            "query" => Part::Query,
            "timestamp" => Part::Timestamp,
            "body" => Part::Body,
            "body_hash" => Part::BodyHash,
            other => return Err(format!("has {{{other}}}, which is no part of a request")),
        });
        rest = tail;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.to_owned()));
    }
    if parts.iter().all(|part| matches!(part, Part::Text(_))) {
        return Err("has no part of the request".to_owned());
    }
    Ok(parts)
}

impl SignatureEncoding {
    fn encode(self, bytes: &[u8]) -> String {
        match self {
            Self::Hex => hex::encode(bytes),
            Self::Base64 => STANDARD.encode(bytes),
        }
    }
}

impl RequestSigner for Ready {
    fn is_present_in(&self, headers: &HeaderMap) -> bool {
        headers.contains_key(&self.header)
    }

    fn needs_body(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Body | Part::BodyHash))
    }

    fn sign(&self, request: &mut SigningRequest<'_>) -> Result<(), SigningError> {
        let target = request.target();
        let since = self.clock.wall().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let timestamp = since.as_secs().to_string();
        let mut context = hmac::Context::with_key(&self.key);
        for part in &self.parts {
            match part {
                Part::Text(text) => context.update(text.as_bytes()),
                Part::Method => context.update(request.method().as_str().as_bytes()),
                Part::Host => context.update(target.authority().map_or("", |host| host.as_str()).as_bytes()),
                Part::Path => context.update(target.path().as_bytes()),
                Part::Query => context.update(target.query().unwrap_or_default().as_bytes()),
                Part::Timestamp => context.update(timestamp.as_bytes()),
                Part::Body => context.update(request.body()?),
                Part::BodyHash => {
                    let hash = digest::digest(self.hash, request.body()?);
                    context.update(self.encoding.encode(hash.as_ref()).as_bytes());
                }
            }
        }
        let signature = self.encoding.encode(context.sign().as_ref());
        let unsendable = |_| SigningError::new(SigningErrorKind::Request, "the signature cannot stand in a header");
        let text = format!("{}{signature}{}", self.before, self.after);
        let mut value = HeaderValue::from_str(&text).map_err(unsendable)?;
        value.set_sensitive(true);
        if let Some(name) = &self.timestamp_header {
            request.headers_mut().insert(name, HeaderValue::from_str(&timestamp).map_err(unsendable)?);
        }
        request.headers_mut().insert(&self.header, value);
        Ok(())
    }
}
