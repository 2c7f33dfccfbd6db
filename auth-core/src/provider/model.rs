//! What a provider file says, after it was read and checked.

use std::collections::BTreeMap;
use std::time::Duration;

use http::{HeaderName, Method};

use super::field::FieldSpec;
use super::kind::{
    AuthKind, ClientProof, ExpiryKind, KeyEncoding, Refresh, RequestFormat, ResponseMode, Rotation, SignerKind, UrlKey,
};
use super::path::Path;
use super::predicate::Predicate;
use super::template::{Template, UrlTemplate};
use crate::config::At;
use crate::jose::Algorithm;

/// Something and where it was written.
#[derive(Clone, Debug)]
pub(crate) struct Located<T> {
    pub(crate) value: T,
    pub(crate) at: At,
}

/// The URLs that are written in one place.
pub(crate) type Urls = BTreeMap<UrlKey, Located<UrlTemplate>>;

/// Header names and values.
pub(crate) type Headers = Vec<(HeaderName, Located<Template>)>;

/// Parameter names and values.
pub(crate) type Params = Vec<(String, Located<ParamValue>)>;

/// One way to authenticate at a provider: an `[[auth]]` of its file.
#[derive(Clone, Debug)]
pub struct AuthMethod {
    pub(crate) at: At,
    pub(crate) key: String,
    pub(crate) title: Option<String>,
    pub(crate) kind: AuthKind,
    /// In the order of a form.
    pub(crate) fields: Vec<FieldSpec>,
    pub(crate) urls: Urls,
    pub(crate) token: TokenRequest,
    pub(crate) consent: Consent,
    pub(crate) renewal: Renewal,
    pub(crate) expires: Expires,
    pub(crate) response: Response,
    pub(crate) steps: Vec<RequestSpec>,
    pub(crate) assertion: Option<Assertion>,
    pub(crate) client_certificate: Option<ClientCertificate>,
    pub(crate) secondary_tokens: Vec<SecondaryToken>,
    /// Empty: where credentials of the kind usually go.
    pub(crate) placement: Vec<PlacementSpec>,
    pub(crate) api_headers: Headers,
    pub(crate) api_query: Params,
    pub(crate) signer: Option<Signer>,
    pub(crate) verify: Vec<RequestSpec>,
    pub(crate) probe: Vec<RequestSpec>,
    pub(crate) revoke: Option<RequestSpec>,
    pub(crate) limits: Limits,
}

/// The shape of a token request.
#[derive(Clone, Debug)]
pub(crate) struct TokenRequest {
    pub(crate) client_proof: ClientProof,
    /// Whether the halves of a Basic pair are form-encoded first.
    pub(crate) basic_form_encoded: bool,
    /// The halves of a Basic pair, if they are written.
    pub(crate) basic: Option<(Located<Template>, Located<Template>)>,
    pub(crate) format: RequestFormat,
    /// Whether it is a GET.
    pub(crate) is_get: bool,
    pub(crate) grant_type: GrantType,
    pub(crate) params: Params,
    pub(crate) headers: Headers,
    pub(crate) names: ParamNames,
    pub(crate) skip_empty: bool,
    pub(crate) scopes: Vec<Located<Template>>,
    pub(crate) default_scopes: Vec<Located<Template>>,
    /// Empty: anything may be asked for.
    pub(crate) available_scopes: Vec<String>,
    pub(crate) scope_separator: char,
    pub(crate) scope_raw: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum GrantType {
    /// The one of the kind.
    Usual,
    Other(String),
    /// None is sent.
    Omitted,
}

/// The value of a parameter. All but texts are for JSON.
#[derive(Clone, Debug)]
pub(crate) enum ParamValue {
    Text(Template),
    Integer(i64),
    Bool(bool),
    List(Vec<ParamValue>),
    Table(Vec<(String, ParamValue)>),
}

/// Other names of standard parameters; `None`: not sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct ParamNames {
    pub(crate) all: BTreeMap<&'static str, Option<String>>,
    pub(crate) authorize: BTreeMap<&'static str, Option<String>>,
    pub(crate) token: BTreeMap<&'static str, Option<String>>,
    pub(crate) refresh: BTreeMap<&'static str, Option<String>>,
}

/// Which request a parameter belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ParamPlace {
    Authorize,
    Token,
    Refresh,
}

/// How a person is asked.
#[derive(Clone, Debug)]
pub(crate) struct Consent {
    pub(crate) params: Params,
    pub(crate) pkce: bool,
    pub(crate) response_mode: Option<ResponseMode>,
    pub(crate) fragment_route: Option<String>,
    pub(crate) code_param: String,
    /// Field and callback parameter.
    pub(crate) capture: Vec<(String, String)>,
}

#[derive(Clone, Debug)]
pub(crate) struct Renewal {
    pub(crate) refresh: Refresh,
    pub(crate) grant_type: GrantType,
    pub(crate) params: Params,
    pub(crate) headers: Headers,
    pub(crate) rotation: Rotation,
    pub(crate) reuse_grace: Duration,
    pub(crate) keep_alive: Option<Duration>,
    pub(crate) margin: Option<Duration>,
    /// `None`: 401.
    pub(crate) expired_signal: Option<Predicate>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expires {
    pub(crate) kind: ExpiryKind,
    pub(crate) default: Option<Duration>,
    pub(crate) max: Option<Duration>,
}

/// Where the parts of a token answer are.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) token: Vec<Source>,
    pub(crate) token_type: Vec<Source>,
    pub(crate) refresh_token: Vec<Source>,
    pub(crate) id_token: Vec<Source>,
    pub(crate) expires: Vec<Source>,
    pub(crate) refresh_expires: Vec<Source>,
    pub(crate) scope: Vec<Source>,
    pub(crate) error: Vec<Source>,
    pub(crate) error_description: Vec<Source>,
    pub(crate) success_when: Option<Predicate>,
    pub(crate) error_when: Option<Predicate>,
    pub(crate) capture: Vec<Capture>,
}

/// A place in an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Body(Path),
    Header(HeaderName),
    Cookie(String),
}

/// A value of an answer that fills a field.
#[derive(Clone, Debug)]
pub(crate) struct Capture {
    pub(crate) at: At,
    pub(crate) name: String,
    pub(crate) source: Source,
    pub(crate) required: bool,
    pub(crate) secret: bool,
}

/// A request beside the token request.
#[derive(Clone, Debug)]
pub(crate) struct RequestSpec {
    pub(crate) url: Located<UrlTemplate>,
    pub(crate) method: Method,
    pub(crate) headers: Headers,
    pub(crate) params: Params,
    /// `None`: that of the method.
    pub(crate) format: Option<RequestFormat>,
    pub(crate) body: Option<Located<Template>>,
    /// `None`: a status below 400, for steps 2xx.
    pub(crate) expect: Option<Predicate>,
    pub(crate) capture: Vec<Capture>,
    /// Whether the credential goes with it.
    pub(crate) authorized: bool,
}

/// An assertion that we sign (RFC 7521, RFC 7523).
#[derive(Clone, Debug)]
pub(crate) struct Assertion {
    pub(crate) algorithm: Algorithm,
    pub(crate) key: Located<Template>,
    pub(crate) key_encoding: KeyEncoding,
    pub(crate) kid: Option<Located<Template>>,
    pub(crate) x5t: Option<Located<Template>>,
    pub(crate) header: Params,
    pub(crate) claims: Params,
    pub(crate) lifetime: Duration,
}

#[derive(Clone, Debug)]
pub(crate) struct ClientCertificate {
    pub(crate) certificate: Located<Template>,
    pub(crate) key: Located<Template>,
}

/// A token for another audience, by the same refresh token.
#[derive(Clone, Debug)]
pub(crate) struct SecondaryToken {
    pub(crate) name: String,
    pub(crate) url: Option<Located<UrlTemplate>>,
    pub(crate) params: Params,
    pub(crate) expires: Option<Expires>,
    pub(crate) placement: Vec<PlacementSpec>,
}

/// One place on a request, and what goes there.
#[derive(Clone, Debug)]
pub(crate) struct PlacementSpec {
    pub(crate) place: Place,
    pub(crate) value: Located<Template>,
}

#[derive(Clone, Debug)]
pub(crate) enum Place {
    Header(HeaderName),
    Query(String),
    Body(Path),
    /// In front of the path; the value of the placement is not used.
    Path(UrlTemplate),
    Cookie(String),
}

#[derive(Clone, Debug)]
pub(crate) struct Signer {
    pub(crate) kind: SignerKind,
    /// Of a custom one.
    pub(crate) name: Option<String>,
    pub(crate) params: Vec<(String, Located<Template>)>,
    pub(crate) algorithm: Option<&'static str>,
    pub(crate) headers: Vec<HeaderName>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Limits {
    pub(crate) timeout: Option<Duration>,
    pub(crate) concurrency: Option<u64>,
    /// How many token requests in which time.
    pub(crate) token_calls: Option<(u64, Duration)>,
    pub(crate) retry_after: Vec<HeaderName>,
}

impl AuthMethod {
    /// The name by which it is chosen.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Its name for people.
    #[must_use]
    pub fn title(&self) -> &str {
        self.title.as_deref().unwrap_or(&self.key)
    }

    /// The grant or scheme.
    #[must_use]
    pub fn kind(&self) -> AuthKind {
        self.kind
    }

    /// Every field, also those that no user fills, in the order of a form.
    #[must_use]
    pub fn fields(&self) -> &[FieldSpec] {
        &self.fields
    }

    /// The field called `name`.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&FieldSpec> {
        self.fields.iter().find(|field| field.name() == name)
    }

    /// Whether a person must be sent to the provider, so that a redirect URI is needed.
    #[must_use]
    pub fn needs_redirect(&self) -> bool {
        self.kind == AuthKind::OAuth2Code
    }

    /// What the parameter of a callback is called that has the `state`: the description may have renamed it.
    #[must_use]
    pub fn state_param(&self) -> &str {
        self.token.names.name(ParamPlace::Authorize, "state").unwrap_or("state")
    }

    /// Whether there is a request that shows whether a credential works.
    #[must_use]
    pub fn can_verify(&self) -> bool {
        !self.verify.is_empty()
    }

    /// How long one exchange may take, if the description says.
    #[must_use]
    pub fn timeout(&self) -> Option<Duration> {
        self.limits.timeout
    }

    /// How many token requests a credential may cause in a time, if the description says.
    #[must_use]
    pub fn token_calls(&self) -> Option<(u64, Duration)> {
        self.limits.token_calls
    }

    /// Whether a renewal sends a refresh token that may be good once: where the description does not say that it stays the same.
    #[must_use]
    pub fn spends_refresh_tokens(&self) -> bool {
        self.renewal.refresh == Refresh::ByRefreshToken && self.renewal.rotation != Rotation::Stable
    }

    /// Whether the access token itself is what a renewal sends.
    #[must_use]
    pub fn renews_by_access_token(&self) -> bool {
        self.renewal.refresh == Refresh::ByAccessToken
    }

    /// Whether there is a way to renew a token without a person.
    #[must_use]
    pub fn is_renewable(&self) -> bool {
        self.renewal.refresh != Refresh::None
    }

    /// For how long after a lost answer the provider takes the same refresh token again. Zero: not at all.
    #[must_use]
    pub fn reuse_grace(&self) -> Duration {
        self.renewal.reuse_grace
    }

    /// How long before its end a token is to be renewed, if the description says.
    #[must_use]
    pub fn refresh_margin(&self) -> Option<Duration> {
        self.renewal.margin
    }

    /// The scopes that a caller may choose from; empty if anything may be asked for.
    #[must_use]
    pub fn available_scopes(&self) -> &[String] {
        &self.token.available_scopes
    }

    /// Whether the URL is one that the kind cannot do without.
    pub(crate) fn needs_url(&self, key: UrlKey) -> bool {
        match key {
            UrlKey::Authorize => self.kind == AuthKind::OAuth2Code,
            UrlKey::Token => {
                let assertion_alone = self.assertion.is_some() && self.steps.is_empty();
                self.kind.is_oauth() || self.kind == AuthKind::Login && !assertion_alone
            }
            _ => false,
        }
    }

    /// Whether operators may give the URL: it is one that the kind uses.
    pub(crate) fn knows_url(&self, key: UrlKey) -> bool {
        match key {
            UrlKey::Base => true,
            UrlKey::Authorize | UrlKey::Device => self.kind == AuthKind::OAuth2Code,
            UrlKey::Token | UrlKey::Refresh | UrlKey::Introspect => self.kind.has_token_request(),
            UrlKey::Revoke | UrlKey::Issuer => self.kind.is_oauth(),
        }
    }
}

impl ParamNames {
    /// The name to send for the standard parameter `name`; `None` if it is not sent.
    pub(crate) fn name<'n>(&'n self, place: ParamPlace, name: &'n str) -> Option<&'n str> {
        let own = match place {
            ParamPlace::Authorize => &self.authorize,
            ParamPlace::Token => &self.token,
            ParamPlace::Refresh => &self.refresh,
        };
        match own.get(name).or_else(|| self.all.get(name)) {
            Some(renamed) => renamed.as_deref(),
            None => Some(name),
        }
    }
}

impl ParamValue {
    /// Every template in it.
    pub(crate) fn templates(&self) -> Vec<&Template> {
        match self {
            Self::Text(template) => vec![template],
            Self::List(list) => list.iter().flat_map(Self::templates).collect(),
            Self::Table(entries) => entries.iter().flat_map(|(_, value)| value.templates()).collect(),
            Self::Integer(_) | Self::Bool(_) => Vec::new(),
        }
    }
}
