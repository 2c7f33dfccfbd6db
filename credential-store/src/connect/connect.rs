use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use axum::Router;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::request::Parts;
use tower_auth_core::{Origin, Secret};

use super::assets::PagePolicy;
use super::builder::ConnectBuilder;
use super::claims::{self, Claims, Purpose};
use super::public_url::PublicUrl;
use super::query::with_query;
use super::session::ConnectSession;
use super::throttle::Throttle;
use super::views::Paths;
use super::{api, pages};
use crate::connector::Connector;
use crate::error::{FieldError, StoreError, StoreErrorKind};
use crate::model::{Owner, Timestamp};
use crate::store::CredentialStore;
use crate::vault::Values;

/// The pages on which people connect their accounts to a store, and an HTTP API that does the same.
///
/// ```no_run
/// use tower_auth_store::{Connect, ConnectSession, CredentialStore, Owner};
///
/// # fn example(store: CredentialStore) -> Result<(), Box<dyn std::error::Error>> {
/// let connect = Connect::builder(store, "https://app.example.com/connect").application("Example").build()?;
/// let app: axum::Router = axum::Router::new().nest("/connect", connect.router());
///
/// // Where the application knows its user:
/// let session = ConnectSession::new(Owner::user("alice")?).connectors(["hubspot"]);
/// let open_this = connect.start_url(&connect.sign(&session)?);
/// # Ok(())
/// # }
/// ```
///
/// | path below the base URL | what is there |
/// |---|---|
/// | `/start` | exchanges a session token for a cookie: `GET` with `session` in the query, or `POST` with it in a form |
/// | `/connectors`, `/connections`, … | the pages, for the browser that has the cookie |
/// | `/callback/{connector}` | where providers answer: the redirect URI to register with each of them |
/// | `/go/{link}` | leads a browser to the provider, for logins that the API began |
/// | `/api/…` | the API, for session tokens; see [`api_for`](Self::api_for) for the same without them |
/// | `/assets/…` | style sheet, script and icon |
///
/// # Security
/// All addresses are built from the base URL of the configuration, never from a request. Sessions are sealed with the store's key, so every replica
/// takes them and nobody else reads or makes one. A token opens the page once, within five minutes, and only an address without it
/// stays in the browser. Give a start address, or the `oauthUrl` of the API, to the user that it is for and to nobody else: whoever opens it connects
/// an account for that user.
///
/// The pages go by a cookie that no script and no other site can use, and each form holds a value bound to it. The API goes by the token alone, so no
/// browser speaks for anybody unasked. Each login has a cookie of its own: an answer of a provider in another browser is not used, and does not use the
/// login up. What is good once is noted in the database, so it is good once in the whole fleet.
///
/// # Clone
/// Clones share everything.
#[derive(Clone)]
pub struct Connect(Arc<Inner>);

struct Inner {
    store: CredentialStore,
    url: PublicUrl,
    paths: Paths,
    settings: Settings,
    policy: PagePolicy,
    csrf: hmac::Key,
    throttle: Throttle,
}

/// What an operator may set.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) application: Option<String>,
    pub(super) frames: Vec<String>,
    pub(super) form_targets: Vec<String>,
    pub(super) attempts: u32,
    pub(super) window: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            application: None,
            frames: Vec::new(),
            form_targets: Vec::new(),
            attempts: 30,
            window: Duration::from_secs(10 * 60),
        }
    }
}

/// The longest session.
const MAX_LIFETIME: Duration = Duration::from_secs(2 * 60 * 60);
/// The longest token: it must fit a cookie, with what is added to it.
const MAX_TOKEN: usize = 3 * 1024;

impl Connect {
    /// Pages for `store`, to be configured. `base_url` is where browsers find the router, such as `https://app.example.com/connect`.
    pub fn builder(store: CredentialStore, base_url: impl Into<String>) -> ConnectBuilder {
        ConnectBuilder::new(store, base_url.into())
    }

    pub(super) fn of(store: CredentialStore, url: PublicUrl, settings: Settings) -> Self {
        let mut form_targets = settings.form_targets.clone();
        // A form that connects may end at the application.
        let ends = store.0.settings.redirects.iter().filter_map(|uri| uri.parse().ok());
        form_targets.extend(ends.filter_map(|uri| Origin::of(&uri)).map(|origin| origin.to_string()));
        form_targets.extend(store.connectors().flat_map(local_providers));
        form_targets.sort();
        form_targets.dedup();
        let csrf = hmac::Key::new(hmac::HMAC_SHA256, &*store.0.vault.derive("connect.csrf"));
        Self(Arc::new(Inner {
            paths: Paths::new(url.path()),
            policy: PagePolicy::new(&settings.frames, &form_targets),
            throttle: Throttle::new(settings.attempts, settings.window),
            csrf,
            store,
            url,
            settings,
        }))
    }

    /// Everything, to be nested at the path of the base URL.
    pub fn router(&self) -> Router {
        let caller = {
            let own = self.clone();
            move |parts: &Parts| own.bearer(parts)
        };
        pages::router(self.clone()).nest("/api", api::router(self.clone(), Arc::new(caller), true))
    }

    /// The API alone, for an application that authenticates its users itself: `owner` says from a request whose it is, and `None` refuses it.
    /// Mount it where you like, beside [`router`](Self::router), to which providers answer.
    ///
    /// # Security
    /// Where `owner` goes by a cookie, requests that change something are refused unless a script of the same origin sends them: they need
    /// `Content-Type: application/json`, and no `Sec-Fetch-Site` that names another site.
    pub fn api_for(&self, owner: impl Fn(&Parts) -> Option<Owner> + Send + Sync + 'static) -> Router {
        api::router(self.clone(), Arc::new(move |parts: &Parts| owner(parts).map(api::Caller::of)), false)
    }

    /// A token for a session: a bearer value, for the application's backend and for [`start_url`](Self::start_url).
    ///
    /// # Errors
    /// [`Invalid`](StoreErrorKind::Invalid) when a connector is unknown, the redirect URI is not allowed by the store, the origin is none, the
    /// session is to last no time or more than two hours, or all of it is too long.
    pub fn sign(&self, session: &ConnectSession) -> Result<Secret, StoreError> {
        let mut mistakes = Vec::new();
        for id in &session.connectors {
            if self.store().connector(id).is_err() {
                mistakes.push(FieldError::new("connectors", format!("there is no connector {id}")));
            }
        }
        let allowed = &self.store().0.settings.redirects;
        if session.redirect_uri.as_ref().is_some_and(|uri| !allowed.contains(uri)) {
            mistakes.push(FieldError::new("redirect_uri", "this redirect URI is not allowed"));
        }
        if let Some(text) = &session.opener_origin {
            // As browsers write it, or no message would arrive.
            if text.parse::<Origin>().map_or(true, |origin| origin.to_string() != *text) {
                mistakes.push(FieldError::new("opener_origin", "this is no origin, such as https://app.example.com"));
            }
        }
        if session.lifetime.is_zero() || session.lifetime > MAX_LIFETIME {
            mistakes.push(FieldError::new("lifetime", "a session lasts two hours at the most"));
        }
        if !mistakes.is_empty() {
            return Err(StoreError::invalid(mistakes));
        }
        let token = self.seal(Purpose::Token, &Claims::new(session, self.now())?);
        if token.expose_secret().len() > MAX_TOKEN {
            return Err(StoreError::new(StoreErrorKind::Invalid, "the session holds too much: 2 KiB are the most"));
        }
        Ok(token)
    }

    /// The address that opens the page with a token of [`sign`](Self::sign): to be redirected to, linked or framed at once. It works for five
    /// minutes.
    #[must_use]
    pub fn start_url(&self, token: &Secret) -> Secret {
        let start = self.absolute("/start");
        Secret::from(with_query(&start, &[("session", token.expose_secret())]))
    }

    /// The redirect URI of a connector, to be registered with its provider. Each has its own, so that none is taken for another (THREAT-C3).
    #[must_use]
    pub fn callback_url(&self, connector: &str) -> String {
        self.absolute(&format!("/callback/{}", super::query::encode(connector)))
    }
}

impl Connect {
    pub(super) fn store(&self) -> &CredentialStore {
        &self.0.store
    }

    pub(super) fn paths(&self) -> &Paths {
        &self.0.paths
    }

    pub(super) fn url(&self) -> &PublicUrl {
        &self.0.url
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    pub(super) fn policy(&self) -> &PagePolicy {
        &self.0.policy
    }

    /// Whether `text`, which is good once and until then, was not used before anywhere in the fleet. From now on it was.
    pub(super) async fn claim(&self, text: &str, until: Timestamp) -> Result<bool, StoreError> {
        // A little longer: the clocks of replicas and database differ.
        let lifetime = until.since(self.now()) + Duration::from_secs(2 * 60);
        let name = BASE64_URL_SAFE_NO_PAD.encode(digest(text));
        Ok(self.store().0.backend.note_use(name, lifetime).await?)
    }

    pub(super) fn now(&self) -> Timestamp {
        Timestamp::of(self.0.store.0.clock.wall())
    }

    /// A path below the router, as browsers see it.
    pub(super) fn path(&self, path: &str) -> String {
        format!("{}{path}", self.0.url.path())
    }

    /// The whole URL of a path below the router.
    pub(super) fn absolute(&self, path: &str) -> String {
        self.0.url.absolute(&self.path(path))
    }

    pub(super) fn seal<T: serde::Serialize>(&self, purpose: Purpose, value: &T) -> Secret {
        claims::seal(&self.0.store.0.vault, purpose, value)
    }

    pub(super) fn open<T: serde::de::DeserializeOwned>(&self, purpose: Purpose, sealed: &str) -> Option<T> {
        claims::open(&self.0.store.0.vault, purpose, sealed)
    }

    /// What goes into forms of a session: bound to session and browser.
    pub(super) fn csrf(&self, claims: &Claims) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(hmac::sign(&self.0.csrf, csrf_text(claims).as_bytes()))
    }

    /// Whether a form is one of this session. Takes the same time for every wrong value.
    pub(super) fn is_csrf(&self, claims: &Claims, given: &str) -> bool {
        let Ok(tag) = BASE64_URL_SAFE_NO_PAD.decode(given) else { return false };
        hmac::verify(&self.0.csrf, csrf_text(claims).as_bytes(), &tag).is_ok()
    }

    /// Counts an attempt of `owner` to have a provider asked.
    ///
    /// # Errors
    /// How long to wait.
    pub(super) fn attempt(&self, owner: &Owner) -> Result<(), Duration> {
        self.0.throttle.count(self.0.store.0.vault.digest(owner).0, self.now())
    }

    /// Who calls the API with the token of a session.
    fn bearer(&self, parts: &Parts) -> Option<api::Caller> {
        let mut values = parts.headers.get_all(http::header::AUTHORIZATION).iter();
        let value = values.next()?.to_str().ok()?;
        // Two credentials are none (THREAT-T8).
        if values.next().is_some() {
            return None;
        }
        let (scheme, token) = value.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let claims: Claims = self.open(Purpose::Token, token.trim_start())?;
        let owner = claims.owner().filter(|_| claims.is_good(self.now()))?;
        Some(api::Caller {
            owner,
            connectors: claims.connectors,
            reconnects: claims.reconnects,
            redirect_uri: claims.redirect_uri,
        })
    }
}

/// Where a connector sends its users, if that is plain `http`: a provider on the developer's own machine.
fn local_providers(connector: &Connector) -> impl Iterator<Item = String> {
    let redirects = connector.methods().filter(|method| method.method().needs_redirect());
    redirects.filter_map(move |method| {
        // What users fill in is not known yet. Whoever develops such a provider allows its origin by hand.
        let filled = connector.fill(method.method().key(), None, &Values::default()).ok()?;
        let origin = Origin::of(&filled.url("authorize_url")?.parse().ok()?)?;
        (!origin.is_https()).then(|| origin.to_string())
    })
}

pub(super) fn digest(text: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes()).as_ref());
    bytes
}

/// The two have one length each, so the text says which is which.
fn csrf_text(claims: &Claims) -> String {
    format!("{}.{}", claims.id, claims.browser)
}

impl fmt::Debug for Connect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connect").field("url", &self.0.url).field("settings", &self.0.settings).finish_non_exhaustive()
    }
}
