use std::collections::BTreeMap;
use std::fmt::Write as _;

use aws_lc_rs::{digest, hmac};
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use zeroize::Zeroizing;

use super::date::basic_format;
use super::hex;
use crate::credential::wiped_value;
use crate::error::{ConfigError, ConfigErrorKind, SigningError, SigningErrorKind};
use crate::{Clock, Credential, Origin, RequestSigner, Secret, SigningRequest};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const X_AMZ_DATE: HeaderName = HeaderName::from_static("x-amz-date");
const X_AMZ_CONTENT_SHA256: HeaderName = HeaderName::from_static("x-amz-content-sha256");
const X_AMZ_SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");

/// AWS Signature Version 4 in the `Authorization` header.
///
/// It signs the host, `Content-Type` and the `x-amz-` headers, those [named](Self::sign_header) beside them, the query and the body, which is
/// read before the request is sent if it is not known as a whole.
///
/// ```
/// use tower_auth_core::{AwsSigner, Secret};
///
/// # fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let credential = AwsSigner::new("eu-central-1", "execute-api", "AKIDEXAMPLE", Secret::env("AWS_SECRET_ACCESS_KEY")?).build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a description does nothing until `build` is called"]
pub struct AwsSigner {
    region: String,
    service: String,
    access_key_id: String,
    secret: Secret,
    session_token: Option<Secret>,
    signs_payload: bool,
    signed: Vec<HeaderName>,
    clock: Clock,
}

impl AwsSigner {
    /// Signs for `service` in `region` with an access key.
    pub fn new(
        region: impl Into<String>,
        service: impl Into<String>,
        access_key_id: impl Into<String>,
        secret_access_key: impl Into<Secret>,
    ) -> Self {
        Self {
            region: region.into(),
            service: service.into(),
            access_key_id: access_key_id.into(),
            secret: secret_access_key.into(),
            session_token: None,
            signs_payload: true,
            signed: Vec::new(),
            clock: Clock::system(),
        }
    }

    /// Sends a session token along: what belongs to temporary access keys.
    pub fn session_token(mut self, token: impl Into<Secret>) -> Self {
        self.session_token = Some(token.into());
        self
    }

    /// Leaves the body out (`UNSIGNED-PAYLOAD`), so that it can stream. Only some services take that, S3 among them.
    ///
    /// # Security
    /// Whoever can change a request on its way can then change the body; use it over TLS only.
    pub fn unsigned_payload(mut self) -> Self {
        self.signs_payload = false;
        self
    }

    /// Signs the header `name` too, if a request has it. Nothing below may change it.
    pub fn sign_header(mut self, name: HeaderName) -> Self {
        self.signed.push(name);
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
    /// When the region, the service, the access key id or the secret is empty or has a character that it cannot have.
    pub fn build(self) -> Result<Credential, ConfigError> {
        let parts = [("region", &self.region), ("service", &self.service), ("access key id", &self.access_key_id)];
        for (name, part) in parts {
            let is_usable = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            if part.is_empty() || !part.bytes().all(is_usable) {
                return Err(ConfigError::new(
                    ConfigErrorKind::InvalidOption,
                    format!("the {name} of an AWS signature is letters, digits and dashes"),
                ));
            }
        }
        let invalid = |what| ConfigError::new(ConfigErrorKind::InvalidCredential, what);
        if self.secret.is_empty() {
            return Err(invalid("the AWS secret access key is empty"));
        }
        if self.session_token.as_ref().is_some_and(|token| HeaderValue::from_str(token.expose_secret()).is_err()) {
            return Err(invalid("the AWS session token cannot be sent in a header"));
        }
        Ok(Credential::signer(self))
    }

    fn is_s3(&self) -> bool {
        self.service == "s3"
    }

    /// The names and values of the headers that the signature covers, in order.
    fn covered(&self, headers: &HeaderMap, host: &str) -> Result<BTreeMap<String, String>, SigningError> {
        let mut covered = BTreeMap::from([("host".to_owned(), host.to_owned())]);
        for name in headers.keys() {
            if *name == CONTENT_TYPE || name.as_str().starts_with("x-amz-") || self.signed.contains(name) {
                let values: Result<Vec<_>, _> = headers.get_all(name).iter().map(HeaderValue::to_str).collect();
                let values = values.map_err(|_| unsignable("a header that the signature covers is not ASCII"))?;
                let folded = values.iter().map(|value| value.split_ascii_whitespace().collect::<Vec<_>>().join(" "));
                covered.insert(name.as_str().to_owned(), folded.collect::<Vec<_>>().join(","));
            }
        }
        Ok(covered)
    }

    fn signature(&self, scope: &str, date: &str, time: &str, canonical: &str) -> String {
        let hash = hex::encode(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref());
        let text = format!("{ALGORITHM}\n{time}\n{scope}\n{hash}");
        let first = Zeroizing::new(format!("AWS4{}", self.secret.expose_secret()));
        let mut key = mac(first.as_bytes(), date.as_bytes());
        for part in [&*self.region, &*self.service, "aws4_request"] {
            key = mac(&key, part.as_bytes());
        }
        hex::encode(&mac(&key, text.as_bytes()))
    }
}

impl RequestSigner for AwsSigner {
    fn is_present_in(&self, headers: &HeaderMap) -> bool {
        headers.contains_key(AUTHORIZATION)
    }

    fn needs_body(&self) -> bool {
        self.signs_payload
    }

    fn sign(&self, request: &mut SigningRequest<'_>) -> Result<(), SigningError> {
        let target = request.target();
        let host = host(target, request.headers())?;
        let payload = if self.signs_payload {
            hex::encode(digest::digest(&digest::SHA256, request.body()?).as_ref())
        } else {
            "UNSIGNED-PAYLOAD".to_owned()
        };
        let time = basic_format(self.clock.wall());
        let date = time.split('T').next().unwrap_or_default();

        let headers = request.headers_mut();
        headers.insert(X_AMZ_DATE, value(&time)?);
        if self.is_s3() || !self.signs_payload {
            headers.insert(X_AMZ_CONTENT_SHA256, value(&payload)?);
        }
        if let Some(token) = &self.session_token {
            let token = wiped_value(token.expose_secret().as_bytes()).ok_or_else(unsendable)?;
            headers.insert(X_AMZ_SECURITY_TOKEN, token);
        }

        let covered = self.covered(request.headers(), &host)?;
        let names = covered.keys().map(String::as_str).collect::<Vec<_>>().join(";");
        let mut canonical = Zeroizing::new(format!(
            "{}\n{}\n{}\n",
            request.method(),
            canonical_path(target.path(), self.is_s3()),
            canonical_query(target.query().unwrap_or_default()),
        ));
        for (name, value) in &covered {
            // Writing to a String cannot fail.
            let _ = writeln!(canonical, "{name}:{value}");
        }
        let _ = write!(canonical, "\n{names}\n{payload}");

        let scope = format!("{date}/{}/{}/aws4_request", self.region, self.service);
        let signature = self.signature(&scope, date, &time, &canonical);
        let mut authorization = value(&format!(
            "{ALGORITHM} Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
            self.access_key_id
        ))?;
        authorization.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, authorization);
        Ok(())
    }
}

/// What the transport writes into `Host`: the request's own, or host and port of the target without the scheme's own port.
fn host(target: &Uri, headers: &HeaderMap) -> Result<String, SigningError> {
    if let Some(host) = headers.get(HOST) {
        return host.to_str().map(str::to_owned).map_err(|_| unsignable("the request's `Host` is not ASCII"));
    }
    let origin = Origin::of(target).map(|origin| origin.to_string());
    let host = origin.as_deref().and_then(|origin| origin.split_once("://")).map(|(_, host)| host.to_owned());
    host.ok_or_else(|| {
        SigningError::new(SigningErrorKind::Target, "an AWS signature is for an absolute http or https URI")
    })
}

/// The path in its normal form, each segment encoded once more; for S3 as it is.
fn canonical_path(path: &str, is_s3: bool) -> String {
    if is_s3 {
        return path.to_owned();
    }
    let mut segments = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            segment => segments.push(encode(segment.as_bytes())),
        }
    }
    let is_folder = path.ends_with('/') || path.ends_with("/.") || path.ends_with("/..");
    let end = if is_folder && !segments.is_empty() { "/" } else { "" };
    format!("/{}{end}", segments.join("/"))
}

/// The parameters in their normal encoding, sorted.
fn canonical_query(query: &str) -> String {
    let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (encode(&decode(name)), encode(&decode(value)))
    });
    let mut pairs: Vec<_> = pairs.collect();
    pairs.sort();
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

/// Percent-decoding as forms have it; what is no escape stands for itself.
fn decode(text: &str) -> Vec<u8> {
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        match (first, digit(tail.first()), digit(tail.get(1))) {
            (b'%', Some(high), Some(low)) => {
                bytes.push(u8::try_from(high * 16 + low).unwrap_or_default());
                rest = tail.get(2..).unwrap_or_default();
            }
            (b'+', ..) => bytes.push(b' '),
            _ => bytes.push(first),
        }
    }
    bytes
}

fn mac(key: &[u8], data: &[u8]) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), data).as_ref().to_vec())
}

fn value(text: &str) -> Result<HeaderValue, SigningError> {
    HeaderValue::from_str(text).map_err(|_| unsendable())
}

fn unsendable() -> SigningError {
    unsignable("a part of the signature cannot stand in a header")
}

fn unsignable(what: &'static str) -> SigningError {
    SigningError::new(SigningErrorKind::Request, what)
}
