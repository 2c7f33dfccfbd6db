use serde_json::{Value, json};

use crate::clients::{curl, have_curl, have_python, run};
use crate::provider::Provider;
use crate::support::{Guard, Upstream, file, free_address};
use crate::{callers, status};

/// guard at an address that is known before it starts, as its proofs are about that.
fn start(provider: &Provider, more: &str) -> (Guard, String) {
    let address = free_address();
    let url = format!("http://{address}");
    let server = format!("[server]\nhttp = \"{address}\"\nallow_plaintext_issuer = true\n");
    let guard = Guard::start(&format!("{}[dpop]\nbase_url = \"{url}\"\n{more}\n{server}", callers(provider)));
    (guard, url)
}

// R9449-4.3c, R9449-7.2a, R9449-8b, THREAT-V9, THREAT-V10
#[tokio::test(flavor = "multi_thread")]
async fn tokens_bound_to_a_key_need_a_proof_of_it() {
    let Some(provider) = Provider::start() else { return };
    if !have_python() {
        return;
    }
    let upstream = Upstream::start().await;
    let (guard, url) = start(&provider, &upstream.section(""));
    let (demanding, other_url) = start(&provider, "require_nonce = true");
    let given = json!({
        "issuer": provider.issuer(), "secret": provider.secret("cc-dpop"), "guard": url, "demanding": other_url,
        "resources": ["urn:api:es256", "urn:api:opaque"],
    });
    let told = run("dpop.py", &given);
    for resource in ["urn:api:es256", "urn:api:opaque"] {
        let told = &told[resource];
        for good in ["good", "again", "other_method", "behind", "nonce"] {
            assert_eq!(status(&told[good]), 200, "{good}: {told}");
        }
        assert_eq!(told["good"]["json"]["dpop_thumbprint"], told["thumbprint"], "{told}");
        for (bad, error) in [
            ("as_bearer", "invalid_token"),
            ("no_proof", "invalid_dpop_proof"),
            ("replayed", "invalid_dpop_proof"),
            ("foreign_key", "invalid_token"),
            ("wrong_method", "invalid_dpop_proof"),
            ("wrong_url", "invalid_dpop_proof"),
            ("wrong_token_hash", "invalid_dpop_proof"),
            ("old", "invalid_dpop_proof"),
            ("two_proofs", "invalid_dpop_proof"),
            ("spoofed_host", "invalid_dpop_proof"),
            ("no_nonce", "use_dpop_nonce"),
        ] {
            let told = &told[bad];
            let challenge = told["challenge"].as_str().unwrap_or_default();
            assert_eq!(status(told), 401, "{bad}: {told}");
            assert!(challenge.contains("DPoP ") && challenge.contains(&format!("error=\"{error}\"")), "{bad}: {told}");
        }
        assert!(told["no_nonce"]["nonce"].is_string(), "{told}");
    }
    for seen in upstream.seen() {
        assert_eq!((seen.values("x-auth-subject"), seen.values("dpop")), (vec!["cc-dpop"], vec![]), "{seen:?}");
        assert_eq!(seen.values("authorization"), Vec::<&str>::new());
    }
    drop((guard, demanding));
}

// R8705-3a, THREAT-V9
#[tokio::test(flavor = "multi_thread")]
async fn tokens_bound_to_a_certificate_need_that_certificate() {
    let Some(provider) = Provider::start_tls() else { return };
    let tls = &provider.about()["tls"];
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let path = |value: &Value| file(&text(value)).display().to_string();
    let ca = path(&tls["ca_pem"]);
    let shown = |name: &str| (path(&tls[name]["cert"]), path(&tls[name]["key"]));
    let own = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
    let (cert, key) = (file(&own.cert.pem()), file(&own.signing_key.serialize_pem()));
    let (cert, key) = (cert.display().to_string(), key.display().to_string());
    let section = format!(
        "[tls]\ncert = {cert:?}\nkey = {key:?}\nclient_certificates = \"optional\"\n[server]\nissuer_ca = {ca:?}\n"
    );
    let guard = Guard::start(&format!("{}{section}", callers(&provider)));
    let url = format!("https://{}/me", guard.http);
    let (first, second) = (shown("client"), shown("self_signed_client"));

    if have_curl() {
        let token_url = format!("{}/token", provider.issuer());
        let fetch = |id: &str, by: &(String, String), resource: &str| {
            let (id, resource) = (format!("client_id={id}"), format!("resource={resource}"));
            let grant = ["-d", "grant_type=client_credentials", "-d", &id, "-d", &resource];
            let answer =
                curl(&[&["--cacert", &ca, "--cert", &by.0, "--key", &by.1][..], &grant, &[&token_url]].concat());
            text(&answer.json()["access_token"])
        };
        for resource in ["urn:api:es256", "urn:api:opaque"] {
            for (id, by, other) in [("cc-mtls", &first, &second), ("cc-mtls-self", &second, &first)] {
                let token = fetch(id, by, resource);
                let common = ["--cacert", &cert, "--oauth2-bearer", &token, &url];
                let with = |by: &(String, String)| curl(&[&["--cert", &by.0, "--key", &by.1][..], &common].concat());
                let good = with(by);
                assert!(good.head.starts_with("HTTP/2 200"), "{id}: {good:?}");
                assert!(good.json()["certificate_thumbprint"].is_string(), "{good:?}");
                for bad in [with(other), curl(&common)] {
                    let challenge = bad.values("www-authenticate").join("\n");
                    assert!(bad.status == 401 && challenge.contains("error=\"invalid_token\""), "{id}: {bad:?}");
                }
            }
        }
    }
    if have_python() {
        let given = json!({
            "issuer": provider.issuer(), "issuer_ca": ca, "guard": format!("https://{}", guard.http), "guard_ca": cert,
            "grpc": guard.grpc, "resource": "urn:api:es256",
            "client": "cc-mtls", "own": [first.0, first.1], "other": [second.0, second.1],
        });
        let told = run("certificates.py", &given);
        assert_eq!((status(&told["good"]), &told["good"]["version"]), (200, &json!("HTTP/2")), "{told}");
        assert_eq!((status(&told["other"]), status(&told["none"])), (401, 401), "{told}");
        let codes = [&told["grpc_good"], &told["grpc_other"], &told["grpc_none"]];
        assert_eq!(codes, ["OK", "UNAUTHENTICATED", "UNAUTHENTICATED"], "{told}");
    }
}
