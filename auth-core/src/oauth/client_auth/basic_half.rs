use http::HeaderValue;

use super::ClientAuth;
use crate::error::{ConfigError, ConfigErrorKind};
use crate::oauth::form;
use crate::{Basic, Secret};

/// What stands in one half of a Basic pair, for servers that want another than client id and client secret there.
///
/// ```
/// use tower_auth_core::{BasicHalf, ClientAuth, OAuthClient};
///
/// // The secret as user name, and no password.
/// let client = OAuthClient::builder("orders")
///     .secret("sk_live_correct_horse")
///     .client_auth(ClientAuth::BasicRaw)
///     .basic_user(BasicHalf::ClientSecret)
///     .basic_password(BasicHalf::Fixed("".into()))
///     .token_endpoint("https://login.example.com/oauth/token");
/// # let _ = client;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum BasicHalf {
    /// The client id.
    ClientId,
    /// The client secret.
    ClientSecret,
    /// This text. It may be empty.
    Fixed(Secret),
}

/// Both halves.
#[derive(Clone)]
pub(in crate::oauth) struct Halves {
    pub(in crate::oauth) user: BasicHalf,
    pub(in crate::oauth) password: BasicHalf,
    /// Whether they are never form-encoded, whatever the method.
    pub(in crate::oauth) raw: bool,
}

impl Default for Halves {
    fn default() -> Self {
        Self { user: BasicHalf::ClientId, password: BasicHalf::ClientSecret, raw: false }
    }
}

impl BasicHalf {
    fn text(&self, id: &str, secret: &Secret) -> Secret {
        match self {
            Self::ClientId => Secret::from(id),
            Self::ClientSecret => secret.clone(),
            Self::Fixed(text) => text.clone(),
        }
    }
}

impl Halves {
    /// Whether the client secret is in it.
    pub(in crate::oauth) fn use_secret(&self) -> bool {
        [&self.user, &self.password].into_iter().any(|half| matches!(half, BasicHalf::ClientSecret))
    }

    /// The `Authorization` header that `method` has, and the texts in it that nobody may see.
    pub(super) fn header(
        &self,
        method: ClientAuth,
        id: &str,
        secret: &Secret,
    ) -> Result<(HeaderValue, Vec<Secret>), ConfigError> {
        let encode = |text: Secret| match method {
            _ if self.raw => text,
            ClientAuth::BasicRaw | ClientAuth::Both => text,
            _ => Secret::new(form::encoded(text.expose_secret()).as_str()),
        };
        let user = encode(self.user.text(id, secret));
        let password = encode(self.password.text(id, secret));
        let pair = format!("{}:{}", user.expose_secret(), password.expose_secret());
        let text = Basic::new(user.expose_secret(), password)?.header_text();
        let mut value = HeaderValue::from_str(text.expose_secret()).map_err(|_| {
            ConfigError::new(ConfigErrorKind::InvalidCredential, "the client's credential cannot stand in a header")
        })?;
        value.set_sensitive(true);
        Ok((value, vec![Secret::new(pair)]))
    }

    /// The fixed texts that are not empty.
    pub(super) fn fixed(&self) -> impl Iterator<Item = &Secret> {
        [&self.user, &self.password].into_iter().filter_map(|half| match half {
            BasicHalf::Fixed(text) if !text.is_empty() => Some(text),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    fn decoded(halves: &Halves, method: ClientAuth, id: &str, secret: &str) -> String {
        let (value, _) = halves.header(method, id, &secret.into()).unwrap();
        assert!(value.is_sensitive());
        let pair = STANDARD.decode(value.to_str().unwrap().strip_prefix("Basic ").unwrap()).unwrap();
        String::from_utf8(pair).unwrap()
    }

    // R6749-2.3.1a, X1, SYS-A7
    #[test]
    fn basic_is_encoded_by_the_book_or_left_as_it_is() {
        let secret = "p+s/w %o:r=d&";
        let halves = Halves::default();
        assert_eq!(decoded(&halves, ClientAuth::Basic, "a:b c", secret), "a%3Ab+c:p%2Bs%2Fw+%25o%3Ar%3Dd%26");
        assert_eq!(decoded(&halves, ClientAuth::BasicRaw, "id", secret), format!("id:{secret}"));
        assert_eq!(decoded(&halves, ClientAuth::Both, "id", secret), format!("id:{secret}"));
        assert!(halves.header(ClientAuth::BasicRaw, "a:b", &"c".into()).is_err());
    }

    #[test]
    fn each_half_can_be_another() {
        let secret_as_user =
            Halves { user: BasicHalf::ClientSecret, password: BasicHalf::Fixed("".into()), raw: false };
        assert_eq!(decoded(&secret_as_user, ClientAuth::BasicRaw, "id", "s3cret"), "s3cret:");
        assert!(secret_as_user.use_secret());
        let dummy = Halves { user: BasicHalf::Fixed("key".into()), password: BasicHalf::Fixed("X".into()), raw: false };
        assert_eq!(decoded(&dummy, ClientAuth::Basic, "id", "s3cret"), "key:X");
        assert!(!dummy.use_secret());
    }
}
