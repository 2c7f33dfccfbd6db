//! Tokens that are bound to a key, on gRPC calls: what the client layer proves and the server layer checks.
#![cfg(feature = "dpop")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod server_support;

use std::time::Duration;

use serde_json::json;
use tonic::service::Interceptor;
use tonic::{Code, Request};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::health_server::HealthServer;
use tower::{Layer, ServiceBuilder};
use tower_auth_tonic::core::{
    DpopKey, DpopProofs, PeerCertificate, SourceRequest, Token, TokenCache, TokenKind, TokenResponse, Verifier,
};
use tower_auth_tonic::{GrpcAuthLayer, GrpcValidateLayer, VerifyInterceptor};

use self::server_support::{Desk, Issuer, bearer};

const ORIGIN: &str = "https://api.example.com";

struct World {
    issuer: Issuer,
    key: DpopKey,
    desk: Desk,
}

impl World {
    fn new() -> Self {
        let issuer = Issuer::new();
        let key = DpopKey::generate().unwrap().with_clock(issuer.time.clock());
        Self { issuer, key, desk: Desk::default() }
    }

    fn verifier(&self, base_url: &str) -> Verifier {
        let proofs = DpopProofs::new(base_url).unwrap().clock(self.issuer.time.clock());
        self.issuer.verifier().with_dpop(proofs.require_nonce()).unwrap()
    }

    fn cache(&self) -> TokenCache {
        let (server, jkt) = (self.issuer.server.clone(), self.key.thumbprint().to_owned());
        let source = move |_: SourceRequest| {
            let token = server.mint().audience("health").subject("alice").claim("cnf", &json!({ "jkt": jkt })).sign();
            let token = Token::new(token).unwrap().with_kind(TokenKind::Dpop);
            async move { Ok(TokenResponse::new(token).expires_in(Duration::from_secs(300))) }
        };
        TokenCache::builder(source).clock(self.issuer.time.clock()).dpop(self.key.clone()).build().unwrap()
    }

    /// A call by a client with a bound token to a server that is known by `base_url`.
    async fn call(&self, base_url: &str) -> Result<String, Code> {
        let guarded = GrpcValidateLayer::new(self.verifier(base_url)).layer(HealthServer::new(self.desk.clone()));
        let layer = GrpcAuthLayer::new(self.cache(), ORIGIN).unwrap();
        let mut client = HealthClient::new(ServiceBuilder::new().layer(layer).service(guarded));
        let response = client.check(HealthCheckRequest::default()).await.map_err(|status| status.code())?;
        Ok(response.metadata().get("subject").unwrap().to_str().unwrap().to_owned())
    }
}

// R9449-4.3b, R9449-8a, R9449-8b, GRPC-3
#[tokio::test]
async fn what_the_client_layer_proves_the_server_layer_accepts() {
    let world = World::new();
    assert_eq!(world.call(ORIGIN).await, Ok("alice".to_owned()), "after one more send for the nonce");
    assert_eq!(world.call("https://other.example.com").await, Err(Code::Unauthenticated));
    assert_eq!(world.desk.served(), 1);
}

// R9449-4.3c, THREAT-V16
#[tokio::test]
async fn an_interceptor_knows_no_method_and_accepts_no_proofs() {
    let world = World::new();
    let verifier = world.verifier(ORIGIN);
    verifier.ready().await.unwrap();
    let mut request = Request::new(());
    let token = world.issuer.token().claim("cnf", &json!({ "jkt": world.key.thumbprint() })).sign();
    request.metadata_mut().insert("authorization", format!("DPoP {token}").parse().unwrap());
    let refused = VerifyInterceptor::new(verifier).call(request).unwrap_err();
    assert_eq!(refused.code(), Code::Internal);
}

// R8705-3a, R8705-P1
#[tokio::test]
async fn an_interceptor_finds_the_certificate_in_the_extensions() {
    let world = World::new();
    let verifier = world.issuer.verifier();
    verifier.ready().await.unwrap();
    let certificate = PeerCertificate::from_der(b"certificate");
    let token = bearer(world.issuer.token().claim("cnf", &json!({ "x5t#S256": certificate.thumbprint() })));
    for (shown, code) in [
        (Some(certificate), Ok(())),
        (Some(PeerCertificate::from_der(b"other")), Err(Code::Unauthenticated)),
        (None, Err(Code::Unauthenticated)),
    ] {
        let mut request = Request::new(());
        request.metadata_mut().insert("authorization", token.parse().unwrap());
        if let Some(shown) = shown {
            request.extensions_mut().insert(shown);
        }
        let outcome = VerifyInterceptor::new(verifier.clone()).call(request);
        assert_eq!(outcome.map(drop).map_err(|status| status.code()), code);
    }
}
