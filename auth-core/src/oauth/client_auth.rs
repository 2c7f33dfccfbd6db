use http::HeaderValue;

use super::form;
use super::request::Params;
use crate::error::{ConfigError, ConfigErrorKind};
use crate::{Basic, Secret};

/// How a client proves to the token endpoint who it is (RFC 6749 section 2.3). One is chosen; none is tried out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ClientAuth {
    /// HTTP Basic, id and secret form-encoded first, as RFC 6749 section 2.3.1 demands.
    #[default]
    Basic,
    /// HTTP Basic with id and secret as they are, as curl does it and many servers expect.
    BasicRaw,
    /// `client_id` and `client_secret` among the parameters.
    Body,
    /// Both [`BasicRaw`](Self::BasicRaw) and [`Body`](Self::Body), for servers that look at one or the other. The
    /// standard allows one.
    Both,
    /// No proof, only `client_id` among the parameters: a public client.
    None,
}

impl ClientAuth {
    /// The name of the method in messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Basic => "basic",
            Self::BasicRaw => "basic_raw",
            Self::Body => "body",
            Self::Both => "both",
            Self::None => "none",
        }
    }

    /// Whether `client_id` is among the parameters.
    pub(super) fn id_in_body(self) -> bool {
        matches!(self, Self::Body | Self::Both | Self::None)
    }

    /// The `Authorization` header, if the method has one.
    pub(super) fn header(self, id: &str, secret: &Secret) -> Result<Option<HeaderValue>, ConfigError> {
        let text = match self {
            Self::Basic => {
                let secret = form::encoded(secret.expose_secret());
                Basic::new(form::encoded(id).as_str(), secret.as_str())?.header_text()
            }
            Self::BasicRaw | Self::Both => Basic::new(id, secret.clone())?.header_text(),
            Self::Body | Self::None => return Ok(None),
        };
        let mut value = HeaderValue::from_str(text.expose_secret()).map_err(|_| {
            ConfigError::new(ConfigErrorKind::InvalidCredential, "the client's credential cannot stand in a header")
        })?;
        value.set_sensitive(true);
        Ok(Some(value))
    }

    /// Adds the parameters that the method has.
    pub(super) fn add_params(self, id: &str, secret: &Secret, params: &mut Params) {
        if self.id_in_body() {
            params.push("client_id", id);
        }
        if matches!(self, Self::Body | Self::Both) {
            params.push("client_secret", secret.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    fn decoded(method: ClientAuth, id: &str, secret: &str) -> Option<String> {
        let value = method.header(id, &secret.into()).unwrap()?;
        assert!(value.is_sensitive());
        let pair = STANDARD.decode(value.to_str().unwrap().strip_prefix("Basic ").unwrap()).unwrap();
        Some(String::from_utf8(pair).unwrap())
    }

    // R6749-2.3.1a, X1, SYS-A7
    #[test]
    fn basic_is_encoded_by_the_book_or_left_as_it_is() {
        let secret = "p+s/w %o:r=d&";
        assert_eq!(decoded(ClientAuth::Basic, "a:b c", secret).as_deref(), Some("a%3Ab+c:p%2Bs%2Fw+%25o%3Ar%3Dd%26"));
        assert_eq!(decoded(ClientAuth::BasicRaw, "id", secret).unwrap(), format!("id:{secret}"));
        assert_eq!(decoded(ClientAuth::Both, "id", secret).unwrap(), format!("id:{secret}"));
        assert_eq!(decoded(ClientAuth::Body, "id", secret), None);
        assert!(ClientAuth::BasicRaw.header("a:b", &"c".into()).is_err());
    }
}
