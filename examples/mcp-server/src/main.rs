//! Runs the whole dance in one process: an authorization server, the MCP server, and a client with its user.
//!
//! ```text
//! cargo run -p mcp-server
//! ```
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a program for the terminal")]

use std::net::Ipv4Addr;

use bytes::Bytes;
use http::header::LOCATION;
use http::{Request, Uri};
use mcp_server::{McpClient, app, metadata, verifier};
use serde_json::json;
use tokio::net::TcpListener;
use tower_auth_axum::core::{BoxError, HttpClient, HttpTransport};
use tower_auth_testing::AuthorizationServer;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    // Stands for the login of your organisation. Clients may register themselves.
    let login = AuthorizationServer::builder().open_registration().build()?;
    let _listening = login.listen().await?;

    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let url = format!("http://{}/mcp", listener.local_addr()?);
    let metadata = metadata(&url, &login.issuer())?;
    let app = app(metadata.clone(), verifier(&metadata, &login.issuer())?);
    tokio::spawn(async move { axum::serve(listener, app).await });

    let browser = Browser(HttpTransport::new().allow_loopback_http().build()?);
    let mut client = McpClient::new(&url, &login.issuer(), move |url| {
        browser.open(url);
        Ok(())
    })?;
    let server = client.call("initialize", &json!({})).await?;
    println!("connected to {}", server["serverInfo"]["name"]);
    println!("read:  {:?}", client.call_tool("read_notes", &json!({})).await?);
    println!("write: {:?}", client.call_tool("write_note", &json!({"text": "buy milk"})).await?);
    println!("read:  {:?}", client.call_tool("read_notes", &json!({})).await?);
    println!("erase: {:?}", client.call_tool("erase_notes", &json!({})).await?);
    println!();
    for line in client.log() {
        println!("{line}");
    }
    println!("Done.");
    Ok(())
}

/// Stands for the user's browser: it goes where it is sent, and the user consents to everything.
#[derive(Clone)]
struct Browser(HttpClient);

impl Browser {
    fn open(&self, url: &Uri) {
        let (browser, url) = (self.clone(), url.clone());
        tokio::spawn(async move {
            let answer = browser.get(&url).await?;
            let place: Uri = answer.headers().get(LOCATION).ok_or("no redirect")?.to_str()?.parse()?;
            browser.get(&place).await?;
            Ok::<_, BoxError>(())
        });
    }

    async fn get(&self, url: &Uri) -> Result<http::Response<Bytes>, BoxError> {
        self.0.send(Request::get(url).body(Bytes::new())?).await
    }
}
