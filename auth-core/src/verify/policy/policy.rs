use std::fmt;
use std::sync::Arc;
#[cfg(feature = "jwt")]
use std::time::Duration;

#[cfg(feature = "jwt")]
use super::claim_rule::ClaimRule;
use super::rule::{Answer, Context, Rule};
use crate::error::{ConfigError, ConfigErrorKind};
use crate::scope::is_scope_byte;
#[cfg(feature = "jwt")]
use crate::verify::Claim;
use crate::verify::{Principal, Scheme};
use crate::{Clock, ScopeSet};

/// What a verified caller must have to be let in.
///
/// Each method adds a demand, and all of them must be met. An empty policy lets in every caller that was verified.
///
/// ```
/// use tower_auth_core::{Policy, Scheme};
///
/// let read = Policy::new().scope("orders:read");
/// let approve = Policy::new()
///     .scope("orders:write")
///     .any_role(["manager", "auditor"])
///     .unless(Policy::new().role("suspended"));
/// let either = read.or(Policy::new().any_scheme([Scheme::ApiKey]));
/// # approve.check()?;
/// # either.check()?;
/// # Ok::<(), tower_auth_core::ConfigError>(())
/// ```
///
/// [`Verifier::require`](crate::Verifier::require) applies it, and so do the layers and extractors of this family.
/// [`allows`](Self::allows) answers by yes or no.
///
/// # What a caller is answered who may not
/// The answer says what the client can do about it, and nothing of roles and claims:
///
/// | what is lacking | answer | told |
/// |---|---|---|
/// | a role, a claim, an issuer or a client on the list; or an [`unless`](Self::unless) holds | 403 [`Forbidden`] | |
/// | a credential of an accepted scheme | 401 [`MissingCredential`] | the challenges of those schemes |
/// | a token that is bound to a key | 401 [`BoundToken`] | |
/// | a stronger or newer login | 401 [`InsufficientAuthentication`] | `acr_values`, `max_age`; `scope` too if one is lacking |
/// | a scope | 403 [`InsufficientScope`] | every scope that the policy names |
///
/// Where several demands fail, the answer is the uppermost of these: nobody is sent to log in again to learn that it was in
/// vain. Where one of several policies would do, the answer is that of the one that is nearest: the lowest of these, and the
/// first of equals.
///
/// # Mistakes
/// A scope with a character that scopes must not have, or a choice among nothing, is a mistake. [`check`](Self::check) finds
/// it, and layers call that at construction. A mistaken policy lets nobody in: the answer is 500
/// [`Misconfigured`](crate::RejectionKind::Misconfigured).
///
/// # Clone
/// A clone counts a reference. Letting a caller in allocates nothing.
///
/// [`Forbidden`]: crate::RejectionKind::Forbidden
/// [`MissingCredential`]: crate::RejectionKind::MissingCredential
/// [`BoundToken`]: crate::RejectionKind::BoundToken
/// [`InsufficientAuthentication`]: crate::RejectionKind::InsufficientAuthentication
/// [`InsufficientScope`]: crate::RejectionKind::InsufficientScope
#[derive(Clone, Default)]
#[must_use = "a policy does nothing before something requires it"]
pub struct Policy(Arc<Inner>);

#[derive(Clone, Default)]
struct Inner {
    rules: Vec<Rule>,
    separator: Option<char>,
    clock: Option<Clock>,
    mistake: Option<(ConfigErrorKind, String)>,
}

impl Policy {
    /// Lets in every caller that was verified.
    pub fn new() -> Self {
        Self::default()
    }

    /// Demands all of these scopes, parted by spaces.
    pub fn scope(self, scopes: impl AsRef<str>) -> Self {
        match scopes.as_ref().parse::<ScopeSet>() {
            Ok(scopes) if scopes.is_empty() => self.mistaken("the policy demands a scope without a name"),
            Ok(scopes) => self.with(Rule::Scopes(scopes)),
            Err(error) => self.mistake(error.kind(), error.to_string()),
        }
    }

    /// Demands one of these scopes. Who has none is told the first: put that one first that gives the least.
    pub fn any_scope<S: AsRef<str>>(self, scopes: impl IntoIterator<Item = S>) -> Self {
        let scopes = texts(scopes);
        if let Some(Err(error)) = scopes.iter().map(|scope| ScopeSet::new([scope])).find(Result::is_err) {
            return self.mistake(error.kind(), error.to_string());
        }
        self.choice(scopes, "scopes", Rule::AnyScope)
    }

    /// Reads scopes as paths whose levels are parted by `separator`: who was granted `orders` may do what needs `orders:read`.
    /// For all scopes of this policy, and of those combined with it that do not say so themselves.
    ///
    /// # Security
    /// Only for authorization servers whose scopes are meant so: one that gives `files` for something harmless gives all of
    /// `files:…` with it.
    pub fn hierarchical_scopes(mut self, separator: char) -> Self {
        if u8::try_from(separator).is_ok_and(is_scope_byte) {
            Arc::make_mut(&mut self.0).separator = Some(separator);
            return self;
        }
        self.mistaken("the separator of the scopes' levels is no character of scopes")
    }

    /// Demands a role: exact and case-sensitive. Which claim has the roles the verifier was told.
    pub fn role(self, role: impl AsRef<str>) -> Self {
        self.any_role([role])
    }

    /// Demands one of these roles.
    pub fn any_role<S: AsRef<str>>(self, roles: impl IntoIterator<Item = S>) -> Self {
        self.choice(texts(roles), "roles", Rule::AnyRole)
    }

    /// Demands that a claim is this text, or a list of texts with this one among them. `place` is its name, or a JSON
    /// pointer as in [`Principal::claim`].
    ///
    /// A claim of another type is not what is demanded; and in an [`unless`](Self::unless) it is a reason to refuse.
    #[cfg(feature = "jwt")]
    pub fn claim(self, place: impl Into<String>, value: impl Into<String>) -> Self {
        self.with(Rule::Claim(ClaimRule::has(place.into(), value.into())))
    }

    /// Demands that `test` holds for a claim, which must be there.
    ///
    /// ```
    /// use tower_auth_core::Policy;
    ///
    /// let policy = Policy::new().claim_where("level", |level| level.as_i64().map(|level| level >= 3));
    /// ```
    ///
    /// `test` answers a `bool`, or an `Option` of one. `None` says that the claim is of a type that it does not know: then
    /// the policy is not met, and neither is it as an [`unless`](Self::unless).
    #[cfg(feature = "jwt")]
    pub fn claim_where<R: Into<Option<bool>>>(
        self,
        place: impl Into<String>,
        test: impl Fn(Claim<'_>) -> R + Send + Sync + 'static,
    ) -> Self {
        self.with(Rule::Claim(ClaimRule::new(place.into(), move |claim| test(claim).into())))
    }

    /// Demands a credential that came by one of these schemes: exactly, so that [`Scheme::Bearer`] alone excludes tokens with
    /// a proof.
    pub fn any_scheme(self, schemes: impl IntoIterator<Item = Scheme>) -> Self {
        let schemes: Box<[Scheme]> = schemes.into_iter().collect();
        if schemes.is_empty() {
            return self.mistaken("the policy demands one of no schemes");
        }
        self.with(Rule::Schemes(schemes))
    }

    /// Demands a token of one of these issuers.
    pub fn any_issuer<S: AsRef<str>>(self, issuers: impl IntoIterator<Item = S>) -> Self {
        self.choice(texts(issuers), "issuers", Rule::Issuers)
    }

    /// Demands a token of one of these clients. Client ids are unique within their issuer only.
    pub fn any_client<S: AsRef<str>>(self, clients: impl IntoIterator<Item = S>) -> Self {
        self.choice(texts(clients), "clients", Rule::Clients)
    }

    /// Demands a token that is bound to a key, by DPoP (RFC 9449) or a client certificate (RFC 8705): one that serves nobody
    /// who has not the key.
    pub fn bound(self) -> Self {
        self.with(Rule::Bound)
    }

    /// Demands a login of one of these strengths (`acr`, RFC 9470 section 3), the preferred one first.
    #[cfg(feature = "jwt")]
    pub fn acr_values<S: AsRef<str>>(self, values: impl IntoIterator<Item = S>) -> Self {
        let values = texts(values);
        if values.iter().any(|value| value.is_empty() || !value.bytes().all(is_scope_byte)) {
            return self.mistaken("a value of `acr` is empty, or has a character that challenges cannot tell");
        }
        self.choice(values, "values of `acr`", Rule::Acr)
    }

    /// Demands a login no longer ago than this (`auth_time`, RFC 9470 section 3). A login takes some seconds to become a token,
    /// and clocks differ: much less than a minute would keep out everybody.
    #[cfg(feature = "jwt")]
    pub fn max_age(self, age: Duration) -> Self {
        self.with(Rule::MaxAge(age))
    }

    /// Takes the time for [`max_age`](Self::max_age) from `clock`.
    #[cfg(feature = "jwt")]
    pub fn clock(mut self, clock: Clock) -> Self {
        Arc::make_mut(&mut self.0).clock = Some(clock);
        self
    }

    /// Demands what `other` does, too.
    pub fn and(self, other: Self) -> Self {
        self.with(Rule::All(other))
    }

    /// A policy that lets in whom this one or `other` would.
    pub fn or(self, other: Self) -> Self {
        Self::any_of([self, other])
    }

    /// Refuses callers that would meet `other`, whatever else they have.
    ///
    /// There is no negation by itself, since what a caller must *not* have tells it nothing to do. What cannot be told, as of
    /// a claim of an unknown type, refuses as well.
    ///
    /// # Security
    /// What is not in the token cannot refuse anybody: prefer to demand what good callers have.
    pub fn unless(self, other: Self) -> Self {
        self.with(Rule::Unless(other))
    }

    /// Demands what all of `policies` do.
    pub fn all_of(policies: impl IntoIterator<Item = Self>) -> Self {
        policies.into_iter().fold(Self::new(), Self::and)
    }

    /// Lets in whom any of `policies` would.
    pub fn any_of(policies: impl IntoIterator<Item = Self>) -> Self {
        let policies: Box<[Self]> = policies.into_iter().collect();
        if policies.is_empty() {
            return Self::new().mistaken("the policy is a choice among none");
        }
        Self::new().with(Rule::Any(policies))
    }

    /// Whether `principal` is let in.
    #[must_use]
    pub fn allows(&self, principal: &Principal) -> bool {
        self.answer(principal, Context { separator: None, clock: None }) == Answer::Yes
    }

    /// Whether it demands nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.rules.is_empty() && self.0.mistake.is_none()
    }

    /// Whether it can be applied.
    ///
    /// # Errors
    /// The first mistake in it, or in a policy that it is made of.
    pub fn check(&self) -> Result<(), ConfigError> {
        match &self.0.mistake {
            Some((kind, message)) => Err(ConfigError::new(*kind, message.as_str())),
            None => Ok(()),
        }
    }

    pub(super) fn answer(&self, principal: &Principal, context: Context<'_>) -> Answer {
        if self.0.mistake.is_some() {
            return Answer::Unclear;
        }
        let context = self.within(context);
        let answers = self.0.rules.iter().map(|rule| rule.answer(principal, context));
        answers.fold(Answer::Yes, Answer::and)
    }

    pub(super) fn rules(&self) -> &[Rule] {
        &self.0.rules
    }

    /// What is said around the rules of this policy.
    pub(super) fn within<'a>(&'a self, around: Context<'a>) -> Context<'a> {
        Context { separator: self.0.separator.or(around.separator), clock: self.0.clock.as_ref().or(around.clock) }
    }

    fn with(mut self, rule: Rule) -> Self {
        let inner = Arc::make_mut(&mut self.0);
        if inner.mistake.is_none() {
            // A mistake in a part is one of the whole, which would else let in whom another part does.
            let parts = match &rule {
                Rule::All(policy) | Rule::Unless(policy) => std::slice::from_ref(policy),
                Rule::Any(policies) => policies,
                _ => &[],
            };
            inner.mistake = parts.iter().find_map(|policy| policy.0.mistake.clone());
        }
        inner.rules.push(rule);
        self
    }

    fn choice(self, list: Box<[Box<str>]>, what: &str, rule: fn(Box<[Box<str>]>) -> Rule) -> Self {
        if list.is_empty() {
            return self.mistaken(&format!("the policy demands one of no {what}"));
        }
        self.with(rule(list))
    }

    fn mistaken(self, message: &str) -> Self {
        self.mistake(ConfigErrorKind::InvalidOption, message.to_owned())
    }

    /// Keeps the first mistake.
    fn mistake(mut self, kind: ConfigErrorKind, message: String) -> Self {
        Arc::make_mut(&mut self.0).mistake.get_or_insert((kind, message));
        self
    }
}

fn texts<S: AsRef<str>>(list: impl IntoIterator<Item = S>) -> Box<[Box<str>]> {
    list.into_iter().map(|text| text.as_ref().into()).collect()
}

impl From<ScopeSet> for Policy {
    /// Demands all of these scopes.
    fn from(scopes: ScopeSet) -> Self {
        if scopes.is_empty() { Self::new() } else { Self::new().with(Rule::Scopes(scopes)) }
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.mistake {
            Some((_, message)) => write!(f, "Policy(mistaken: {message})"),
            None => f.debug_tuple("Policy").field(&self.0.rules).finish(),
        }
    }
}
