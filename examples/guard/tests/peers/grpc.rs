use serde_json::json;

use crate::callers;
use crate::clients::{have_python, run};
use crate::provider::Provider;
use crate::support::Guard;

// GRPC-3, GRPC-7, GRPC-10
#[tokio::test(flavor = "multi_thread")]
async fn grpcio_learns_by_the_status_what_became_of_its_call() {
    let Some(provider) = Provider::start() else { return };
    if !have_python() {
        return;
    }
    let server = "[server]\nallow_plaintext_issuer = true\n";
    let grpc = "[grpc]\nend_at_expiry = true\nerror_domain = \"orders\"\n[[grpc.rule]]\nname = \"/grpc.health.v1.Health/List\"\nrequire = { scope = \"admin\" }\n";
    let guard = Guard::start(&format!("{}{server}{grpc}", callers(&provider)));
    // Another guard, of an issuer that nobody can ask.
    let gone = callers(&provider).replace(provider.issuer(), &format!("http://{}", crate::support::free_address()));
    let unavailable = Guard::start(&format!("{gone}{server}"));
    let told = run(
        "health.py",
        &json!({
            "issuer": provider.issuer(), "guard": guard.grpc, "unavailable": unavailable.grpc,
            "secret": provider.secret("cc-basic"), "short_secret": provider.secret("cc-short"),
            "resources": ["urn:api:es256", "urn:api:opaque"],
        }),
    );
    for resource in ["urn:api:es256", "urn:api:opaque"] {
        let told = &told[resource];
        assert_eq!(told["good"]["code"], "OK", "{told}");
        assert_eq!(told["broken"]["code"], "UNAUTHENTICATED", "{told}");
        assert_eq!(told["scope"]["code"], "PERMISSION_DENIED", "{told}");
        assert_eq!(told["unavailable"]["code"], "UNAVAILABLE", "{told}");
        assert_eq!((&told["watch"]["first"], &told["watch"]["end"]), (&json!("SERVING"), &json!("UNAUTHENTICATED")));
        assert!(told["watch"]["lasted"].as_f64().unwrap() < 10.0, "{told}");
    }
    let none = &told["none"];
    assert_eq!(none["readable"], true, "{told}");
    assert_eq!(none["code"], "UNAUTHENTICATED", "{told}");
    assert!(none["challenge"].as_str().unwrap().contains("Bearer realm=\"orders\""), "{told}");
    assert_eq!(none["details"], "Authentication is required", "{told}");
}
