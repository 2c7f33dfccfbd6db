use askama::Template;

use super::connector::ConnectorLabel;
use super::shell::Shell;

/// What the script must know while a pop-up is open.
#[derive(Clone, Debug)]
pub(crate) struct Wait {
    /// Names this attempt. The page at the end says it again, so that two attempts in one browser are not mixed up. No secret.
    pub(crate) flow: String,
    /// Where to go, on this server, when the pop-up says that it worked.
    pub(crate) finished: String,
}

/// The end of the way through the provider, in the pop-up or in the full page.
#[derive(Clone, Debug, Template)]
#[template(path = "connect/oauth_done.html")]
pub(crate) struct OAuthDone {
    pub(crate) shell: Shell,
    pub(crate) connector: ConnectorLabel,
    pub(crate) outcome: Outcome,
    /// As in [`Wait::flow`]; `None` if the state told nothing that can be believed.
    pub(crate) flow: Option<String>,
    /// Where to begin again, or to go on, on this server.
    pub(crate) back: Option<String>,
    pub(crate) handover: Option<Handover>,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Connected {
        account: Option<String>,
    },
    /// Reconnected, but not with the account of before.
    OtherAccount {
        before: String,
        now: String,
    },
    /// The person said no.
    Denied,
    StateExpired,
    /// The answer does not belong to this browser.
    StateMismatch,
    /// What the provider says of itself. It is a stranger's text.
    ProviderError {
        code: String,
        description: Option<String>,
    },
    /// The code was not exchanged for a token.
    ExchangeFailed {
        status: Option<u16>,
        code: Option<String>,
    },
    /// The provider did not accept the new token.
    CheckFailed {
        status: Option<u16>,
        code: Option<String>,
    },
}

/// What the page that opened this one is told: by `postMessage`, to one origin only.
///
/// The message is `{source: "tower-auth", outcome, flow, credentialId}`; `outcome` as in [`Outcome::as_str`].
#[derive(Clone, Debug)]
pub(crate) struct Handover {
    /// The exact origin of the application that may know, such as `https://app.example.com`. It comes from the session, never from
    /// the request.
    pub(crate) opener_origin: String,
    pub(crate) credential_id: Option<String>,
}

impl Outcome {
    /// The word for it in messages.
    pub(crate) fn as_str(&self) -> &'static str {
        match self {
            Self::Connected { .. } => "connected",
            Self::OtherAccount { .. } => "other_account",
            Self::Denied => "denied",
            Self::StateExpired => "state_expired",
            Self::StateMismatch => "state_mismatch",
            Self::ProviderError { .. } => "provider_error",
            Self::ExchangeFailed { .. } => "exchange_failed",
            Self::CheckFailed { .. } => "check_failed",
        }
    }

    /// Whether there is a connection now.
    pub(crate) fn is_success(&self) -> bool {
        matches!(self, Self::Connected { .. } | Self::OtherAccount { .. })
    }

    /// Whether nothing is left to be read, so that a pop-up may close itself.
    pub(super) fn closes(&self) -> bool {
        matches!(self, Self::Connected { .. } | Self::Denied)
    }

    pub(super) fn class(&self) -> &'static str {
        match self {
            Self::Connected { .. } => "good",
            Self::OtherAccount { .. } | Self::Denied => "warn",
            _ => "bad",
        }
    }
}
