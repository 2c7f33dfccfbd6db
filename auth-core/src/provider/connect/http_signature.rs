use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, DATE, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};

use super::client::invalid;
use crate::error::{ConfigError, ConfigErrorKind, SigningError, SigningErrorKind};
use crate::jose::{Algorithm, SigningKey};
use crate::signing::imf_fixdate;
use crate::{Clock, Origin, RequestSigner, Secret, SigningRequest};

const DIGEST: HeaderName = HeaderName::from_static("digest");

/// HTTP signatures as most APIs that have them know them: `Authorization: Signature …` of draft-cavage-http-signatures, over the request
/// line, the host, the date and the digest of the body.
pub(super) struct HttpSignature {
    key_id: String,
    algorithm: &'static str,
    key: Key,
    /// Behind `(request-target)`. Empty: the usual ones.
    headers: Vec<HeaderName>,
    clock: Clock,
}

enum Key {
    Hmac(Box<hmac::Key>),
    Pair(Box<SigningKey>),
}

impl HttpSignature {
    pub(super) fn new(
        algorithm: &'static str,
        key_id: &Secret,
        key: &Secret,
        headers: &[HeaderName],
        clock: Clock,
    ) -> Result<Self, ConfigError> {
        let key_id = key_id.expose_secret();
        if key_id.is_empty() || !key_id.bytes().all(|byte| matches!(byte, b' '..=b'~') && !b"\"\\".contains(&byte)) {
            return Err(invalid("key_id of the signer is empty, or cannot stand in a header"));
        }
        let text = key.expose_secret();
        let pair = |algorithm| {
            SigningKey::from_pkcs8_pem(algorithm, text).map(|key| Key::Pair(Box::new(key))).map_err(|error| {
                ConfigError::new(ConfigErrorKind::InvalidCredential, "the key of the signer cannot be used")
                    .with_source(error)
            })
        };
        let key = match algorithm {
            "rsa-sha256" => pair(Algorithm::Rs256)?,
            "ed25519" => pair(Algorithm::EdDsa)?,
            _ if text.is_empty() => {
                return Err(ConfigError::new(ConfigErrorKind::InvalidCredential, "the key of the signer is empty"));
            }
            _ => Key::Hmac(Box::new(hmac::Key::new(hmac::HMAC_SHA256, text.as_bytes()))),
        };
        Ok(Self { key_id: key_id.to_owned(), algorithm, key, headers: headers.to_vec(), clock })
    }

    fn covers(&self, name: &HeaderName) -> bool {
        self.headers.is_empty() || self.headers.contains(name)
    }

    fn signature(&self, text: &[u8]) -> Result<Vec<u8>, SigningError> {
        match &self.key {
            Key::Hmac(key) => Ok(hmac::sign(key, text).as_ref().to_vec()),
            Key::Pair(key) => key.sign_bytes(text).map_err(|error| {
                SigningError::new(SigningErrorKind::Key, "the key of the signature failed").with_source(error)
            }),
        }
    }
}

impl RequestSigner for HttpSignature {
    fn is_present_in(&self, headers: &HeaderMap) -> bool {
        headers.contains_key(AUTHORIZATION)
    }

    fn needs_body(&self) -> bool {
        self.covers(&DIGEST)
    }

    fn sign(&self, request: &mut SigningRequest<'_>) -> Result<(), SigningError> {
        let target = request.target();
        let host = host(target, request.headers())?;
        if self.covers(&DATE) && !request.headers().contains_key(DATE) {
            let date = value(&imf_fixdate(self.clock.wall()))?;
            request.headers_mut().insert(DATE, date);
        }
        let mut covers_digest = self.covers(&DIGEST);
        if covers_digest {
            let body = request.body()?;
            // By default a request without a body has none; an API that lists it wants it always.
            covers_digest = !body.is_empty() || !self.headers.is_empty();
            if covers_digest {
                let hash = STANDARD.encode(digest::digest(&digest::SHA256, body));
                request.headers_mut().insert(DIGEST, value(&format!("SHA-256={hash}"))?);
            }
        }
        let mut covered = self.headers.clone();
        if covered.is_empty() {
            covered.extend([HOST, DATE]);
            covered.extend(covers_digest.then_some(DIGEST));
        }

        let path = target.path_and_query().map_or("/", |path| path.as_str());
        let mut names = "(request-target)".to_owned();
        let mut text = format!("(request-target): {} {path}", request.method().as_str().to_ascii_lowercase());
        for name in covered {
            let line = match &name {
                name if *name == HOST => host.clone(),
                name => joined(request.headers(), name)?,
            };
            names.push_str(&format!(" {name}"));
            text.push_str(&format!("\n{name}: {line}"));
        }
        let signature = STANDARD.encode(self.signature(text.as_bytes())?);
        let mut authorization = value(&format!(
            "Signature keyId=\"{}\",algorithm=\"{}\",headers=\"{names}\",signature=\"{signature}\"",
            self.key_id, self.algorithm
        ))?;
        authorization.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, authorization);
        Ok(())
    }
}

/// The values of a header that the signature covers.
fn joined(headers: &HeaderMap, name: &HeaderName) -> Result<String, SigningError> {
    let values: Result<Vec<_>, _> = headers.get_all(name).iter().map(|value| value.to_str().map(str::trim)).collect();
    match values {
        Ok(values) if !values.is_empty() => Ok(values.join(", ")),
        Ok(_) => Err(unsignable(&format!("the signature covers {name}, which the request does not have"))),
        Err(_) => Err(unsignable(&format!("the signature covers {name}, which is not ASCII"))),
    }
}

/// What the transport writes into `Host`.
fn host(target: &Uri, headers: &HeaderMap) -> Result<String, SigningError> {
    if headers.contains_key(HOST) {
        return joined(headers, &HOST);
    }
    let origin = Origin::of(target).map(|origin| origin.to_string());
    let host = origin.as_deref().and_then(|origin| origin.split_once("://")).map(|(_, host)| host.to_owned());
    host.ok_or_else(|| SigningError::new(SigningErrorKind::Target, "a signature is for an absolute http or https URI"))
}

fn value(text: &str) -> Result<HeaderValue, SigningError> {
    HeaderValue::from_str(text).map_err(|_| unsignable("a part of the signature cannot stand in a header"))
}

fn unsignable(what: &str) -> SigningError {
    SigningError::new(SigningErrorKind::Request, what)
}
