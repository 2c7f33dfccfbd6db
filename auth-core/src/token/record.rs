//! A token response as a text, for a store.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Lifetime, Token, TokenKind, TokenResponse};
use crate::error::{ConfigError, ConfigErrorKind};
use crate::http::WipedBuffer;
use crate::json::check_strict;
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
    access_token: Hidden,
    token_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scopes: Option<Vec<String>>,
    /// Milliseconds since 1970.
    received: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refresh_at: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refresh_token: Option<Hidden>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id_token: Option<Hidden>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    extras: BTreeMap<String, Hidden>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sequence: Option<u64>,
}

/// A secret, which is written and read in records for stores and nowhere else.
pub(crate) struct Hidden(pub(crate) Secret);

impl Serialize for Hidden {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.expose_secret())
    }
}

impl<'de> Deserialize<'de> for Hidden {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Secret::new(text)))
    }
}

impl TokenResponse {
    /// Everything, as a JSON text for a store, with the token's end as a point in time. `received` is when the response came: now, in a
    /// persist step.
    ///
    /// ```
    /// use std::time::{Duration, SystemTime};
    /// use tower_auth_core::{Lifetime, Token, TokenResponse};
    ///
    /// let response = TokenResponse::new(Token::new("mF_9.B5f-4.1JqM")?).expires_in(Duration::from_secs(3600));
    /// let now = SystemTime::now();
    /// let kept = response.to_secret_json(now);
    /// let later = TokenResponse::from_secret_json(&kept, now + Duration::from_secs(600))?;
    /// assert_eq!(later.lifetime(), Lifetime::For(Duration::from_secs(3000)));
    /// # Ok::<(), tower_auth_core::ConfigError>(())
    /// ```
    ///
    /// # Security
    /// The text holds the tokens: a store encrypts it, or lets nobody else read it.
    #[must_use]
    pub fn to_secret_json(&self, received: SystemTime) -> Secret {
        let after =
            |length: Duration| millis(received).saturating_add(length.as_millis().try_into().unwrap_or(u64::MAX));
        let record = Record {
            version: VERSION,
            access_token: Hidden(self.token().secret().clone()),
            token_type: self.token().kind().scheme().to_owned(),
            scopes: self.token().scope().map(|scope| scope.iter().map(str::to_owned).collect()),
            received: millis(received),
            expires: match self.lifetime() {
                Lifetime::For(length) => Some(after(length)),
                Lifetime::Unknown => None,
            },
            refresh_at: self.refresh_after().map(after),
            refresh_token: self.refresh_token().cloned().map(Hidden),
            id_token: self.id_token().cloned().map(Hidden),
            extras: self.extras().map(|(name, value)| (name.to_owned(), Hidden(value.clone()))).collect(),
            sequence: self.sequence(),
        };
        let mut buffer = WipedBuffer::with_capacity(4096);
        serde_json::to_writer(&mut buffer, &record).expect("a buffer takes every text");
        let mut text = buffer.into_text().expect("JSON is UTF-8");
        Secret::new(std::mem::take(&mut *text))
    }

    /// A response that [`to_secret_json`](Self::to_secret_json) wrote, in this version or an earlier one, with what is left of its
    /// lifetime at `now`: zero if it is over. A clock that was set back does not lengthen it.
    ///
    /// # Errors
    /// When the text is anything else. The error does not repeat it.
    pub fn from_secret_json(json: &Secret, now: SystemTime) -> Result<Self, ConfigError> {
        let unreadable = || {
            ConfigError::new(
                ConfigErrorKind::InvalidCredential,
                "the kept tokens cannot be read: they were cut, changed, or written by another version",
            )
        };
        let text = json.expose_secret();
        check_strict(text.as_bytes(), MAX_DEPTH, MAX_MEMBERS).map_err(|_| unreadable())?;
        // The parser's own error may quote the text, so it is dropped.
        let record: Record = serde_json::from_str(text).map_err(|_| unreadable())?;
        if record.version != VERSION {
            return Err(unreadable());
        }
        let kind = TokenKind::from_token_type(&record.token_type).ok_or_else(unreadable)?;
        let mut token = Token::new(record.access_token.0).map_err(|_| unreadable())?.with_kind(kind);
        if let Some(scopes) = &record.scopes {
            token = token.with_scope(ScopeSet::new(scopes).map_err(|_| unreadable())?);
        }
        let now = millis(now).max(record.received);
        let left = |end: u64| Duration::from_millis(end.saturating_sub(now));
        let mut response = Self::new(token);
        if let Some(end) = record.expires {
            response = response.expires_in(left(end));
        }
        if let Some(at) = record.refresh_at {
            response = response.refresh_in(left(at));
        }
        if let Some(refresh_token) = record.refresh_token {
            response = response.with_refresh_token(refresh_token.0);
        }
        if let Some(id_token) = record.id_token {
            response = response.with_id_token(id_token.0);
        }
        if let Some(sequence) = record.sequence {
            response = response.with_sequence(sequence);
        }
        Ok(record.extras.into_iter().fold(response, |response, (name, value)| response.with_extra(name, value.0)))
    }
}

fn millis(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_millis().try_into().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn full() -> TokenResponse {
        let token = Token::new("t0ken").unwrap().with_kind(TokenKind::Dpop);
        TokenResponse::new(token.with_scope(ScopeSet::new(["a", "b"]).unwrap()))
            .expires_in(Duration::from_secs(3600))
            .refresh_in(Duration::from_secs(1800))
            .with_refresh_token("r\u{e9}fresh \"x\"")
            .with_id_token("h.p.s")
            .with_extra("realm_id", "77")
            .with_sequence(5)
    }

    // SYS-U2
    #[test]
    fn everything_comes_back_and_the_lifetime_is_what_is_left() {
        let kept = full().to_secret_json(at(1000));
        let back = TokenResponse::from_secret_json(&kept, at(1600)).unwrap();
        let own = full();
        assert_eq!(back.token().secret(), own.token().secret());
        assert_eq!((back.token().kind(), back.token().scope()), (own.token().kind(), own.token().scope()));
        assert_eq!((back.refresh_token(), back.id_token()), (own.refresh_token(), own.id_token()));
        assert_eq!((back.extra("realm_id"), back.sequence()), (own.extra("realm_id"), own.sequence()));
        assert_eq!(back.lifetime(), Lifetime::For(Duration::from_secs(3000)));
        assert_eq!(back.refresh_after(), Some(Duration::from_secs(1200)));
        let late = TokenResponse::from_secret_json(&kept, at(9000)).unwrap();
        assert_eq!(late.lifetime(), Lifetime::For(Duration::ZERO));
        let set_back = TokenResponse::from_secret_json(&kept, at(0)).unwrap();
        assert_eq!(set_back.lifetime(), Lifetime::For(Duration::from_secs(3600)));
        let plain = TokenResponse::new(Token::new("t").unwrap());
        let plain = TokenResponse::from_secret_json(&plain.to_secret_json(at(5)), at(5)).unwrap();
        assert_eq!((plain.lifetime(), plain.token().scope().is_none()), (Lifetime::Unknown, true));
    }

    // THREAT-L1
    #[test]
    fn a_text_that_is_not_whole_is_refused_and_not_repeated() {
        let kept = full().to_secret_json(at(1000));
        let text = kept.expose_secret();
        let changed = [
            text[..text.len() - 1].to_owned(),
            text.replace("\"version\":1", "\"version\":2"),
            text.replace("DPoP", "mac"),
            text.replace("t0ken", ""),
            text.replace("\"received\"", "\"other\":1,\"received\""),
            text.replacen('{', "{\"version\":1,", 1),
            String::new(),
        ];
        for bad in changed {
            let error = TokenResponse::from_secret_json(&Secret::new(bad.as_str()), at(1000)).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("t0ken"), "{bad}");
        }
        assert!(!format!("{kept:?}").contains("t0ken"));
    }
}
