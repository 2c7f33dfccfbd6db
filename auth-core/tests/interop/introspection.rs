//! Its opaque tokens, which it is asked about.

use std::time::Duration;

use serde_json::json;
use tower_auth_core::jose::{Algorithm, SigningKey};
use tower_auth_core::{
    ClientAuth, ClientCredentials, IntrospectionVerifier, Method, OAuthClientBuilder, RejectionKind, Secret, Verifier,
};

use crate::provider::Provider;

const OPAQUE: &str = "urn:api:opaque";

impl Provider {
    /// What asks as the client that `client` describes.
    fn asking(&self, client: OAuthClientBuilder) -> IntrospectionVerifier {
        let client = client.introspection_endpoint(format!("{}/token/introspection", self.issuer()));
        IntrospectionVerifier::over(client).audience(OPAQUE).refusals_for(Duration::ZERO)
    }

    /// What asks as the resource server, which may ask about every token.
    fn resource_server(&self) -> IntrospectionVerifier {
        self.asking(self.described("rs").secret(self.secret("rs")))
    }

    async fn opaque(&self, client: &str, resource: &str) -> Secret {
        let grant = self.grant(client).resource(resource).scopes(["read"]);
        let response = grant.http_client(self.http()).build().unwrap().request_token().await.unwrap();
        response.token().secret().clone()
    }
}

async fn outcome(verifier: &Verifier, token: &Secret) -> Result<(), RejectionKind> {
    let mut headers = http::HeaderMap::new();
    headers.insert("authorization", format!("Bearer {}", token.expose_secret()).parse().unwrap());
    verifier.verify(&headers).await.map(drop).map_err(|refusal| refusal.kind())
}

// R7662-2.1a, R7662-2.2a, R7662-2.2b
#[tokio::test]
async fn its_opaque_tokens_are_accepted_until_they_are_revoked() {
    let Some(server) = Provider::start() else { return };
    let verifier = server.resource_server().build().unwrap();
    let token = server.opaque("cc-basic", OPAQUE).await;
    let mut headers = http::HeaderMap::new();
    headers.insert("authorization", format!("Bearer {}", token.expose_secret()).parse().unwrap());
    let caller = verifier.verify(&headers).await.unwrap();
    assert_eq!((caller.method(), caller.issuer()), (Method::Introspection, Some(server.issuer())));
    assert_eq!((caller.subject(), caller.client_id()), ("cc-basic", Some("cc-basic")));
    assert!(caller.has_scope("read") && !caller.has_scope("write") && caller.expires_at().is_some());
    assert_eq!(outcome(&verifier, &Secret::from("never-issued")).await, Err(RejectionKind::Inactive));

    let client = server.described("cc-basic").secret(server.secret("cc-basic")).build().unwrap();
    client.revoke(&token, None).await.unwrap();
    assert_eq!(outcome(&verifier, &token).await, Err(RejectionKind::Inactive));
}

// R7662-2.2a, R7662-4a
#[tokio::test]
async fn its_opaque_tokens_expire_also_where_answers_are_remembered() {
    let Some(server) = Provider::start() else { return };
    server.configure(json!({ "access_token_ttl": 2 })).await;
    let verifier = server.resource_server().leeway(Duration::ZERO).cache_for(Duration::from_secs(600)).build().unwrap();
    let token = server.opaque("cc-basic", OPAQUE).await;
    assert_eq!(outcome(&verifier, &token).await, Ok(()));
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!(outcome(&verifier, &token).await, Err(RejectionKind::Inactive));
}

// R7662-2.1a, R7523bis-a
#[tokio::test]
async fn it_is_asked_by_every_way_of_client_authentication() {
    let Some(server) = Provider::start() else { return };
    let key = |client: &str, algorithm| {
        let pem = server.about()["clients"][client]["private_pem"].as_str().unwrap().to_owned();
        SigningKey::from_pkcs8_pem(algorithm, &pem).unwrap()
    };
    let by_key = |client: &str, algorithm| server.described(client).private_key(key(client, algorithm));
    let by_secret = |client: &str, auth| server.described(client).secret(server.secret(client)).client_auth(auth);
    for (client, described) in [
        ("cc-basic", by_secret("cc-basic", ClientAuth::Basic)),
        ("cc-basic-odd:id", by_secret("cc-basic-odd:id", ClientAuth::Basic)),
        ("cc-post", by_secret("cc-post", ClientAuth::Body)),
        ("cc-secret-jwt", by_secret("cc-secret-jwt", ClientAuth::SecretJwt)),
        ("cc-key-es256", by_key("cc-key-es256", Algorithm::Es256)),
        ("cc-key-rs256", by_key("cc-key-rs256", Algorithm::Rs256)),
        ("cc-key-eddsa", by_key("cc-key-eddsa", Algorithm::EdDsa)),
    ] {
        let grant = ClientCredentials::over(described.clone()).resource(OPAQUE).build().unwrap();
        let token = grant.request_token().await.unwrap().token().secret().clone();
        let verifier = server.asking(described).build().unwrap();
        assert_eq!(outcome(&verifier, &token).await, Ok(()), "{client} asks about its own token");
        let foreign = server.opaque("cc-narrow", OPAQUE).await;
        assert_eq!(outcome(&verifier, &foreign).await, Err(RejectionKind::Inactive), "{client} may not know");
    }
    let wrong = server.asking(server.described("rs").secret("wrong-sentinel")).build().unwrap();
    let token = server.opaque("cc-basic", OPAQUE).await;
    assert_eq!(outcome(&wrong, &token).await, Err(RejectionKind::IntrospectionUnavailable));
}

// R7662-2.1a, R8705-2a, R8705-3a
#[tokio::test]
async fn a_certificate_proves_who_asks_and_a_token_that_is_bound_to_one_serves_nobody_without() {
    let Some(server) = Provider::start_tls() else { return };
    for (id, method, place) in [
        ("cc-mtls", ClientAuth::TlsClientAuth, "client"),
        ("cc-mtls-self", ClientAuth::SelfSignedTlsClientAuth, "self_signed_client"),
    ] {
        let client = || server.with_certificate(id, method, place);
        let grant = ClientCredentials::over(client()).resource(OPAQUE).build().unwrap();
        let token = grant.request_token().await.unwrap().token().secret().clone();
        let verifier = server.asking(client()).build().unwrap();
        assert_eq!(outcome(&verifier, &Secret::from("never-issued")).await, Err(RejectionKind::Inactive), "{id}");
        // The server says so by `cnf`.
        let refused = outcome(&verifier, &token).await.unwrap_err();
        assert!(matches!(refused, RejectionKind::BoundToken | RejectionKind::WrongCertificate), "{id}: {refused:?}");
    }
}

// R8414-2a, R7662-2.1a
#[tokio::test]
async fn its_metadata_says_where_it_is_asked() {
    let Some(server) = Provider::start() else { return };
    let client = server.described("rs").secret(server.secret("rs"));
    let verifier = IntrospectionVerifier::over(client).audience(OPAQUE).build().unwrap();
    verifier.ready().await.unwrap();
    assert_eq!(outcome(&verifier, &server.opaque("cc-basic", OPAQUE).await).await, Ok(()));
}

// R7662-2.2b, THREAT-V8
#[tokio::test]
async fn a_token_for_nobody_in_particular_is_accepted_by_choice_alone() {
    let Some(server) = Provider::start() else { return };
    let grant = server.grant("cc-basic").http_client(server.http()).build().unwrap();
    let token = grant.request_token().await.unwrap().token().secret().clone();
    let strict = server.resource_server().build().unwrap();
    assert_eq!(outcome(&strict, &token).await, Err(RejectionKind::WrongAudience));
    let lenient = server.resource_server().allow_missing_audience().build().unwrap();
    assert_eq!(outcome(&lenient, &token).await, Ok(()));
    let other = IntrospectionVerifier::over(server.described("rs").secret(server.secret("rs")))
        .audience("urn:api:other")
        .allow_missing_audience()
        .build()
        .unwrap();
    let foreign = server.opaque("cc-basic", OPAQUE).await;
    assert_eq!(outcome(&other, &foreign).await, Err(RejectionKind::WrongAudience));
}

// THREAT-V8
#[tokio::test]
async fn its_signed_and_its_opaque_tokens_are_accepted_by_one_verifier() {
    let Some(server) = Provider::start() else { return };
    let signed = server.verifier("urn:api:es256").build().unwrap();
    let verifier = Verifier::any_of([server.resource_server().build().unwrap(), signed]).unwrap();
    assert_eq!(outcome(&verifier, &server.opaque("cc-basic", "urn:api:es256").await).await, Ok(()));
    assert_eq!(outcome(&verifier, &server.opaque("cc-basic", OPAQUE).await).await, Ok(()));
    let foreign = server.opaque("cc-basic", "urn:api:rs256").await;
    assert_eq!(outcome(&verifier, &foreign).await, Err(RejectionKind::WrongAudience), "the issuer's alone");
}

// R9449-7.2a, THREAT-V9
#[cfg(feature = "dpop")]
#[tokio::test]
async fn its_bound_opaque_tokens_are_no_bearer_tokens() {
    use tower_auth_core::DpopKey;
    let Some(server) = Provider::start() else { return };
    let client = server.described("cc-dpop").secret(server.secret("cc-dpop")).dpop(DpopKey::generate().unwrap());
    let grant = ClientCredentials::over(client).resource(OPAQUE).build().unwrap();
    let token = grant.request_token().await.unwrap().token().secret().clone();
    let verifier = server.resource_server().build().unwrap();
    assert_eq!(outcome(&verifier, &token).await, Err(RejectionKind::BoundToken));
}

// R7662-2.3a, THREAT-V16
#[tokio::test]
async fn a_server_that_is_gone_says_nothing() {
    let Some(server) = Provider::start() else { return };
    let verifier = server.resource_server().build().unwrap();
    let token = server.opaque("cc-basic", OPAQUE).await;
    assert_eq!(outcome(&verifier, &token).await, Ok(()));
    drop(server);
    for _ in 0..5 {
        assert_eq!(outcome(&verifier, &token).await, Err(RejectionKind::IntrospectionUnavailable));
    }
}
