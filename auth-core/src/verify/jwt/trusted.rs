use std::collections::HashSet;
use std::fmt;
use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::BoxError;
use crate::error::{ConfigError, ConfigErrorKind, printable};
use crate::verify::preset::{Template, is_plain_url};

/// Whose tokens are trusted, where the issuers are known at run time only: the tenants of a service.
///
/// The issuer that a token names is a claim of its sender. Before anything else is done with it, and before the network is
/// used at all, it must have the shape that is said here, and then be trusted by name. Each trusted issuer has keys of its own,
/// fetched from its own metadata, and the same rules.
///
/// ```
/// use tower_auth_core::{ConfigError, JwtVerifier, Preset, TrustedIssuers};
///
/// # #[cfg(feature = "http")] {
/// # let customers = std::collections::HashSet::<String>::new();
/// let tenants = TrustedIssuers::matching("https://login.microsoftonline.com/{tenant}/v2.0")?
///     .when(move |issuer| issuer.tenant().is_some_and(|tenant| customers.contains(tenant)));
/// let verifier = JwtVerifier::trusted_issuers(tenants)
///     .preset(Preset::EntraV2, &[])?
///     .audience("6e74172b-be56-4843-9ff4-e66a39bb12e3")
///     .build()?;
/// # }
/// # Ok::<(), ConfigError>(())
/// ```
///
/// A template is the simple form: one part of the URL, in braces, differs between tenants. It may be a label of the host
/// (`https://{tenant}.login.example.com`, with two fixed labels behind it at least) or a segment of the path. What stands in its place
/// is plain: a label of lower-case letters, digits and hyphens; a segment without escapes or dots that lead elsewhere. Where issuers
/// have nothing in common there is [`of_any_shape`](Self::of_any_shape).
///
/// One of [`only`](Self::only), [`when`](Self::when), [`look_up`](Self::look_up) and [`any`](Self::any) decides; without one
/// [`build`](crate::JwtVerifier::build) fails.
///
/// # Limits
/// At most 1,000 issuers are kept with their keys ([`limit`](Self::limit)); where one more comes, those that were used least recently
/// make room, first those of which no token was ever good. An issuer that is not trusted costs no fetch and is not kept. Of the
/// answers "no" of a [`look_up`](Self::look_up) a thousand are remembered for ten seconds. [`Verifier::ready`](crate::Verifier::ready) and
/// [`Verifier::status`](crate::Verifier::status) do not know these issuers.
///
/// # Security
/// Keys are fetched from a host that the token names: over `https` (or from a loopback address, where
/// [`allow_loopback_http`](crate::JwtVerifier::allow_loopback_http) is set), and unless the whole host is fixed by a template from
/// public addresses only. [`address_policy`](crate::JwtVerifier::address_policy) opens more; an own
/// [`http_client`](crate::JwtVerifier::http_client) guards itself. An issuer that has a verifier of its own beside this one
/// ([`Verifier::any_of`](crate::Verifier::any_of)) is that one's alone.
#[derive(Clone)]
#[must_use = "it does nothing before a verifier is built with it"]
pub struct TrustedIssuers {
    template: Option<Arc<Template>>,
    decision: Decision,
    limit: usize,
    trusted_for: Duration,
}

#[derive(Clone)]
enum Decision {
    Open,
    Any,
    Only(Arc<HashSet<Box<str>>>),
    When(Arc<When>),
    LookUp(Arc<LookUp>),
}

type When = dyn Fn(&ClaimedIssuer) -> bool + Send + Sync;
type LookUp = dyn Fn(ClaimedIssuer) -> LookedUp + Send + Sync;
pub(super) type LookedUp = Pin<Box<dyn Future<Output = Result<bool, BoxError>> + Send>>;

/// The issuer that a token names, before anything of the token was verified. Its form is that of an issuer's URL.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ClaimedIssuer {
    url: Arc<str>,
    tenant: Option<Range<usize>>,
}

/// What is known of an issuer at once.
pub(super) enum Answer {
    Yes,
    No,
    Ask,
}

impl TrustedIssuers {
    /// Issuers whose URLs have this shape: `https://login.example.com/{tenant}`.
    ///
    /// # Errors
    /// When there is not one open part, when it is more than one label or segment, or when fewer than two labels behind an open
    /// label are fixed.
    pub fn matching(template: &str) -> Result<Self, ConfigError> {
        let invalid = |why: &str| {
            ConfigError::new(ConfigErrorKind::InvalidUrl, format!("the template of the trusted issuers {why}"))
        };
        let template = Template::parse(template).map_err(invalid)?;
        match template.names().len() {
            0 => return Err(invalid("has no open part, such as {tenant}")),
            1 => {}
            _ => return Err(invalid("has more than one open part")),
        }
        if template.opens_host() && template.fixed_domain() < 2 {
            return Err(invalid("opens the host to strangers: two labels at its end at least must be fixed"));
        }
        Ok(Self::new(Some(Arc::new(template))))
    }

    /// Issuers whose URLs have nothing in common.
    pub fn of_any_shape() -> Self {
        Self::new(None)
    }

    fn new(template: Option<Arc<Template>>) -> Self {
        Self { template, decision: Decision::Open, limit: 1_000, trusted_for: Duration::from_secs(300) }
    }

    /// Trusts these: by what stands in the open part of the template, or by their whole URLs if there is no template.
    pub fn only<I>(mut self, names: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        let names = names.into_iter().map(|name| name.into().into_boxed_str()).collect();
        self.decision = Decision::Only(Arc::new(names));
        self
    }

    /// Trusts those of which `trusted` says so. It is asked for every token, so that it must be quick; whom it trusts no longer is
    /// refused at once.
    pub fn when(mut self, trusted: impl Fn(&ClaimedIssuer) -> bool + Send + Sync + 'static) -> Self {
        self.decision = Decision::When(Arc::new(trusted));
        self
    }

    /// Trusts those of which `trusted` says so in the end: a look-up in a database, say. It is asked for the first token of an issuer, and
    /// again after the time of [`ask_again_after`](Self::ask_again_after). An error refuses the request with 503
    /// ([`LookupUnavailable`](crate::RejectionKind::LookupUnavailable)) and decides nothing; so does one that takes longer than a
    /// fetch of keys may take. At most 32 look-ups run at a time, and others wait for them.
    pub fn look_up<F, R>(mut self, trusted: F) -> Self
    where
        F: Fn(ClaimedIssuer) -> R + Send + Sync + 'static,
        R: Future<Output = Result<bool, BoxError>> + Send + 'static,
    {
        self.decision = Decision::LookUp(Arc::new(move |issuer| Box::pin(trusted(issuer))));
        self
    }

    /// Trusts every issuer of the shape: all tenants of a provider.
    ///
    /// # Security
    /// Whoever can become a tenant can call, so that a policy must look at the issuer or the tenant. First tokens of issuers come
    /// at any rate that a stranger likes; a hundred at once and ten in a second are fetched for, the rest is refused with 503
    /// until later.
    pub fn any(mut self) -> Self {
        self.decision = Decision::Any;
        self
    }

    /// The most issuers that are kept with their keys. Default 1,000.
    pub fn limit(mut self, issuers: usize) -> Self {
        self.limit = issuers;
        self
    }

    /// How long a [`look_up`](Self::look_up) that said "yes" counts. Default 5 minutes.
    pub fn ask_again_after(mut self, time: Duration) -> Self {
        self.trusted_for = time;
        self
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let mistake = |kind, why: &str| Err(ConfigError::new(kind, why));
        match (&self.decision, &self.template) {
            (Decision::Open, _) => mistake(
                ConfigErrorKind::MissingOption,
                "nothing decides which issuers are trusted: use `only`, `when`, `look_up` or `any`",
            ),
            (Decision::Any, None) => {
                mistake(ConfigErrorKind::InvalidOption, "every issuer of the world would be trusted: give a template")
            }
            (Decision::Only(names), _) if names.is_empty() => {
                mistake(ConfigErrorKind::MissingOption, "no issuer is trusted")
            }
            _ if self.limit == 0 || self.trusted_for.is_zero() => mistake(
                ConfigErrorKind::InvalidOption,
                "the number of issuers and the time that they are trusted must not be zero",
            ),
            _ => Ok(()),
        }
    }

    /// The URLs of those that are named.
    pub(super) fn named(&self) -> Result<Vec<String>, ConfigError> {
        let Decision::Only(names) = &self.decision else { return Ok(Vec::new()) };
        let url = |name: &str| {
            let url = match &self.template {
                Some(template) => template.fill(|_| Some(name)),
                None => is_plain_url(name).then(|| name.to_owned()),
            };
            url.ok_or_else(|| {
                let what = format!("no issuer of the shape {} is called {:?}", self.shape(), printable(name, 200));
                ConfigError::new(ConfigErrorKind::InvalidOption, what)
            })
        };
        names.iter().map(|name| url(name)).collect()
    }

    /// What the issuers have in common.
    pub(super) fn template(&self) -> Option<&Template> {
        self.template.as_deref()
    }

    /// How the shape is shown.
    pub(super) fn shape(&self) -> &str {
        self.template.as_ref().map_or("any URL", |template| template.as_str())
    }

    pub(super) fn most(&self) -> usize {
        self.limit
    }

    pub(super) fn trusted_for(&self) -> Duration {
        self.trusted_for
    }

    pub(super) fn is_any(&self) -> bool {
        matches!(self.decision, Decision::Any)
    }

    /// The issuer that a token names, if it has the shape of one.
    pub(super) fn claimed(&self, issuer: &str) -> Option<ClaimedIssuer> {
        if !is_plain_url(issuer) {
            return None;
        }
        let tenant = match &self.template {
            Some(template) => {
                let (_, value) = template.read(issuer)?.pop()?;
                let start = value.as_ptr().addr() - issuer.as_ptr().addr();
                Some(start..start + value.len())
            }
            None => None,
        };
        Some(ClaimedIssuer { url: issuer.into(), tenant })
    }

    /// Whether an issuer is trusted, without waiting.
    pub(super) fn decide(&self, issuer: &ClaimedIssuer) -> Answer {
        let trusted = match &self.decision {
            Decision::Open => false,
            Decision::Any => true,
            Decision::Only(names) => names.contains(issuer.tenant().unwrap_or(issuer.url())),
            Decision::When(trusted) => trusted(issuer),
            Decision::LookUp(_) => return Answer::Ask,
        };
        if trusted { Answer::Yes } else { Answer::No }
    }

    /// Starts a look-up, where there is one.
    pub(super) fn ask(&self, issuer: &ClaimedIssuer) -> Option<LookedUp> {
        match &self.decision {
            Decision::LookUp(trusted) => Some(trusted(issuer.clone())),
            _ => None,
        }
    }

    /// Whether one issuer may be trusted by both.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        match (&self.template, &other.template) {
            (Some(own), Some(other)) => own.overlaps(other),
            _ => true,
        }
    }
}

impl ClaimedIssuer {
    /// The URL, as the token has it.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What stands in the open part of the template. `None` without a template.
    #[must_use]
    pub fn tenant(&self) -> Option<&str> {
        self.url.get(self.tenant.clone()?)
    }

    pub(super) fn key(&self) -> Arc<str> {
        Arc::clone(&self.url)
    }
}

impl fmt::Debug for ClaimedIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClaimedIssuer").field("url", &self.url).field("tenant", &self.tenant()).finish()
    }
}

impl fmt::Debug for TrustedIssuers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decision = match &self.decision {
            Decision::Open => "open",
            Decision::Any => "any",
            Decision::Only(_) => "only",
            Decision::When(_) => "when",
            Decision::LookUp(_) => "look_up",
        };
        f.debug_struct("TrustedIssuers")
            .field("shape", &self.shape())
            .field("decision", &decision)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}
