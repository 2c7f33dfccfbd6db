use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use bytes::Bytes;
use http::{Request, Response};
use tower_auth_core::{BoxError, HttpClient, ProviderSpec, ProviderValues};
use tower_auth_store::{
    Backend, Connect, ConnectBuilder, ConnectSession, Connector, CredentialId, CredentialStore, KeyRing, Owner,
    SqlBackend,
};
use tower_auth_testing::{Account, ApiKeyProvider, OAuthProvider};

use crate::browser::Browser;
use crate::database::Database;

pub(crate) const ORIGIN: &str = "https://app.test";
pub(crate) const RETURN: &str = "https://shop.test/connected?tab=1";
/// Each holds the word for which everything that goes out is searched.
pub(crate) const PASSWORD: &str = "sentinel-password";
pub(crate) const CODE: &str = "sentinel-code";
pub(crate) const SECRET: &str = "sentinel-client-secret";
pub(crate) const WRONG: &str = "sentinel-wrong-key";

const GRANTS: &str = r#"
id = "grants"
display_name = "Grants & <Co>"
base_url = "https://api.grants.test"
[environments.sandbox]
base_url = "https://sandbox.grants.test"
[[auth]]
key = "machine"
title = "Machine"
kind = "oauth2_client_credentials"
token_url = "{base_url}/token/{tenant_id}"
[[auth.fields]]
name = "client_id"
title = "Workflow token"
help = "Column Id of the page API clients."
help_url = "https://grants.test/help"
[[auth.fields]]
name = "client_secret"
title = "Workflow secret"
secret = true
[[auth.fields]]
name = "tenant_id"
help = "The tenant the application was registered for."
[[auth.verify]]
url = "{base_url}/me"
[[auth]]
key = "password"
title = "Password"
kind = "oauth2_password"
token_url = "{base_url}/token"
[[auth.fields]]
name = "client_id"
scope = "connector"
[[auth.fields]]
name = "client_secret"
scope = "connector"
secret = true
[[auth]]
key = "code"
title = "Code"
kind = "oauth2_static_code"
token_url = "{base_url}/token"
refresh = "none"
[[auth.fields]]
name = "client_id"
scope = "connector"
[[auth.fields]]
name = "client_secret"
scope = "connector"
secret = true
"#;

/// A store with connectors, the pages in front of it, and the providers behind.
pub(crate) struct World {
    pub(crate) connect: Connect,
    pub(crate) store: CredentialStore,
    pub(crate) backend: SqlBackend,
    pub(crate) acme: OAuthProvider,
    pub(crate) keys: ApiKeyProvider,
    /// Token requests of the connector `grants`, by the path.
    pub(crate) asked: Arc<Mutex<Vec<String>>>,
    pub(crate) router: Router,
    /// The same of another process on the same database.
    pub(crate) second: Router,
    /// All that went out.
    pub(crate) heard: Arc<Mutex<Vec<String>>>,
}

impl World {
    pub(crate) async fn new(database: &Database) -> Self {
        Self::with(database, |connect| connect).await
    }

    pub(crate) async fn with(database: &Database, change: impl FnOnce(ConnectBuilder) -> ConnectBuilder) -> Self {
        Self::around(database, acme().await, ProviderValues::new().env(|_| None), change).await
    }

    /// With an operator who has given the client's id and secret of the connector `grants`.
    pub(crate) async fn with_client(database: &Database) -> Self {
        let own = ProviderValues::new().env(|_| None).value("client_id", "i").value("client_secret", SECRET);
        Self::around(database, acme().await, own, |connect| connect).await
    }

    pub(crate) async fn around(
        database: &Database,
        acme: OAuthProvider,
        operator: ProviderValues,
        change: impl FnOnce(ConnectBuilder) -> ConnectBuilder,
    ) -> Self {
        let keys = ApiKeyProvider::builder().listen().await.unwrap();
        let backend = database.open().await;
        let key = KeyRing::generate_key();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let spec = |text: &str| ProviderSpec::from_toml(text).unwrap_or_else(|errors| panic!("{errors}"));
        let values = || ProviderValues::new().env(|_| None);
        let own = values().value("client_id", "acme-client").value("client_secret", SECRET);
        let oauth = |id: &str| {
            Connector::new(spec(&acme.provider_toml(id)))
                .values(own.clone())
                .description("Orders and invoices")
                .connection(tower_auth_core::ConnectionBuilder::allow_loopback_http)
        };
        let more = "response_mode = \"form_post\"\nscopes = [\"orders.read\", \"orders.write\"]";
        let plain = format!("{}\n", acme.provider_toml("posted"))
            .replace("kind = \"oauth2_code\"", &format!("kind = \"oauth2_code\"\n{more}"));
        let builder = || {
            CredentialStore::builder(backend.clone(), KeyRing::new("k1", &key).unwrap())
                .connector(oauth("acme"))
                .connector(oauth("other"))
                .connector(
                    Connector::new(spec(&plain))
                        .values(own.clone())
                        .connection(tower_auth_core::ConnectionBuilder::allow_loopback_http),
                )
                .connector(
                    Connector::new(spec(&keys.provider_toml("keys")))
                        .values(values())
                        .connection(tower_auth_core::ConnectionBuilder::allow_loopback_http),
                )
                .connector(
                    Connector::new(spec(GRANTS)).values(operator.clone()).http_client(grants(Arc::clone(&asked))),
                )
                .allow_redirect(RETURN)
        };
        let (store, second) = (builder().open().await.unwrap(), builder().open().await.unwrap());
        let second = Connect::builder(second, format!("{ORIGIN}/connect")).build().unwrap();
        let second = Router::new().nest("/connect", second.router());
        let connect = change(Connect::builder(store.clone(), format!("{ORIGIN}/connect")).application("Shop"));
        let connect = connect.build().unwrap();
        for id in ["acme", "other", "posted"] {
            acme.add_redirect_uri(connect.callback_url(id));
        }
        let router = Router::new().nest("/connect", connect.router());
        Self { connect, store, backend, acme, keys, asked, router, second, heard: Arc::default() }
    }

    /// A browser without anything.
    pub(crate) fn browser(&self) -> Browser {
        Browser::new(self.router.clone(), Arc::clone(&self.heard))
    }

    /// A browser without anything, whose requests another process gets.
    pub(crate) fn browser_elsewhere(&self) -> Browser {
        Browser::new(self.second.clone(), Arc::clone(&self.heard))
    }

    /// A browser that has opened the page.
    pub(crate) async fn open(&self, session: ConnectSession) -> Browser {
        let browser = self.browser();
        let token = self.connect.sign(&session).unwrap();
        let answer = browser.get(self.connect.start_url(&token).expose_secret()).await;
        assert_eq!(answer.status, 303, "{}", answer.text);
        browser
    }

    pub(crate) async fn alice(&self) -> Browser {
        self.open(session("alice")).await
    }

    /// What the audit trail says of a credential.
    pub(crate) async fn audited(&self, id: CredentialId) -> Vec<(String, String)> {
        let rows = self.backend.audit_trail(Some(id), 0, 100).await.unwrap();
        rows.into_iter().map(|row| (row.action, row.result)).collect()
    }
}

async fn acme() -> OAuthProvider {
    let provider = OAuthProvider::builder().client("acme-client", SECRET);
    let alice = Account::new("alice").name("Alice Example");
    provider.account(alice).account(Account::new("bob").name("Bob Example")).listen().await.unwrap()
}

pub(crate) fn owner(name: &str) -> Owner {
    Owner::user(name).unwrap()
}

pub(crate) fn session(name: &str) -> ConnectSession {
    ConnectSession::new(owner(name))
}

/// The provider of the connector `grants`, in memory.
fn grants(asked: Arc<Mutex<Vec<String>>>) -> HttpClient {
    let number = Arc::new(AtomicUsize::new(0));
    HttpClient::new(tower::service_fn(move |request: Request<Bytes>| {
        let (asked, number) = (Arc::clone(&asked), Arc::clone(&number));
        async move {
            let body = String::from_utf8_lossy(request.body()).into_owned();
            let answer = |status: u16, text: String| {
                let answer = Response::builder().status(status).header("content-type", "application/json");
                Ok::<_, BoxError>(answer.body(Bytes::from(text)).unwrap())
            };
            if request.uri().path() == "/me" {
                return answer(200, r#"{"name":"me"}"#.to_owned());
            }
            asked.lock().unwrap().push(format!("{} {body}", request.uri()));
            if body.contains("wrong")
                || request.headers().get("authorization").is_some_and(|v| v == "Basic d3Jvbmc6d3Jvbmc=")
            {
                return answer(401, r#"{"error":"invalid_client"}"#.to_owned());
            }
            let number = number.fetch_add(1, Ordering::SeqCst);
            answer(200, format!(r#"{{"access_token":"sentinel-at-{number}","token_type":"Bearer","expires_in":3650}}"#))
        }
    }))
}
