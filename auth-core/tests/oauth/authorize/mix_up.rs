//! A client of two authorization servers, one of them hostile.

use tower_auth_core::{
    AuthorizationCallback, AuthorizationErrorKind, AuthorizationRequest, ClientAuth, IssuerParameter, OAuthClient,
    OAuthClientBuilder,
};

use super::support::{query, started};
use crate::endpoint::Endpoint;

const HONEST: &str = "https://honest.example";
const HOSTILE: &str = "https://hostile.example";

fn described(endpoint: &Endpoint, issuer: &str) -> OAuthClientBuilder {
    OAuthClient::builder("orders")
        .client_auth(ClientAuth::None)
        .authorization_endpoint(format!("{issuer}/authorize"))
        .token_endpoint(format!("{issuer}/token"))
        .http_client(endpoint.http.clone())
}

fn client(endpoint: &Endpoint, issuer: &str) -> OAuthClient {
    described(endpoint, issuer).issuer(issuer).build().unwrap()
}

fn request(client: &OAuthClient) -> AuthorizationRequest {
    AuthorizationRequest::new(client, "https://app.example.com/callback").issuer_parameter(IssuerParameter::Required)
}

fn callback(state: &str, issuer: &str, answer: &str) -> AuthorizationCallback {
    AuthorizationCallback::from_query(&format!("state={state}&iss={issuer}&{answer}")).unwrap()
}

// THREAT-C3, R9207-2.4a, R9700-2.1b
#[tokio::test]
async fn an_honest_servers_code_never_reaches_the_hostile_one() {
    let (honest_endpoint, hostile_endpoint) = (Endpoint::granting(), Endpoint::granting());
    let hostile = client(&hostile_endpoint, HOSTILE);
    // The user chose the hostile server, which led the browser to the honest one with the state of this login. The honest
    // server's answer must not be taken for the hostile one's: its code would be sent there.
    for answer in ["code=honest-code", "error=access_denied"] {
        let (transaction, state) = started(&request(&hostile)).await;
        let error = transaction.finish(&hostile, &callback(&state, HONEST, answer)).await.unwrap_err();
        assert_eq!(error.kind(), AuthorizationErrorKind::IssuerMismatch);
    }
    assert!(honest_endpoint.seen().is_empty() && hostile_endpoint.seen().is_empty());
}

// THREAT-C3, R9700-2.1b, R7636-4.5a
#[tokio::test]
async fn a_transaction_is_finished_at_its_own_server_only() {
    let (honest_endpoint, hostile_endpoint) = (Endpoint::granting(), Endpoint::granting());
    let honest = client(&honest_endpoint, HONEST);
    let hostile = client(&hostile_endpoint, HOSTILE);
    let (transaction, state) = started(&request(&honest)).await;
    let error = transaction.finish(&hostile, &callback(&state, HONEST, "code=c")).await.unwrap_err();
    assert_eq!(error.kind(), AuthorizationErrorKind::WrongClient);
    // The same without issuers, where the token endpoint tells servers apart.
    let nameless = described(&honest_endpoint, HONEST).build().unwrap();
    let other = described(&hostile_endpoint, HOSTILE).build().unwrap();
    let plain = AuthorizationRequest::new(&nameless, "https://app.example.com/callback");
    let (transaction, state) = started(&plain).await;
    let answer = AuthorizationCallback::from_query(&format!("state={state}&code=c")).unwrap();
    let error = transaction.finish(&other, &answer).await.unwrap_err();
    assert_eq!(error.kind(), AuthorizationErrorKind::WrongClient);
    assert!(honest_endpoint.seen().is_empty() && hostile_endpoint.seen().is_empty());

    let url = request(&honest).start().await.unwrap().url;
    assert_eq!(url.host(), Some("honest.example"));
    assert!(!query(&url).contains_key("iss"));
    let (transaction, state) = started(&request(&honest)).await;
    transaction.finish(&honest, &callback(&state, HONEST, "code=c")).await.unwrap();
    assert_eq!(honest_endpoint.only_request().uri(), "https://honest.example/token");
    assert!(hostile_endpoint.seen().is_empty());
}
