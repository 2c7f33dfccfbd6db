//! Two providers for other processes and for a browser, until the process is ended: `cargo run -p tower-auth-testing --example providers`.
#![allow(clippy::print_stdout, reason = "what it prints is what it is for")]

use std::time::Duration;

use http::HeaderName;
use tower_auth_testing::{Account, ApiKeyProvider, OAuthProvider};

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let crm = OAuthProvider::builder()
        .display_name("Acme CRM")
        .account(Account::new("alice").name("Alice Example"))
        .account(Account::new("bob").name("Bob Example"))
        .redirect_uri("http://127.0.0.1:3000/callback")
        .access_lifetime(Duration::from_secs(60))
        .reuse_grace(Duration::from_secs(10))
        .listen()
        .await?;
    println!("# client: {} {}\n{}", crm.client_id(), crm.client_secret().expose_secret(), crm.provider_toml("acme"));

    let mail = ApiKeyProvider::builder().header(HeaderName::from_static("x-api-key")).listen().await?;
    let key = mail.issue(Account::new("alice").name("Alice Example"));
    println!("# key: {}\n{}", key.expose_secret(), mail.provider_toml("mail"));

    std::future::pending().await
}
