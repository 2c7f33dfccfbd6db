//! Two providers to connect to: one that its users sign in to, and one with API keys.

use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::time::Duration;

use tower_auth_store::core::{ProviderSpec, ProviderValues};
use tower_auth_store::{Connect, Connector};
use tower_auth_testing::{Account, ApiKeyProvider, OAuthProvider};

/// The providers, if this process runs them, and how to connect to them.
#[allow(missing_debug_implementations, reason = "a program of its own")]
pub struct Emulated {
    running: Option<(OAuthProvider, ApiKeyProvider)>,
    /// An API key that works, if this process made it.
    pub api_key: Option<String>,
    descriptions: [String; 2],
    client: (String, String),
}

const CLIENT: (&str, &str) = ("connect-example", "not a secret: the provider is emulated");

/// What else may be the page's address: other processes beside this one.
const PAGES: std::ops::Range<u16> = 4800..4810;

impl Emulated {
    /// Starts both on `port` and the next one, or finds them running there.
    ///
    /// # Errors
    /// When a port is taken by something else.
    pub async fn start(port: u16, page: &str) -> io::Result<Self> {
        let client = (CLIENT.0.to_owned(), CLIENT.1.to_owned());
        let kept = |name: &str| folder(port).join(format!("{name}.toml"));
        let mut builder = OAuthProvider::builder()
            .client(CLIENT.0, CLIENT.1)
            .display_name("Acme Drive")
            .account(Account::new("alice").name("Alice Example"))
            .account(Account::new("shared").name("Shared mailbox"))
            .access_lifetime(Duration::from_secs(60))
            .redirect_uri(format!("{page}/callback/acme-drive"))
            .port(port);
        for other in PAGES {
            builder = builder.redirect_uri(format!("http://127.0.0.1:{other}/connect/callback/acme-drive"));
        }
        let drive = match builder.listen().await {
            Ok(drive) => drive,
            Err(error) if error.kind() == ErrorKind::AddrInUse => {
                let descriptions = [std::fs::read_to_string(kept("drive"))?, std::fs::read_to_string(kept("weather"))?];
                return Ok(Self { running: None, api_key: None, descriptions, client });
            }
            Err(error) => return Err(error),
        };
        let weather = ApiKeyProvider::builder().display_name("Weather Desk").port(port + 1).listen().await?;
        let api_key = weather.issue(Account::new("demo").name("Demo account")).expose_secret().to_owned();
        let descriptions = [drive.provider_toml("acme-drive"), weather.provider_toml("weather-desk")];
        std::fs::create_dir_all(folder(port))?;
        for (name, text) in ["drive", "weather"].iter().zip(&descriptions) {
            std::fs::write(kept(name), text)?;
        }
        Ok(Self { running: Some((drive, weather)), api_key: Some(api_key), descriptions, client })
    }

    /// What it takes to connect to both.
    ///
    /// # Errors
    /// When a description cannot be read.
    pub fn connectors(&self) -> Result<Vec<Connector>, Box<dyn std::error::Error + Send + Sync>> {
        let about = ["Files and folders, by signing in", "Forecasts, by an API key"];
        let mut connectors = Vec::new();
        for (text, about) in self.descriptions.iter().zip(about) {
            let values = ProviderValues::new()
                .env(|_| None)
                .value("client_id", self.client.0.as_str())
                .value("client_secret", self.client.1.as_str());
            let spec = ProviderSpec::from_toml(text)?;
            let values = if spec.methods().iter().any(|method| method.field("client_id").is_some()) {
                values
            } else {
                ProviderValues::new().env(|_| None)
            };
            // The providers are on this machine, without TLS.
            let connector = Connector::new(spec).values(values).description(about);
            connectors.push(connector.connection(|connection| connection.allow_loopback_http()));
        }
        Ok(connectors)
    }

    /// Lets the provider answer to `connect`.
    pub fn allow(&self, connect: &Connect) {
        if let Some((drive, _)) = &self.running {
            drive.add_redirect_uri(connect.callback_url("acme-drive"));
        }
    }
}

/// Where the descriptions are for other processes.
fn folder(port: u16) -> PathBuf {
    std::env::temp_dir().join(format!("tower-auth-connect-{port}"))
}
