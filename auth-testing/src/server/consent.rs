use tower_auth_core::ScopeSet;

/// What the scripted user says when a client asks for access, or that a person is to be [asked](Self::ask).
///
/// ```
/// use tower_auth_testing::{AuthorizationServer, Consent};
///
/// let server = AuthorizationServer::builder().client("orders", "secret").consent(Consent::approve().subject("alice")).build()?;
/// server.set_consent(Consent::deny());
/// # Ok::<(), tower_auth_core::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a consent is without effect until a server is given it"]
pub struct Consent(pub(super) Answer);

#[derive(Clone, Debug)]
pub(super) enum Answer {
    Approve { subject: String, scope: Option<ScopeSet> },
    Refuse { code: String },
    Ask,
}

impl Consent {
    /// The user `test-user` grants what is asked for.
    pub fn approve() -> Self {
        Self(Answer::Approve { subject: "test-user".to_owned(), scope: None })
    }

    /// The user refuses: `access_denied`.
    pub fn deny() -> Self {
        Self::error("access_denied")
    }

    /// The authorization ends with the error `code` (RFC 6749 section 4.1.2.1).
    pub fn error(code: impl Into<String>) -> Self {
        Self(Answer::Refuse { code: code.into() })
    }

    /// Nothing is scripted: the authorization endpoint shows a page on which whoever sits there chooses an [account](crate::Account), and
    /// allows or denies. Where nobody can be asked the authorization ends with `interaction_required`; a device goes on waiting.
    ///
    /// The page is one HTML form without script. Its fields `account` and `decision` (`allow`, `deny`) come back by `POST` to the same URL without the
    /// query, beside the parameters of the authorization request.
    pub fn ask() -> Self {
        Self(Answer::Ask)
    }

    /// The user is `name`. Without effect on a refusal.
    pub fn subject(mut self, name: impl Into<String>) -> Self {
        if let Answer::Approve { subject, .. } = &mut self.0 {
            *subject = name.into();
        }
        self
    }

    /// The user grants these scopes, if they are asked for, and no others. Without effect on a refusal.
    pub fn only(mut self, granted: ScopeSet) -> Self {
        if let Answer::Approve { scope, .. } = &mut self.0 {
            *scope = Some(granted);
        }
        self
    }
}

impl Default for Consent {
    fn default() -> Self {
        Self::approve()
    }
}
