#[cfg(feature = "jwt")]
use std::time::Duration;

use super::Policy;
#[cfg(feature = "jwt")]
use super::claim_rule::ClaimRule;
use super::scopes::has_scope;
use crate::verify::{Principal, Scheme};
use crate::{Clock, ScopeSet};

/// One demand of a policy.
#[derive(Clone, Debug)]
pub(super) enum Rule {
    /// All of these.
    Scopes(ScopeSet),
    /// One of these, in the order they were given.
    AnyScope(Box<[Box<str>]>),
    AnyRole(Box<[Box<str>]>),
    #[cfg(feature = "jwt")]
    Claim(ClaimRule),
    Schemes(Box<[Scheme]>),
    Issuers(Box<[Box<str>]>),
    Clients(Box<[Box<str>]>),
    Bound,
    #[cfg(feature = "jwt")]
    Acr(Box<[Box<str>]>),
    #[cfg(feature = "jwt")]
    MaxAge(Duration),
    All(Policy),
    Any(Box<[Policy]>),
    Unless(Policy),
}

/// Whether something holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Yes,
    No,
    /// It cannot be told, which is good for nothing: neither for a rule nor for its opposite.
    Unclear,
}

/// What the policies around one say, where it does not say so itself.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) separator: Option<char>,
    pub(super) clock: Option<&'a Clock>,
}

/// How far the clock of an issuer may be ahead of ours.
#[cfg(feature = "jwt")]
const LEEWAY: Duration = Duration::from_secs(60);

impl Rule {
    pub(super) fn answer(&self, principal: &Principal, context: Context<'_>) -> Answer {
        let among = |value: Option<&str>, list: &[Box<str>]| {
            Answer::from(value.is_some_and(|value| list.iter().any(|one| **one == *value)))
        };
        match self {
            Self::Scopes(needed) => needed.iter().all(|scope| has_scope(principal, scope, context.separator)).into(),
            Self::AnyScope(scopes) => scopes.iter().any(|scope| has_scope(principal, scope, context.separator)).into(),
            Self::AnyRole(roles) => roles.iter().any(|role| principal.has_role(role)).into(),
            #[cfg(feature = "jwt")]
            Self::Claim(rule) => rule.answer(principal),
            Self::Schemes(schemes) => schemes.contains(&principal.scheme()).into(),
            Self::Issuers(issuers) => among(principal.issuer(), issuers),
            Self::Clients(clients) => among(principal.client_id(), clients),
            Self::Bound => principal.is_bound().into(),
            #[cfg(feature = "jwt")]
            Self::Acr(values) => among(principal.acr().as_deref(), values),
            #[cfg(feature = "jwt")]
            Self::MaxAge(age) => is_recent(principal, *age, context).into(),
            Self::All(policy) => policy.answer(principal, context),
            Self::Any(policies) => {
                let answers = policies.iter().map(|policy| policy.answer(principal, context));
                answers.fold(Answer::No, Answer::or)
            }
            Self::Unless(policy) => policy.answer(principal, context).opposite(),
        }
    }
}

/// Whether the user logged in no longer ago than `age`.
#[cfg(feature = "jwt")]
fn is_recent(principal: &Principal, age: Duration, context: Context<'_>) -> bool {
    let Some(login) = principal.auth_time() else { return false };
    let now = context.clock.map_or_else(|| Clock::system().wall(), Clock::wall);
    match now.duration_since(login) {
        Ok(since) => since <= age,
        Err(ahead) => ahead.duration() <= LEEWAY,
    }
}

impl Answer {
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Yes, Self::Yes) => Self::Yes,
            (Self::No, _) | (_, Self::No) => Self::No,
            _ => Self::Unclear,
        }
    }

    fn or(self, other: Self) -> Self {
        self.opposite().and(other.opposite()).opposite()
    }

    fn opposite(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            Self::Unclear => Self::Unclear,
        }
    }
}

impl From<bool> for Answer {
    fn from(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

#[cfg(test)]
mod tests {
    use super::Answer::{No, Unclear, Yes};

    // THREAT-V6, THREAT-V16
    #[test]
    fn what_cannot_be_told_grants_nothing_by_any_combination() {
        for (left, right, and, or) in [
            (Yes, Yes, Yes, Yes),
            (Yes, No, No, Yes),
            (No, No, No, No),
            (Yes, Unclear, Unclear, Yes),
            (No, Unclear, No, Unclear),
            (Unclear, Unclear, Unclear, Unclear),
        ] {
            assert_eq!((left.and(right), right.and(left)), (and, and), "{left:?} and {right:?}");
            assert_eq!((left.or(right), right.or(left)), (or, or), "{left:?} or {right:?}");
        }
        assert_eq!([Yes.opposite(), No.opposite(), Unclear.opposite()], [No, Yes, Unclear]);
    }
}
