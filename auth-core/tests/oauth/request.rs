//! What is sent, and what is refused before anything is sent.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderName, Method, Request};
use tower_auth_core::{BodyFormat, ClientAuth, ClientCredentials, ConfigErrorKind, Lifetime, OAuthClient, Secret};

use super::endpoint::{Endpoint, URL};

fn grant() -> ClientCredentials {
    ClientCredentials::new(URL, "orders", "s3cret")
}

fn body(request: &Request<Bytes>) -> &str {
    std::str::from_utf8(request.body()).unwrap()
}

fn basic_pair(request: &Request<Bytes>) -> Option<String> {
    let mut values = request.headers().get_all(AUTHORIZATION).iter();
    let value = values.next()?;
    assert!(values.next().is_none(), "two Authorization lines");
    assert!(value.is_sensitive());
    let pair = STANDARD.decode(value.to_str().unwrap().strip_prefix("Basic ").unwrap()).unwrap();
    Some(String::from_utf8(pair).unwrap())
}

fn refused(grant: ClientCredentials) -> (ConfigErrorKind, String) {
    let endpoint = Endpoint::granting();
    let error = grant.http_client(endpoint.http.clone()).build().unwrap_err();
    assert!(endpoint.seen().is_empty());
    (error.kind(), error.to_string())
}

// R6749-3.2a, R6749-2.3a, R6749-3.2.1a, R9110-11.6.2a, SYS-A11
#[tokio::test]
async fn four_inputs_make_a_request_by_the_book() {
    let request = Endpoint::granting().request_of(grant()).await;
    assert_eq!(request.method(), Method::POST);
    assert_eq!(request.uri(), URL);
    assert_eq!(request.headers()[CONTENT_TYPE], "application/x-www-form-urlencoded");
    assert_eq!(request.headers()[ACCEPT], "application/json");
    assert!(!request.headers().contains_key(ACCEPT_ENCODING));
    assert_eq!(body(&request), "grant_type=client_credentials");
    assert_eq!(basic_pair(&request).as_deref(), Some("orders:s3cret"));
}

// SYS-A2, SYS-A3, SYS-A7
#[tokio::test]
async fn a_raw_basic_pair_goes_with_a_json_body_that_holds_the_grant_type_only() {
    let grant = ClientCredentials::new("https://sandbox.example.com/v1/oauth/bearer", "token", "a+b/c%d:e")
        .client_auth(ClientAuth::BasicRaw)
        .json_body();
    let request = Endpoint::granting().request_of(grant).await;
    assert_eq!(request.uri(), "https://sandbox.example.com/v1/oauth/bearer");
    assert_eq!(request.headers()[CONTENT_TYPE], "application/json");
    assert_eq!(body(&request), r#"{"grant_type":"client_credentials"}"#);
    assert_eq!(basic_pair(&request).as_deref(), Some("token:a+b/c%d:e"));
}

// R6749-2.3.1a, SYS-A7
#[tokio::test]
async fn a_basic_pair_by_the_book_is_form_encoded_first() {
    let request = Endpoint::granting().request_of(ClientCredentials::new(URL, "a:b", "a+b/c d")).await;
    assert_eq!(basic_pair(&request).as_deref(), Some("a%3Ab:a%2Bb%2Fc+d"));
}

// R6749-2.3.1b, SYS-V1, SYS-V13
#[tokio::test]
async fn the_body_method_sends_no_header_and_survives_reserved_characters() {
    let grant = ClientCredentials::new(URL, "id", "a&b=c+d %e").client_auth(ClientAuth::Body);
    let request = Endpoint::granting().request_of(grant).await;
    assert_eq!(basic_pair(&request), None);
    assert_eq!(body(&request), "grant_type=client_credentials&client_id=id&client_secret=a%26b%3Dc%2Bd+%25e");
    assert_eq!(request.uri().query(), None);
}

// SYS-A12, SYS-A6
#[tokio::test]
async fn both_ways_at_once_are_one_option() {
    let request = Endpoint::granting().request_of(grant().client_auth(ClientAuth::Both).json_body()).await;
    assert_eq!(basic_pair(&request).as_deref(), Some("orders:s3cret"));
    assert_eq!(body(&request), r#"{"grant_type":"client_credentials","client_id":"orders","client_secret":"s3cret"}"#);
}

// SYS-L1
#[tokio::test]
async fn the_grant_type_can_be_left_out_or_be_another() {
    let aluma = || grant().client_auth(ClientAuth::Body);
    let request = Endpoint::granting().request_of(aluma().omit_grant_type()).await;
    assert_eq!(body(&request), "client_id=orders&client_secret=s3cret");
    let request = Endpoint::granting().request_of(aluma().grant_type("openapi_2lo")).await;
    assert_eq!(body(&request), "grant_type=openapi_2lo&client_id=orders&client_secret=s3cret");
}

// R6749-3.1a
#[tokio::test]
async fn the_query_of_the_endpoint_is_kept() {
    let grant = ClientCredentials::new("https://a.example/t?tenant=x%20y", "orders", "s3cret");
    let request = Endpoint::granting().request_of(grant).await;
    assert_eq!(request.uri(), "https://a.example/t?tenant=x%20y");
}

#[tokio::test]
async fn parameters_can_go_into_the_query_where_a_server_demands_it() {
    let grant = ClientCredentials::new("https://a.example/t?v=2", "orders", "s3cret")
        .client_auth(ClientAuth::Body)
        .configure(|client| client.body_format(BodyFormat::InsecureQuery));
    let request = Endpoint::granting().request_of(grant).await;
    assert_eq!(request.method(), Method::POST);
    assert_eq!(
        request.uri(),
        "https://a.example/t?v=2&grant_type=client_credentials&client_id=orders&client_secret=s3cret"
    );
    assert!(request.body().is_empty());
}

// R6749-3.3a, R8707-2b
#[tokio::test]
async fn scopes_resources_and_audience_are_sent_as_they_are_asked_for() {
    let request = Endpoint::granting()
        .request_of(
            grant()
                .scopes(["b", "a"])
                .audience("https://api.example.com/")
                .resource("https://Api.example.com:443/x")
                .resource("urn:example:y"),
        )
        .await;
    assert_eq!(
        body(&request),
        "grant_type=client_credentials&audience=https%3A%2F%2Fapi.example.com%2F&resource=https%3A%2F%2FApi.example.com%3A443%2Fx\
         &resource=urn%3Aexample%3Ay&scope=a+b"
    );
    let comma = grant().scopes(["b", "a"]).configure(|client| client.scope_separator(','));
    let request = Endpoint::granting().request_of(comma).await;
    assert_eq!(body(&request), "grant_type=client_credentials&scope=a%2Cb");
}

// R6749-3.1b
#[tokio::test]
async fn extra_parameters_and_headers_are_added_and_empty_ones_left_out_on_demand() {
    let extended = || {
        grant().param("tenant_id", "acme").param("hint", "").configure(|client| {
            client.header(HeaderName::from_static("x-api-key"), "k3y").header(ACCEPT, "application/vnd.example+json")
        })
    };
    let request = Endpoint::granting().request_of(extended()).await;
    assert_eq!(body(&request), "grant_type=client_credentials&tenant_id=acme&hint=");
    assert_eq!(request.headers()["x-api-key"], "k3y");
    assert!(request.headers()["x-api-key"].is_sensitive());
    assert_eq!(request.headers().get_all(ACCEPT).iter().collect::<Vec<_>>(), ["application/vnd.example+json"]);
    let request = Endpoint::granting().request_of(extended().configure(|client| client.skip_empty())).await;
    assert_eq!(body(&request), "grant_type=client_credentials&tenant_id=acme");
}

// R6749-3.1b, R6749-2.3a
#[test]
fn no_parameter_is_sent_twice_and_no_second_authentication() {
    let option = ConfigErrorKind::InvalidOption;
    for name in ["grant_type", "scope", "client_secret", "client_assertion", "client_assertion_type", ""] {
        assert_eq!(refused(grant().param(name, "x")).0, option, "{name}");
    }
    assert_eq!(refused(grant().param("a", "1").param("a", "2")).0, option);
    assert_eq!(refused(grant().client_auth(ClientAuth::Body).param("client_id", "x")).0, option);
    assert_eq!(refused(grant().audience("a").param("audience", "b")).0, option);
    assert_eq!(refused(grant().resource("https://a").param("resource", "https://b")).0, option);
    for name in [AUTHORIZATION, CONTENT_TYPE, ACCEPT_ENCODING, http::header::HOST] {
        assert_eq!(refused(grant().configure(|client| client.header(name.clone(), "x"))).0, option, "{name}");
    }
}

// SYS-V9
#[test]
fn what_is_missing_is_named() {
    for (grant, name) in [
        (ClientCredentials::new("", "id", "secret"), "token endpoint"),
        (ClientCredentials::new(URL, "", "secret"), "client_id"),
        (ClientCredentials::new(URL, "id", ""), "client_secret"),
        (ClientCredentials::over(OAuthClient::builder("id").token_endpoint(URL)), "client_secret"),
    ] {
        let (kind, text) = refused(grant);
        assert_eq!(kind, ConfigErrorKind::MissingOption);
        assert!(text.contains(name), "{text}");
    }
}

// R6749-Aa, R6749-4.4a, R6749-3.3a, R8707-2a, R9110-5.5a, THREAT-T7
#[test]
fn values_outside_their_grammar_and_public_clients_are_refused() {
    for secret in ["sentinel\n", "sentinel\u{e4}", "sentinel\0"] {
        let (kind, text) = refused(ClientCredentials::new(URL, "id", secret));
        assert_eq!(kind, ConfigErrorKind::InvalidCredential);
        assert!(!text.contains("sentinel"), "{text}");
    }
    let header = HeaderName::from_static("x-api-key");
    let (_, text) = refused(grant().configure(|client| client.header(header, "sentinel\r\nx: y")));
    assert!(!text.contains("sentinel"), "{text}");
    assert_eq!(refused(ClientCredentials::new(URL, "a\nb", "s")).0, ConfigErrorKind::InvalidCredential);
    assert_eq!(refused(grant().scopes(["a b"])).0, ConfigErrorKind::InvalidScope);
    assert_eq!(refused(grant().resource("api")).0, ConfigErrorKind::InvalidUrl);
    assert_eq!(refused(grant().client_auth(ClientAuth::None)).0, ConfigErrorKind::InvalidOption);
}

// R6749-3.1a, R6749-10a, THREAT-T3, SYS-A8
#[tokio::test]
async fn the_token_url_is_https_unless_it_is_loopback_or_named() {
    let at = |url: &str| ClientCredentials::new(url, "orders", "s3cret");
    for plain in ["http://login.example.com/t", "http://127.0.0.1:1/t"] {
        assert_eq!(refused(at(plain)).0, ConfigErrorKind::InsecureUrl);
    }
    assert_eq!(refused(at("http://localhost/t").allow_loopback_http()).0, ConfigErrorKind::InsecureUrl);
    for bad in ["https://a/t#f", "https://u:p@a/t", "a/t"] {
        assert_eq!(refused(at(bad)).0, ConfigErrorKind::InvalidUrl, "{bad}");
    }
    Endpoint::granting().request_of(at("http://127.0.0.1:1/t").allow_loopback_http()).await;
    let named = at("http://mesh:8080/t").dangerous().allow_plaintext("http://mesh:8080");
    Endpoint::granting().request_of(named).await;
}

// SYS-A5, SYS-V5, SYS-L3, R6749-5.1c
#[tokio::test]
async fn the_lifetime_is_the_servers_or_else_the_declared_one() {
    let lifetime = async |body: &'static str| {
        let endpoint = Endpoint::json(200, body);
        let grant = grant().default_lifetime(Duration::from_secs(3600)).http_client(endpoint.http);
        grant.build().unwrap().request_token().await.unwrap().lifetime()
    };
    assert_eq!(lifetime(r#"{"access_token":"t","expires_in":60}"#).await, Lifetime::For(Duration::from_secs(60)));
    assert_eq!(
        lifetime(r#"{"access_token":"t","expires_in":"86400"}"#).await,
        Lifetime::For(Duration::from_secs(86400))
    );
    assert_eq!(lifetime(r#"{"access_token":"t","expires_in":0}"#).await, Lifetime::For(Duration::ZERO));
    assert_eq!(lifetime(r#"{"access_token":"t"}"#).await, Lifetime::For(Duration::from_secs(3600)));
    let endpoint = Endpoint::json(200, r#"{"access_token":"t"}"#);
    let plain = grant().http_client(endpoint.http).build().unwrap();
    assert_eq!(plain.request_token().await.unwrap().lifetime(), Lifetime::Unknown);
}

// R6749-4.4a
#[tokio::test]
async fn a_refresh_token_is_not_relied_on() {
    let endpoint = Endpoint::json(200, r#"{"access_token":"t","refresh_token":"r"}"#);
    let response = grant().http_client(endpoint.http).build().unwrap().request_token().await.unwrap();
    assert!(response.refresh_token().is_none());
    assert_eq!(response.token().secret(), &Secret::from("t"));
}

// The default transport, end to end.
#[cfg(feature = "http")]
#[tokio::test]
async fn without_a_client_of_ones_own_the_default_transport_is_used() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/token", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = String::new();
        while !head.ends_with("grant_type=client_credentials") {
            head.push(char::from(stream.read_u8().await.unwrap()));
        }
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 22\r\n\r\n{\"access_token\":\"t0k\"}";
        stream.write_all(answer).await.unwrap();
        head
    });
    let tokens = ClientCredentials::new(url, "orders", "s3cret").allow_loopback_http().build().unwrap();
    let response = tokens.request_token().await.unwrap();
    assert_eq!(response.token().secret().expose_secret(), "t0k");
    let head = server.await.unwrap().to_ascii_lowercase();
    assert!(head.starts_with("post /token http/1.1\r\n"), "{head}");
    assert!(head.contains("user-agent: tower-auth/") && !head.contains("accept-encoding"), "{head}");
}
