//! Tokens of an authorization server in memory.

use std::time::Duration;

use http::StatusCode;
use tower_auth_core::jose::{Algorithm, SigningKey};
use tower_auth_core::{
    ClientAuth, ClientCredentials, IntrospectionVerifier, OAuthClient, OAuthClientBuilder, RejectionKind, Secret,
    Verifier,
};
use tower_auth_testing::{AuthorizationServer, Endpoint, Fault, Quirk, TestClient, TestClock, TokenFormat};

use super::support::{secs, verdict};

const API: &str = "https://api.test";
/// As long as HS256 wants it.
const SECRET: &str = "api-sentinel-0123456789-0123456789";

struct World {
    time: TestClock,
    server: AuthorizationServer,
    key: std::sync::Arc<SigningKey>,
}

impl World {
    fn new() -> Self {
        let time = TestClock::new();
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        let api = TestClient::new("api", SECRET)
            .auth([ClientAuth::Basic, ClientAuth::BasicRaw, ClientAuth::Body])
            .client_secret_jwt()
            .private_key_jwt(key.public_jwk(None).unwrap());
        let server = AuthorizationServer::builder()
            .client_with(TestClient::new("web", "web-secret").format(TokenFormat::Opaque).lifetime(secs(600)))
            .client_with(api)
            .client_with(TestClient::public("stranger"))
            .introspection_scope("introspect")
            .clock(time.clock())
            .build()
            .unwrap();
        Self { time, server, key: key.into() }
    }

    fn described(&self, id: &str) -> OAuthClientBuilder {
        let client = OAuthClient::builder(id).issuer(self.server.issuer());
        client.introspection_endpoint(self.server.introspection_url()).http_client(self.server.http_client())
    }

    fn over(&self, client: OAuthClientBuilder) -> IntrospectionVerifier {
        IntrospectionVerifier::over(client).audience(API).clock(self.time.clock())
    }

    fn verifier(&self) -> Verifier {
        self.over(self.described("api").secret(SECRET)).refusals_for(Duration::ZERO).build().unwrap()
    }

    async fn token(&self, resource: &str) -> Secret {
        let grant = self.server.client_credentials("web").resource(resource).scopes(["a"]);
        grant.build().unwrap().request_token().await.unwrap().token().secret().clone()
    }
}

async fn outcome(verifier: &Verifier, token: &Secret) -> Option<RejectionKind> {
    verdict(verifier, token.expose_secret()).await.err()
}

// R7662-2.1a, R7662-2.2a, R7662-2.2b
#[tokio::test]
async fn an_opaque_token_is_accepted_until_it_is_revoked_or_expires() {
    let world = World::new();
    let verifier = world.verifier();
    let (first, second) = (world.token(API).await, world.token(API).await);
    let caller = verdict(&verifier, first.expose_secret()).await.unwrap();
    assert_eq!((caller.issuer(), caller.client_id()), (Some(world.server.issuer().as_str()), Some("web")));
    assert!(caller.has_scope("a") && !caller.has_scope("b"));
    assert_eq!(outcome(&verifier, &world.token("https://other.test").await).await, Some(RejectionKind::WrongAudience));
    assert_eq!(outcome(&verifier, &Secret::from("never-issued")).await, Some(RejectionKind::Inactive));
    assert!(world.server.revoke(&first));
    assert_eq!(outcome(&verifier, &first).await, Some(RejectionKind::Inactive));
    assert_eq!(outcome(&verifier, &second).await, None);
    world.time.advance(secs(600)).await;
    assert_eq!(outcome(&verifier, &second).await, Some(RejectionKind::Inactive));
}

// R7662-2.1a
#[tokio::test]
async fn every_way_of_client_authentication_serves() {
    let world = World::new();
    let token = world.token(API).await;
    let api = || world.described("api");
    for client in [
        api().secret(SECRET),
        api().secret(SECRET).client_auth(ClientAuth::BasicRaw),
        api().secret(SECRET).client_auth(ClientAuth::Body),
        api().secret(SECRET).client_auth(ClientAuth::Auto),
        api().secret(SECRET).client_auth(ClientAuth::SecretJwt).clock(world.time.clock()),
        api().private_key(world.key.clone()).clock(world.time.clock()),
        api().secrets(["wrong", SECRET]),
    ] {
        let shown = format!("{client:?}");
        assert_eq!(outcome(&world.over(client).build().unwrap(), &token).await, None, "{shown}");
    }
}

// R7662-2.3a, THREAT-V16
#[tokio::test]
async fn a_client_that_the_server_refuses_can_tell_nothing() {
    let world = World::new();
    let token = world.token(API).await;
    for client in [
        world.described("api").secret("wrong"),
        world.described("nobody").secret("wrong"),
        world.described("stranger").client_auth(ClientAuth::None),
    ] {
        let verifier = world.over(client).build().unwrap();
        assert_eq!(outcome(&verifier, &token).await, Some(RejectionKind::IntrospectionUnavailable));
    }
}

// R7662-2.1a
#[tokio::test]
async fn a_token_of_its_own_is_renewed_when_the_endpoint_refuses_it() {
    let world = World::new();
    let token = world.token(API).await;
    let grant = ClientCredentials::new(world.server.token_url(), "api", SECRET).scopes(["introspect"]);
    let tokens = grant.http_client(world.server.http_client()).clock(world.time.clock()).cached().unwrap();
    let client = world.described("api").client_auth(ClientAuth::None).introspection_tokens(tokens.clone());
    let verifier = world.over(client).build().unwrap();
    assert_eq!(outcome(&verifier, &token).await, None);
    let first = tokens.token().await.unwrap();
    assert!(world.server.revoke(first.secret()));
    assert_eq!(outcome(&verifier, &token).await, None);
    assert_ne!(tokens.token().await.unwrap().secret(), first.secret());
    assert_eq!(world.server.request_count(Endpoint::Introspection), 3);
    // A scope that does not suffice is no verdict on the caller.
    let grant = ClientCredentials::new(world.server.token_url(), "api", SECRET).scopes(["other"]);
    let tokens = grant.http_client(world.server.http_client()).clock(world.time.clock()).cached().unwrap();
    let client = world.described("api").client_auth(ClientAuth::None).introspection_tokens(tokens);
    let verifier = world.over(client).build().unwrap();
    assert_eq!(outcome(&verifier, &token).await, Some(RejectionKind::IntrospectionUnavailable));
}

// R7662-2.2b
#[tokio::test]
async fn a_terse_server_is_understood_by_choice() {
    let world = World::new();
    let token = world.token(API).await;
    world.server.set_quirk(Quirk::TerseIntrospection, true);
    assert_eq!(outcome(&world.verifier(), &token).await, Some(RejectionKind::WrongAudience));
    let lenient = world.over(world.described("api").secret(SECRET)).allow_missing_audience().build().unwrap();
    let caller = verdict(&lenient, token.expose_secret()).await.unwrap();
    assert_eq!((caller.subject(), caller.issuer()), ("web", Some(world.server.issuer().as_str())));
    assert_eq!(caller.scopes().count(), 0);
}

// R7662-2.2b, THREAT-V7
#[tokio::test]
async fn a_refresh_token_is_none_to_call_with() {
    let world = World::new();
    let token = world.server.issue_refresh_token("web", "alice", "a".parse().unwrap());
    assert_eq!(outcome(&world.verifier(), &token).await, Some(RejectionKind::WrongAudience));
}

// R7662-2.3a, THREAT-A4, THREAT-A5, THREAT-K4
#[tokio::test]
async fn every_fault_of_the_endpoint_is_503_and_passes() {
    let world = World::new();
    let token = world.token(API).await;
    for fault in [
        Fault::status(StatusCode::UNAUTHORIZED),
        Fault::status(StatusCode::INTERNAL_SERVER_ERROR),
        Fault::status(StatusCode::FOUND),
        Fault::html(),
        Fault::truncated(),
        Fault::huge(70_000),
        Fault::gzip(),
        Fault::duplicate_members(),
        Fault::disconnect(),
        Fault::lost_answer(),
        Fault::json(StatusCode::OK, r#"{"active":true,"active":true}"#),
    ] {
        let shown = format!("{fault:?}");
        let client = world.described("api").secret(SECRET);
        let verifier = world.over(client).cache_for(secs(60)).build().unwrap();
        world.server.fault(Endpoint::Introspection, fault);
        assert_eq!(outcome(&verifier, &token).await, Some(RejectionKind::IntrospectionUnavailable), "{shown}");
        assert_eq!(outcome(&verifier, &token).await, None, "{shown}");
    }
    for (active, refused) in [("\"true\"", RejectionKind::Inactive), ("1", RejectionKind::Inactive)] {
        let answer = format!(r#"{{"active":{active},"sub":"alice","aud":"{API}"}}"#);
        world.server.fault(Endpoint::Introspection, Fault::json(StatusCode::OK, answer));
        assert_eq!(outcome(&world.verifier(), &token).await, Some(refused));
    }
}

// THREAT-A4
#[tokio::test]
async fn a_slow_or_dripping_endpoint_is_given_up_and_a_late_one_waited_for() {
    let world = World::new();
    let token = world.token(API).await;
    for (fault, accepted) in [
        (Fault::delay(secs(4)), true),
        (Fault::delay(secs(6)), false),
        (Fault::drip(10, secs(1)), false),
        (Fault::hang(), false),
    ] {
        world.server.fault(Endpoint::Introspection, fault);
        let verifier = world.verifier();
        let text = token.expose_secret().to_owned();
        let asked = tokio::spawn(async move { verdict(&verifier, &text).await });
        TestClock::settle().await;
        world.time.advance(secs(5)).await;
        let refused = asked.await.unwrap().err();
        assert_eq!(refused, (!accepted).then_some(RejectionKind::IntrospectionUnavailable));
    }
}
