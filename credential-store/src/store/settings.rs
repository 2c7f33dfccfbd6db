use std::time::Duration;

/// What an operator may set.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// How long a lease lasts without a heartbeat. Longer than a token request may take.
    pub(crate) lease: Duration,
    /// How long one token request may take if the description does not say.
    pub(crate) timeout: Duration,
    /// After how long an idle credential with a refresh token is renewed, if its description does not say.
    pub(crate) keep_alive: Option<Duration>,
    /// Whether the sweep renews every token ahead of its end, and not only those that nobody uses for long.
    pub(crate) ahead: bool,
    /// How often credentials that never change are looked up again.
    pub(crate) recheck: Duration,
    /// How many credentials one owner may have.
    pub(crate) per_owner: u32,
    /// How many logged token requests of a credential are kept.
    pub(crate) log_entries: u32,
    /// How long entries of the audit trail are kept; for ever if not set.
    pub(crate) keep_audit: Option<Duration>,
    /// How many credentials are in memory at the most.
    pub(crate) in_memory: usize,
    /// How long before its end an owner is told.
    pub(crate) warn_lead: Duration,
    /// Where users may be sent after a login.
    pub(crate) redirects: Vec<String>,
    /// Who is told of events.
    pub(crate) webhooks: Vec<crate::event::Webhook>,
    /// How often the sweep looks when there is nothing to do.
    pub(crate) sweep_interval: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(30),
            timeout: Duration::from_secs(15),
            keep_alive: Some(Duration::from_secs(24 * 60 * 60)),
            ahead: false,
            recheck: Duration::from_secs(60),
            per_owner: 1_000,
            log_entries: 50,
            keep_audit: None,
            in_memory: 10_000,
            warn_lead: Duration::from_secs(3 * 24 * 60 * 60),
            redirects: Vec::new(),
            webhooks: Vec::new(),
            sweep_interval: Duration::from_secs(5),
        }
    }
}
