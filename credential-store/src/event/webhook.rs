use std::fmt;
use std::time::{Duration, SystemTime};

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use tower_auth_core::{ConfigError, ConfigErrorKind, Secret};

use super::EventKind;

/// An address that is told of events: a `POST` with the event as JSON, signed as the Standard Webhooks specification has it, at least once,
/// repeated with growing pauses for three days until it is answered with a success.
///
/// The receiver calls [`verify`](Self::verify) before it believes anything, and remembers the ids of the last five minutes, since an event may come twice.
#[derive(Clone)]
pub struct Webhook {
    pub(crate) url: String,
    key: hmac::Key,
    kinds: Option<Vec<EventKind>>,
}

/// How old a message may be, and how far ahead of the receiver's clock.
const TOLERANCE: Duration = Duration::from_secs(5 * 60);

/// The shortest secret, in bytes.
const MIN_SECRET: usize = 24;

impl Webhook {
    /// The address `url`, https or on a loopback address. `secret` is shared with the receiver: `whsec_` and base64, or at least 24 bytes of any text.
    ///
    /// # Errors
    /// When the URL is neither, or the secret is too short.
    pub fn new(url: impl Into<String>, secret: &Secret) -> Result<Self, ConfigError> {
        let url = url.into();
        let uri: http::Uri = url
            .parse()
            .map_err(|_| ConfigError::new(ConfigErrorKind::InvalidUrl, "the address of a webhook is not a URL"))?;
        let host = uri.host().unwrap_or_default();
        let is_loopback =
            host.trim_matches(['[', ']']).parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback());
        if uri.scheme_str() != Some("https") && !(uri.scheme_str() == Some("http") && is_loopback) {
            let text = "a webhook must be https, or on a loopback address: it tells who the users are";
            return Err(ConfigError::new(ConfigErrorKind::InsecureUrl, text));
        }
        Ok(Self { url, key: key_of(secret)?, kinds: None })
    }

    /// Tells these events alone. If not set, all but [`Refreshed`](EventKind::Refreshed) and [`KeyRotated`](EventKind::KeyRotated), which there are very many of.
    #[must_use]
    pub fn only(mut self, kinds: impl IntoIterator<Item = EventKind>) -> Self {
        self.kinds = Some(kinds.into_iter().collect());
        self
    }

    pub(crate) fn wants(&self, kind: EventKind) -> bool {
        self.kinds
            .as_ref()
            .map_or(!matches!(kind, EventKind::Refreshed | EventKind::KeyRotated), |kinds| kinds.contains(&kind))
    }

    /// The signature of a message.
    pub(crate) fn sign(&self, id: &str, timestamp: u64, body: &[u8]) -> String {
        let tag = hmac::sign(&self.key, &message(id, timestamp, body));
        format!("v1,{}", STANDARD.encode(tag))
    }

    /// Whether a message was signed with `secret` and is not older than five minutes: for a receiver. Its id, which comes again if the message does.
    ///
    /// # Errors
    /// When it was not, or the secret is too short.
    pub fn verify(secret: &Secret, headers: &HeaderMap, body: &[u8], now: SystemTime) -> Result<String, ConfigError> {
        let refused = |text: &str| ConfigError::new(ConfigErrorKind::InvalidCredential, text);
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let fields = (header("webhook-id"), header("webhook-timestamp"), header("webhook-signature"));
        let (Some(id), Some(timestamp), Some(signatures)) = fields else {
            return Err(refused("the message is not signed"));
        };
        let timestamp: u64 = timestamp.parse().map_err(|_| refused("the message has no time"))?;
        let sent = SystemTime::UNIX_EPOCH + Duration::from_secs(timestamp.min(u64::from(u32::MAX)));
        let apart = now.duration_since(sent).unwrap_or_else(|ahead| ahead.duration());
        if apart > TOLERANCE {
            return Err(refused("the message is too old, or from the future"));
        }
        let (key, text) = (key_of(secret)?, message(id, timestamp, body));
        let is_ours = |signature: &str| {
            let tag = signature.strip_prefix("v1,").and_then(|tag| STANDARD.decode(tag).ok());
            tag.is_some_and(|tag| hmac::verify(&key, &text, &tag).is_ok())
        };
        match signatures.split(' ').any(is_ours) {
            true => Ok(id.to_owned()),
            false => Err(refused("the message was signed by somebody else, or changed")),
        }
    }
}

fn key_of(secret: &Secret) -> Result<hmac::Key, ConfigError> {
    let text = secret.expose_secret();
    let bytes = match text.strip_prefix("whsec_") {
        Some(encoded) => STANDARD.decode(encoded).unwrap_or_default(),
        None => text.as_bytes().to_vec(),
    };
    let bytes = zeroize::Zeroizing::new(bytes);
    match bytes.len() >= MIN_SECRET {
        true => Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes)),
        false => Err(ConfigError::new(
            ConfigErrorKind::InvalidCredential,
            format!("the secret of a webhook has at least {MIN_SECRET} bytes"),
        )),
    }
}

fn message(id: &str, timestamp: u64, body: &[u8]) -> Vec<u8> {
    [id.as_bytes(), b".", timestamp.to_string().as_bytes(), b".", body].concat()
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook")
            .field("host", &self.url.parse::<http::Uri>().ok().and_then(|uri| uri.host().map(str::to_owned)))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(webhook: &Webhook, id: &str, timestamp: u64, body: &[u8]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("webhook-id", id.parse().unwrap());
        headers.insert("webhook-timestamp", timestamp.into());
        headers.insert("webhook-signature", webhook.sign(id, timestamp, body).parse().unwrap());
        headers
    }

    #[test]
    fn a_message_is_believed_while_it_is_young_and_as_it_was_signed() {
        let secret = Secret::from("a secret of at least 24 bytes");
        let webhook = Webhook::new("https://app.example.com/hook", &secret).unwrap();
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let headers = signed(&webhook, "msg_1", 1_800_000_000, b"{}");
        let verify = |headers: &HeaderMap, body: &[u8], at| Webhook::verify(&secret, headers, body, at);
        assert_eq!(verify(&headers, b"{}", now).unwrap(), "msg_1");
        assert!(verify(&headers, b"{ }", now).is_err());
        assert!(verify(&headers, b"{}", now + Duration::from_secs(301)).is_err());
        assert!(verify(&headers, b"{}", now - Duration::from_secs(301)).is_err());
        let other = Secret::from("another secret of 24 bytes and more");
        assert!(Webhook::verify(&other, &headers, b"{}", now).is_err());
        for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
            let mut changed = headers.clone();
            changed.insert(name, "1".parse().unwrap());
            assert!(verify(&changed, b"{}", now).is_err(), "{name}");
            changed.remove(name);
            assert!(verify(&changed, b"{}", now).is_err(), "{name}");
        }
    }

    // The example of the Standard Webhooks specification.
    #[test]
    fn the_signature_is_that_of_the_specification() {
        let secret = Secret::from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let webhook = Webhook::new("https://app.example.com/hook", &secret).unwrap();
        let signature = webhook.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    // THREAT-T3
    #[test]
    fn an_address_without_protection_is_refused() {
        let secret = Secret::from("a secret of at least 24 bytes");
        for bad in ["http://app.example.com/hook", "app.example.com", "ftp://127.0.0.1/x", "http://localhost/x", ""] {
            assert!(Webhook::new(bad, &secret).is_err(), "{bad}");
        }
        assert!(Webhook::new("http://127.0.0.1:3000/hook", &secret).is_ok());
        assert!(Webhook::new("https://app.example.com/hook", &Secret::from("short")).is_err());
    }
}
