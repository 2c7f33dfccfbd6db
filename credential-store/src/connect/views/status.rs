use std::fmt;

use askama::Template;
use askama::filters::HtmlSafe;

/// How a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Pending,
    Unconfirmed,
    Valid,
    Degraded,
    NeedsReauth,
    ExpiredManual,
    Revoked,
}

impl Status {
    pub(crate) const ALL: [Self; 7] = [
        Self::Valid,
        Self::NeedsReauth,
        Self::ExpiredManual,
        Self::Degraded,
        Self::Revoked,
        Self::Unconfirmed,
        Self::Pending,
    ];

    /// The word for it in a query.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Unconfirmed => "unconfirmed",
            Self::Valid => "valid",
            Self::Degraded => "degraded",
            Self::NeedsReauth => "needs_reauth",
            Self::ExpiredManual => "expired_manual",
            Self::Revoked => "revoked",
        }
    }

    /// The one that a query names.
    pub(crate) fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }

    pub(super) fn badge(self) -> Badge {
        Badge { status: self }
    }

    /// Whether it worked, and only a person can make it work again.
    pub(super) fn is_urgent(self) -> bool {
        matches!(self, Self::NeedsReauth | Self::ExpiredManual)
    }

    /// Whether only a person can make it work.
    pub(super) fn wants_reconnect(self) -> bool {
        matches!(self, Self::NeedsReauth | Self::ExpiredManual | Self::Revoked | Self::Pending)
    }
}

/// A status as a word with a sign in front. Colour is never the only difference.
#[derive(Clone, Copy, Debug, Template)]
#[template(path = "connect/part/badge.html")]
pub(crate) struct Badge {
    status: Status,
}

impl Badge {
    /// The text alone, for filters.
    pub(super) fn text(self) -> String {
        BadgeText { status: self.status }.render().unwrap_or_default()
    }
}

#[derive(Template)]
#[template(path = "connect/part/status.txt", escape = "none")]
struct BadgeText {
    status: Status,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

// Its template escapes.
impl HtmlSafe for Badge {}

#[cfg(test)]
mod tests {
    use super::Status;

    #[test]
    fn words_lead_back_to_the_status() {
        for status in Status::ALL {
            assert_eq!(Status::parse(status.as_str()), Some(status));
            assert!(!status.badge().text().is_empty());
        }
        assert_eq!(Status::parse("fine"), None);
    }
}
