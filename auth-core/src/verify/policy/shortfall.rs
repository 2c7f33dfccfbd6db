use std::collections::BTreeSet;
use std::fmt::Write;
#[cfg(feature = "jwt")]
use std::time::Duration;

use super::Policy;
use super::rule::{Answer, Context, Rule};
use crate::ScopeSet;
use crate::verify::{Principal, RejectionKind, Scheme};

/// What a caller lacks of a policy, to be told the client.
#[derive(Debug, Default)]
pub(in crate::verify) struct Shortfall {
    need: Need,
    /// For the log.
    detail: String,
    /// Every scope that the policy names and the caller may have to ask for.
    scopes: BTreeSet<String>,
    acr_values: Vec<String>,
    #[cfg(feature = "jwt")]
    max_age: Option<Duration>,
    schemes: Vec<Scheme>,
    lacks_scope: bool,
}

/// What a client would have to do, the easiest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Need {
    #[default]
    Nothing,
    Scope,
    #[cfg_attr(not(feature = "jwt"), allow(dead_code, reason = "only tokens tell of logins"))]
    Login,
    BoundToken,
    OtherCredential,
    /// There is nothing that it could do.
    Other,
    /// It is a mistake of ours.
    Service,
}

impl Shortfall {
    /// What `principal` lacks of `policy`, if anything.
    #[cold]
    pub(in crate::verify) fn of(policy: &Policy, principal: &Principal) -> Option<Self> {
        let shortfall = Self::within(policy, principal, Context { separator: None, clock: None });
        (shortfall.need != Need::Nothing).then_some(shortfall)
    }

    pub(in crate::verify) fn kind(&self) -> RejectionKind {
        match self.need {
            Need::Scope => RejectionKind::InsufficientScope,
            Need::Login => RejectionKind::InsufficientAuthentication,
            Need::BoundToken => RejectionKind::BoundToken,
            Need::OtherCredential => RejectionKind::MissingCredential,
            Need::Nothing | Need::Other => RejectionKind::Forbidden,
            Need::Service => RejectionKind::Misconfigured,
        }
    }

    /// What is told the operator.
    pub(in crate::verify) fn detail(&mut self) -> String {
        std::mem::take(&mut self.detail)
    }

    /// The scopes that are to be asked for, if that helps.
    pub(in crate::verify) fn scopes(&self) -> Option<ScopeSet> {
        let tells = matches!(self.need, Need::Scope) || (self.need == Need::Login && self.lacks_scope);
        // Each was checked when the policy was made.
        if tells { ScopeSet::new(&self.scopes).ok() } else { None }
    }

    /// What else the challenge tells.
    pub(in crate::verify) fn parameters(&self) -> Vec<(&'static str, String)> {
        let mut parameters = Vec::new();
        if self.need != Need::Login {
            return parameters;
        }
        if !self.acr_values.is_empty() {
            parameters.push(("acr_values", self.acr_values.join(" ")));
        }
        #[cfg(feature = "jwt")]
        if let Some(age) = self.max_age {
            parameters.push(("max_age", age.as_secs().to_string()));
        }
        parameters
    }

    /// The schemes that would do, if another one is needed.
    pub(in crate::verify) fn schemes(&self) -> Option<&[Scheme]> {
        (self.need == Need::OtherCredential).then_some(&*self.schemes)
    }

    fn within(policy: &Policy, principal: &Principal, context: Context<'_>) -> Self {
        if let Err(mistake) = policy.check() {
            return Self::new(Need::Service, format!("the policy has a mistake: {mistake}"));
        }
        let context = policy.within(context);
        policy.rules().iter().fold(Self::default(), |whole, rule| whole.and(Self::of_rule(rule, principal, context)))
    }

    fn of_rule(rule: &Rule, principal: &Principal, context: Context<'_>) -> Self {
        let answer = rule.answer(principal, context);
        if answer == Answer::Yes {
            return Self::met(rule);
        }
        match rule {
            Rule::Scopes(scopes) => {
                let mut short = Self::new(Need::Scope, format!("the request needs the scopes {scopes}"));
                short.scopes = scopes.iter().map(str::to_owned).collect();
                short.lacks_scope = true;
                short
            }
            Rule::AnyScope(scopes) => {
                let mut short = Self::new(Need::Scope, format!("the request needs one of the scopes {scopes:?}"));
                short.scopes = scopes.first().map(|scope| scope.to_string()).into_iter().collect();
                short.lacks_scope = true;
                short
            }
            Rule::AnyRole(roles) => Self::new(Need::Other, format!("the caller has none of the roles {roles:?}")),
            #[cfg(feature = "jwt")]
            Rule::Claim(claim) => {
                let why = if answer == Answer::Unclear { "of an unexpected type" } else { "not what it must be" };
                Self::new(Need::Other, format!("the claim {:?} is {why}", claim.place()))
            }
            Rule::Schemes(schemes) => {
                let detail =
                    format!("the request came by {}, and may come by {schemes:?}", principal.scheme().as_str());
                Self { schemes: schemes.to_vec(), ..Self::new(Need::OtherCredential, detail) }
            }
            Rule::Issuers(_) => Self::new(Need::Other, "the issuer is not on the list of the policy".to_owned()),
            Rule::Clients(_) => Self::new(Need::Other, "the client is not on the list of the policy".to_owned()),
            Rule::Bound => Self::new(Need::BoundToken, "the request needs a token that is bound to a key".to_owned()),
            #[cfg(feature = "jwt")]
            Rule::Acr(values) => {
                let detail = format!("the request needs a login with one of the `acr` values {values:?}");
                Self { acr_values: strings(values), ..Self::new(Need::Login, detail) }
            }
            #[cfg(feature = "jwt")]
            Rule::MaxAge(age) => {
                let detail = format!("the request needs a login within the last {} s", age.as_secs());
                Self { max_age: Some(*age), ..Self::new(Need::Login, detail) }
            }
            Rule::All(policy) => Self::within(policy, principal, context),
            Rule::Any(policies) => {
                let shortfalls = policies.iter().map(|policy| Self::within(policy, principal, context));
                shortfalls.min_by_key(|short| short.need).unwrap_or_default()
            }
            Rule::Unless(policy) => Self::new(Need::Other, format!("the caller is one that is refused: {policy:?}")),
        }
    }

    /// A rule that holds: what it demands must hold of the next token, too.
    fn met(rule: &Rule) -> Self {
        let mut short = Self::default();
        match rule {
            Rule::Scopes(scopes) => short.scopes = scopes.iter().map(str::to_owned).collect(),
            #[cfg(feature = "jwt")]
            Rule::Acr(values) => short.acr_values = strings(values),
            #[cfg(feature = "jwt")]
            Rule::MaxAge(age) => short.max_age = Some(*age),
            Rule::All(policy) => {
                let parts = policy.rules().iter().map(Self::met);
                short = parts.fold(short, Self::and);
            }
            _ => {}
        }
        short
    }

    fn new(need: Need, detail: String) -> Self {
        Self { need, detail, ..Self::default() }
    }

    /// Both: the harder one decides.
    fn and(mut self, other: Self) -> Self {
        if other.need > Need::Nothing {
            let separator = if self.detail.is_empty() { "" } else { "; " };
            // Writing into a `String` does not fail.
            let _ = write!(self.detail, "{separator}{}", other.detail);
        }
        self.need = self.need.max(other.need);
        self.lacks_scope |= other.lacks_scope;
        self.scopes.extend(other.scopes);
        let common = self.acr_values.iter().any(|value| other.acr_values.contains(value));
        if self.acr_values.is_empty() {
            self.acr_values = other.acr_values;
        } else if common {
            self.acr_values.retain(|value| other.acr_values.contains(value));
        }
        #[cfg(feature = "jwt")]
        {
            self.max_age = [self.max_age, other.max_age].into_iter().flatten().min();
        }
        if self.schemes.is_empty() {
            self.schemes = other.schemes;
        } else if !other.schemes.is_empty() {
            self.schemes.retain(|scheme| other.schemes.contains(scheme));
        }
        self
    }
}

#[cfg(feature = "jwt")]
fn strings(list: &[Box<str>]) -> Vec<String> {
    list.iter().map(|text| text.to_string()).collect()
}
