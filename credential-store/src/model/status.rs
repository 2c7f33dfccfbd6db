use std::fmt;

/// How a credential is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CredentialStatus {
    /// Somebody began to connect, and has not finished. Logins that wait are no credentials yet, so that this store makes none; other programs
    /// on the same tables may.
    Pending,
    /// It works, as far as is known.
    Valid,
    /// The last attempt to renew it failed for a reason that may pass. A token that still lives serves.
    Degraded,
    /// A person must grant access again: the provider refused the grant, or the key.
    NeedsReauth,
    /// It was ended at the provider, by us or by what the provider said.
    Revoked,
    /// Its token has ended, and it was never renewable by itself.
    ExpiredManual,
    /// A rotation was begun and nobody knows how it ended: the refresh token may be spent and is not sent again. A token that still lives
    /// serves to its end.
    Unconfirmed,
}

const NAMES: &[(CredentialStatus, &str)] = &[
    (CredentialStatus::Pending, "pending"),
    (CredentialStatus::Valid, "valid"),
    (CredentialStatus::Degraded, "degraded"),
    (CredentialStatus::NeedsReauth, "needs_reauth"),
    (CredentialStatus::Revoked, "revoked"),
    (CredentialStatus::ExpiredManual, "expired_manual"),
    (CredentialStatus::Unconfirmed, "unconfirmed"),
];

impl CredentialStatus {
    /// Its name in databases, JSON, events and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        NAMES.iter().find(|(own, _)| *own == self).map_or("", |(_, name)| name)
    }

    /// The status of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        NAMES.iter().find(|(_, own)| *own == name).map(|(status, _)| *status)
    }

    /// Whether only a person can help.
    #[must_use]
    pub fn needs_a_person(self) -> bool {
        matches!(self, Self::NeedsReauth | Self::Revoked | Self::ExpiredManual | Self::Unconfirmed | Self::Pending)
    }
}

impl fmt::Display for CredentialStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_comes_back_from_its_name() {
        for (status, name) in NAMES {
            assert_eq!((CredentialStatus::from_name(name), status.as_str()), (Some(*status), *name));
        }
        assert_eq!(CredentialStatus::from_name("Valid"), None);
    }
}
