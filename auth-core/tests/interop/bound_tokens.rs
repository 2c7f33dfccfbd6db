//! Its tokens that are bound to a key, as a verifier takes them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use http::{Method, Request};
use tower_auth_core::jose::{Algorithm, SigningKey};
use tower_auth_core::{
    ClientAuth, ClientCredentials, DpopKey, DpopProofs, IncomingRequest, PeerCertificate, RejectionKind, Scheme,
    Verifier,
};

use crate::provider::Provider;

const API: &str = "https://api.example.com";

async fn verify<'a>(verifier: &Verifier, request: impl Into<IncomingRequest<'a>>) -> Result<(), RejectionKind> {
    verifier.verify(request).await.map(|_| ()).map_err(|refusal| refusal.kind())
}

// R9449-4.3c, R9449-7.2a, R9700-2.2a
#[tokio::test]
async fn a_dpop_token_is_accepted_with_a_proof_of_its_key_and_no_other_way() {
    let Some(server) = Provider::start() else { return };
    let plain = server.verifier("urn:api:es256").build().unwrap();
    let verifier = plain.clone().with_dpop(DpopProofs::new(API).unwrap().required()).unwrap();
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256, Algorithm::Ps256] {
        let key = DpopKey::new(SigningKey::generate(algorithm).unwrap()).unwrap();
        let client = server.described("cc-dpop").secret(server.secret("cc-dpop")).dpop(key.clone());
        let source = ClientCredentials::over(client).resource("urn:api:es256").build().unwrap();
        let token = source.request_token().await.unwrap().token().clone();
        let request = |scheme: &str, by: &DpopKey| {
            let proof = by.proof(&Method::GET, &format!("{API}/me?x").parse().unwrap(), Some(&token), None).unwrap();
            Request::get("/me?x")
                .header(AUTHORIZATION, format!("{scheme} {}", token.secret().expose_secret()))
                .header(DpopKey::HEADER, proof)
                .body(())
                .unwrap()
        };
        let good = request("DPoP", &key);
        let verified = verifier.verify(&good).await.unwrap();
        assert_eq!((verified.subject(), verified.scheme()), ("cc-dpop", Scheme::Dpop));
        assert_eq!(verified.dpop_thumbprint(), Some(key.thumbprint()));
        assert_eq!(verify(&verifier, &good).await, Err(RejectionKind::ReplayedProof));
        let other = DpopKey::generate().unwrap();
        assert_eq!(verify(&verifier, &request("DPoP", &other)).await, Err(RejectionKind::BoundToken));
        assert_eq!(verify(&verifier, &request("Bearer", &key)).await, Err(RejectionKind::BoundToken));
        assert_eq!(verify(&plain, &request("Bearer", &key)).await, Err(RejectionKind::BoundToken));
    }
    let unbound = server.grant("cc-basic").resource("urn:api:es256").cached().unwrap().token().await.unwrap();
    let bearer = format!("Bearer {}", unbound.secret().expose_secret());
    let request = Request::get("/me").header(AUTHORIZATION, bearer).body(()).unwrap();
    assert_eq!(verify(&plain, &request).await, Ok(()));
    assert_eq!(verify(&verifier, &request).await, Err(RejectionKind::BoundToken));
}

// R8705-3a, R9700-2.2a
#[tokio::test]
async fn a_token_of_a_certificate_is_accepted_with_it_and_no_other_way() {
    let Some(server) = Provider::start_tls() else { return };
    let verifier = server.verifier("urn:api:es256").http_client(server.http()).build().unwrap();
    let der = |place: &str| {
        let pem = server.about()["tls"][place]["cert"].as_str().unwrap();
        STANDARD.decode(pem.lines().filter(|line| !line.starts_with("-----")).collect::<String>()).unwrap()
    };
    for (id, method, place, other) in [
        ("cc-mtls", ClientAuth::TlsClientAuth, "client", "self_signed_client"),
        ("cc-mtls-self", ClientAuth::SelfSignedTlsClientAuth, "self_signed_client", "client"),
    ] {
        let shown = &server.about()["tls"][place];
        let (chain, key) = (shown["cert"].as_str().unwrap(), shown["key"].as_str().unwrap());
        let http = server.transport().client_certificate(chain, key).build().unwrap();
        let client = server.described(id).client_auth(method).http_client(http);
        let source = ClientCredentials::over(client).resource("urn:api:es256").build().unwrap();
        let token = source.request_token().await.unwrap();
        let bearer = format!("Bearer {}", token.token().secret().expose_secret());
        let request = |certificate: Option<Vec<u8>>| {
            let mut request = Request::get("/me").header(AUTHORIZATION, &bearer).body(()).unwrap();
            if let Some(der) = certificate {
                request.extensions_mut().insert(PeerCertificate::from_der(der));
            }
            request
        };
        assert_eq!(verify(&verifier, &request(Some(der(place)))).await, Ok(()), "{id}");
        assert_eq!(verify(&verifier, &request(Some(der(other)))).await, Err(RejectionKind::WrongCertificate), "{id}");
        assert_eq!(verify(&verifier, &request(None)).await, Err(RejectionKind::WrongCertificate), "{id}");
    }
}
