use std::time::Duration;

use super::JwtVerifier;
use super::claim_options::ClaimOptions;
use super::jwt_verifier::{Manner, Whose, invalid, missing};
use super::key_options::{KeyOptions, Keys};
use crate::Clock;
use crate::error::ConfigError;
use crate::http::{Endpoint, HttpClient, PlaintextRules};
use crate::jose::{Algorithm, AlgorithmSet, VerifyingKey};
use crate::verify::claim::{Place, Places};
use crate::verify::jwt::TrustedIssuers;
use crate::verify::jwt::check::JwtCheck;
use crate::verify::jwt::rights::Rights;
use crate::verify::jwt::roles::{RoleClaim, RoleRules};
use crate::verify::jwt::rules::Rules;
use crate::verify::jwt::tenants::Standing;
use crate::verify::keys::{Epoch, KeySource, Limits, Place as KeyPlace, Store};
use crate::verify::memo::MemoOptions;
use crate::verify::preset::{Facts, Known, Texts};

/// What the rules of an issuer are made by: everything that was said, checked as far as that goes without the issuer.
pub(in crate::verify::jwt) struct Blueprint {
    manner: Manner,
    audiences: Vec<Box<str>>,
    /// `None`: as the preset has it.
    algorithms: Option<AlgorithmSet>,
    leeway: Duration,
    claims: ClaimOptions,
    keep_subject_token: bool,
    memo_ttl: Duration,
    memo: MemoOptions,
    clock: Clock,
    keys: Keys,
    /// What stands in the URL of the keys for the tenant.
    open: Option<String>,
    rules: PlaintextRules,
    limits: Limits,
    /// `None` where nothing is fetched.
    clients: Option<Clients>,
}

/// By what keys are fetched.
struct Clients {
    https: HttpClient,
    /// For plain `http`, where it is allowed beside a guard that is for `https` only.
    http: Option<HttpClient>,
}

/// Fits every form that a part of an issuer's URL can have.
const SAMPLE: &str = "00000000-0000-0000-0000-000000000000";

impl Blueprint {
    pub(super) fn new(options: &JwtVerifier) -> Result<Self, ConfigError> {
        let KeyOptions { place, plaintext, limits, .. } = &options.keys;
        let mut open = None;
        if let Whose::Trusted(trusted) = &options.whose {
            trusted.check()?;
            open = trusted.template().and_then(|template| Some(format!("{{{}}}", template.names().first()?)));
            match place {
                Keys::Discover => {}
                // Keys that are not an issuer's own would let one tenant sign for another (RFC 8725 section 3.8).
                Keys::At(url) if open.as_ref().is_some_and(|open| url.contains(open)) => {}
                Keys::At(_) => {
                    return Err(invalid(
                        "the URL of the keys is the same for every trusted issuer: put the open part of their template in",
                    ));
                }
                Keys::Fixed(_) | Keys::Shared(_) => {
                    return Err(invalid("trusted issuers have keys of their own, which are fetched"));
                }
            }
        }
        match place {
            Keys::Fixed(keys) if keys.keys().is_empty() => return Err(missing("the key set has no usable key")),
            Keys::Fixed(keys) if keys.keys().iter().any(|key| key.algorithms().iter().any(Algorithm::is_symmetric)) => {
                return Err(invalid("the key set has a shared secret: use `JwtVerifier::shared_secret`"));
            }
            _ => {}
        }
        let rules = plaintext.rules()?;
        let clients = match place {
            Keys::Fixed(_) | Keys::Shared(_) => None,
            Keys::Discover | Keys::At(_) => {
                limits.check()?;
                Some(Clients::new(options)?)
            }
        };
        let blueprint = Self {
            manner: options.manner.clone(),
            audiences: options.audiences.iter().map(|audience| audience.as_str().into()).collect(),
            algorithms: options.algorithms.as_ref().map(|algorithms| algorithms.iter().copied().collect()),
            leeway: options.leeway,
            claims: options.claims.clone(),
            keep_subject_token: options.keep_subject_token,
            memo_ttl: options.memo_ttl,
            memo: options.memo,
            clock: options.clock.clone(),
            keys: place.clone(),
            open,
            rules,
            limits: limits.clone(),
            clients,
        };
        blueprint.check_audiences()?;
        Ok(blueprint)
    }

    pub(in crate::verify::jwt) fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(in crate::verify::jwt) fn timeout(&self) -> Duration {
        self.limits.timeout
    }

    pub(in crate::verify::jwt) fn memo_options(&self) -> Option<MemoOptions> {
        (!self.memo_ttl.is_zero()).then_some(self.memo)
    }

    /// Checks what can be known of the rules before there is an issuer.
    pub(super) fn check_all(&self, trusted: &TrustedIssuers) -> Result<(), ConfigError> {
        let named = trusted.named()?;
        if named.is_empty() {
            let sample = match (trusted.template(), &self.manner) {
                (Some(template), _) => template.fill(|_| Some(SAMPLE)),
                (None, Manner::Preset(parameters)) => parameters.sample(SAMPLE),
                (None, Manner::Profile(_)) => Some("https://issuer.example".to_owned()),
            };
            let sample = sample.ok_or_else(|| invalid("no issuer can have this shape"))?;
            self.check(&sample, None)?;
        }
        named.iter().try_for_each(|issuer| self.check(issuer, None).map(drop))
    }

    /// The rules for the issuer at `issuer`.
    pub(in crate::verify::jwt) fn check(
        &self,
        issuer: &str,
        standing: Option<Standing>,
    ) -> Result<JwtCheck, ConfigError> {
        let mut places = Places::default();
        let known = match &self.manner {
            Manner::Profile(_) => None,
            Manner::Preset(parameters) => Some((parameters.preset(), parameters.for_issuer(issuer)?)),
        };
        let facts = known.as_ref().map(|(preset, known)| (preset.facts(), known));
        let mut rules = match (&self.manner, &known) {
            (Manner::Profile(profile), _) => Rules::profile(*profile, self.claims.subject.is_some(), issuer),
            (Manner::Preset(parameters), Some((_, known))) => Rules::preset(parameters.preset(), known, &mut places)?,
            (Manner::Preset(_), None) => return Err(invalid("the preset is not known")),
        };
        for (name, value) in &self.claims.required {
            rules.require(&mut places, name, value)?;
        }
        let rights = self.rights(facts, &mut places)?;
        let algorithms = self.algorithms(facts.map(|(facts, _)| facts))?;
        let keys = self.key_source(issuer, known.as_ref().map(|(_, known)| known), standing.as_ref())?;
        Ok(JwtCheck {
            issuer: issuer.into(),
            audiences: self.audiences.clone().into(),
            rules,
            places,
            algorithms,
            leeway: self.leeway,
            rights,
            keep_subject_token: self.keep_subject_token,
            memo_ttl: self.memo_ttl,
            memo: self.memo,
            clock: self.clock.clone(),
            keys,
            standing,
        })
    }

    /// Audiences that mean something else at issuers of the preset.
    fn check_audiences(&self) -> Result<(), ConfigError> {
        let Manner::Preset(parameters) = &self.manner else { return Ok(()) };
        let Some((end, why)) = parameters.preset().facts().no_audience else { return Ok(()) };
        match self.audiences.iter().find(|audience| audience.ends_with(end)) {
            Some(audience) => Err(invalid(&format!("the audience {audience:?} must not be accepted: {why}"))),
            None => Ok(()),
        }
    }

    /// What claims mean: what was said by hand, else as the preset has it, else as usual.
    fn rights(&self, facts: Option<(&Facts, &Known)>, places: &mut Places) -> Result<Rights, ConfigError> {
        let facts_only = facts.map(|(facts, _)| facts);
        let mut named =
            |by_hand: &Option<Vec<String>>, of_preset: Option<&[&str]>, usual: &[&str]| match (by_hand, of_preset) {
                (Some(names), _) => add_all(names.iter().map(String::as_str), places).map(Some),
                (None, Some(names)) if names != usual => add_all(names.iter().copied(), places).map(Some),
                (None, _) => Ok(None),
            };
        let subject = named(&self.claims.subject, facts_only.map(|facts| facts.subject), &["sub"])?;
        let client = named(&self.claims.client, facts_only.map(|facts| facts.client), &["client_id", "azp"])?;
        let scopes = named(&self.claims.scopes, facts_only.map(|facts| facts.scopes), &["scope"])?;
        let roles = match (&self.claims.roles, facts) {
            (Some(roles), _) => roles.clone(),
            (None, Some((facts, known))) => {
                let places = facts.roles.iter().flat_map(|place| match known.texts(place, escaped) {
                    Texts::Known(texts) => texts,
                    Texts::Free => Vec::new(),
                });
                places.map(|place| RoleClaim { place, prefix: String::new() }).collect()
            }
            (None, None) => Vec::new(),
        };
        let roles = RoleRules::new(&roles, &self.claims.renamed, places)?;
        Ok(Rights { subject, client, scopes, roles })
    }

    /// No verifier mixes families: public keys never meet an HMAC, nor a secret anything else (RFC 8725 section 3.1).
    fn algorithms(&self, facts: Option<&Facts>) -> Result<AlgorithmSet, ConfigError> {
        let algorithms = self.algorithms.unwrap_or_else(|| match facts {
            Some(facts) => facts.algorithms.iter().copied().collect(),
            None => AlgorithmSet::asymmetric(),
        });
        if algorithms.is_empty() {
            return Err(missing("no algorithm is accepted"));
        }
        let fits = match &self.keys {
            Keys::Shared(key) => algorithms == key.algorithms(),
            Keys::Discover | Keys::At(_) | Keys::Fixed(_) => algorithms.iter().all(|one| !one.is_symmetric()),
        };
        if !fits {
            return Err(invalid(
                "an HMAC algorithm goes with a shared secret and nothing else: use `JwtVerifier::shared_secret`, or leave it out",
            ));
        }
        Ok(algorithms)
    }

    fn key_source(
        &self,
        issuer: &str,
        known: Option<&Known>,
        standing: Option<&Standing>,
    ) -> Result<KeySource, ConfigError> {
        let rules = &self.rules;
        let at = match &self.keys {
            Keys::Shared(key) => return Ok(KeySource::Shared(VerifyingKey::clone(key).into(), Epoch::default())),
            Keys::Fixed(keys) => return Ok(KeySource::Fixed(keys.clone(), Epoch::default())),
            Keys::Discover => known.and_then(|known| known.keys.clone()),
            Keys::At(url) => Some(match (&self.open, standing.map_or(Some(SAMPLE), Standing::tenant)) {
                (Some(open), Some(tenant)) => url.replace(open, tenant),
                _ => url.clone(),
            }),
        };
        // The issuer is judged also if it is not asked: who writes http here is mistaken.
        let endpoint = Endpoint::parse("issuer", issuer, rules)?;
        let (place, endpoint) = match at {
            Some(url) => {
                let endpoint = Endpoint::parse("key set", &url, rules)?;
                (KeyPlace::At(endpoint.clone()), endpoint)
            }
            None => (KeyPlace::Discover(endpoint.clone()), endpoint),
        };
        let clients = self.clients.as_ref().ok_or_else(|| missing("there is no HTTP client to fetch keys with"))?;
        let http = clients.for_endpoint(&endpoint).clone();
        let named = standing.is_none();
        let store = Store::new(issuer, named, place, rules.clone(), http, self.clock.clone(), self.limits.clone());
        Ok(KeySource::Fetched(store))
    }
}

impl Clients {
    fn new(options: &JwtVerifier) -> Result<Self, ConfigError> {
        match &options.keys.http {
            Some(http) => {
                options.keys.plaintext.announce();
                Ok(Self { https: http.clone(), http: None })
            }
            None => Self::default(options),
        }
    }

    /// A guard is needed where the token names the host: its sender must not choose what this process connects to.
    #[cfg(feature = "http")]
    fn default(options: &JwtVerifier) -> Result<Self, ConfigError> {
        use crate::http::{AddressPolicy, HttpTransport};

        let KeyOptions { plaintext, limits, policy, .. } = &options.keys;
        let named_by_token = match &options.whose {
            Whose::One(_) => false,
            Whose::Trusted(trusted) => trusted.template().is_none_or(|template| template.opens_host()),
        };
        let policy = policy.clone().or_else(|| named_by_token.then(AddressPolicy::public_only));
        let transport = || HttpTransport::new().clock(options.clock.clone()).total_timeout(limits.timeout);
        let plain = || transport().plaintext(plaintext.clone()).build();
        match policy {
            None => Ok(Self { https: plain()?, http: None }),
            Some(policy) => {
                let strict = plaintext.rules()?.is_strict();
                let http = if strict { None } else { Some(plain()?) };
                Ok(Self { https: transport().address_policy(policy).build()?, http })
            }
        }
    }

    #[cfg(not(feature = "http"))]
    fn default(_: &JwtVerifier) -> Result<Self, ConfigError> {
        Err(missing(
            "there is no HTTP client to fetch keys with: give one with `http_client`, or enable the feature `http`",
        ))
    }

    fn for_endpoint(&self, endpoint: &Endpoint) -> &HttpClient {
        let plain = endpoint.uri().scheme_str() == Some("http");
        self.http.as_ref().filter(|_| plain).unwrap_or(&self.https)
    }
}

fn add_all<'a>(names: impl Iterator<Item = &'a str>, places: &mut Places) -> Result<Vec<Place>, ConfigError> {
    names.map(|name| places.add(name)).collect()
}

/// A value in a JSON pointer (RFC 6901 section 3).
fn escaped(value: &str) -> String {
    value.replace('~', "~0").replace('/', "~1")
}
