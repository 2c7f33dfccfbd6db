//! Tokens that are bound to a client's certificate, over mutual TLS.
#![cfg(all(feature = "jwt", feature = "connect-info"))]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod server_support;

use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer as Signer, KeyPair};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_stream::StreamExt;
use tonic::codegen::BoxStream;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity, Server, ServerTlsConfig};
use tonic::{Code, Request, Response, Status};
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tower_auth_tonic::GrpcValidateLayer;
use tower_auth_tonic::core::PeerCertificate;

use self::server_support::{Desk, Issuer};

struct Ca {
    signer: Signer<'static, KeyPair>,
    pem: String,
}

struct Leaf {
    identity: Identity,
    thumbprint: String,
}

impl Ca {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { signer: Signer::new(params, key), pem }
    }

    fn leaf(&self, name: &str) -> Leaf {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &self.signer).unwrap();
        let thumbprint = URL_SAFE_NO_PAD.encode(PeerCertificate::from_der(certificate.der()).sha256());
        Leaf { identity: Identity::from_pem(certificate.pem(), key.serialize_pem()), thumbprint }
    }
}

async fn serve(ca: &Ca, layer: GrpcValidateLayer, desk: &Desk) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let tls = ServerTlsConfig::new()
        .identity(ca.leaf("localhost").identity)
        .client_ca_root(Certificate::from_pem(&ca.pem))
        .client_auth_optional(true);
    let server = Server::builder().tls_config(tls).unwrap().layer(layer).add_service(HealthServer::new(desk.clone()));
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    address
}

async fn check(ca: &Ca, address: SocketAddr, own: Option<&Leaf>, token: &str) -> Result<(), Status> {
    let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&ca.pem)).domain_name("localhost");
    let tls = match own {
        Some(leaf) => tls.identity(leaf.identity.clone()),
        None => tls,
    };
    let endpoint = Endpoint::from_shared(format!("https://{address}")).unwrap().tls_config(tls).unwrap();
    let mut client = HealthClient::new(endpoint.connect().await.unwrap());
    let mut request = Request::new(HealthCheckRequest::default());
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    client.check(request).await.map(|_| ())
}

// R8705-3a, R8705-P1, THREAT-V9
#[tokio::test]
async fn a_token_that_is_bound_to_a_certificate_is_good_with_that_certificate_only() {
    let (issuer, desk, ca) = (Issuer::new(), Desk::default(), Ca::new());
    let address = serve(&ca, GrpcValidateLayer::new(issuer.verifier()), &desk).await;
    let (own, other) = (ca.leaf("client"), ca.leaf("other"));
    let bound = issuer.token().claim("cnf", &json!({"x5t#S256": own.thumbprint})).sign();

    check(&ca, address, Some(&own), &bound).await.unwrap();
    for wrong in [Some(&other), None] {
        let status = check(&ca, address, wrong, &bound).await.unwrap_err();
        assert_eq!(status.code(), Code::Unauthenticated);
    }
    assert_eq!(desk.served(), 1);
    // A plain token needs none.
    check(&ca, address, None, &issuer.token().sign()).await.unwrap();
}

/// Says one thing and then nothing.
#[derive(Clone, Default)]
struct Patient;

#[tonic::async_trait]
impl Health for Patient {
    type WatchStream = BoxStream<HealthCheckResponse>;

    async fn check(&self, _: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        Err(Status::unimplemented("only streams"))
    }

    async fn watch(&self, _: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let first = tokio_stream::once(Ok(HealthCheckResponse::default()));
        Ok(Response::new(Box::pin(first.chain(tokio_stream::pending())) as Self::WatchStream))
    }
}

// R8705-3a
#[tokio::test]
async fn a_stream_with_a_bound_token_outlives_the_checks_of_its_credential() {
    let (issuer, ca) = (Issuer::new(), Ca::new());
    let time = issuer.time.clone();
    let every = Duration::from_secs(10);
    let layer = GrpcValidateLayer::new(issuer.verifier()).recheck(every).unwrap().end_at_expiry().clock(time.clock());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let tls = ServerTlsConfig::new()
        .identity(ca.leaf("localhost").identity)
        .client_ca_root(Certificate::from_pem(&ca.pem))
        .client_auth_optional(true);
    let server = Server::builder().tls_config(tls).unwrap().layer(layer).add_service(HealthServer::new(Patient));
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));

    let own = ca.leaf("client");
    let lifetime = Duration::from_secs(600);
    let bound = issuer.token().lifetime(lifetime).claim("cnf", &json!({"x5t#S256": own.thumbprint})).sign();
    let tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(&ca.pem))
        .domain_name("localhost")
        .identity(own.identity.clone());
    let endpoint = Endpoint::from_shared(format!("https://{address}")).unwrap().tls_config(tls).unwrap();
    let mut client = HealthClient::new(endpoint.connect().await.unwrap());
    let mut request = Request::new(HealthCheckRequest::default());
    request.metadata_mut().insert("authorization", format!("Bearer {bound}").parse().unwrap());
    let mut stream = client.watch(request).await.unwrap().into_inner();
    stream.next().await.unwrap().unwrap();

    let began = time.now();
    let mut end = std::pin::pin!(stream.next());
    let status = loop {
        tokio::select! {
            biased;
            end = &mut end => break end.unwrap().unwrap_err(),
            () = tokio::task::yield_now() => time.tick(Duration::from_millis(100)),
        }
    };
    // Not by a check, of which there were many, but by its own end.
    assert_eq!((status.code(), status.message()), (Code::Unauthenticated, "The access token has expired"));
    assert!(time.now().duration_since(began).unwrap() >= lifetime);
}
