//! Garbage in place of a token, refused before any signature is checked.
//!
//! The floor is what a good token costs at least, so that whoever sends garbage costs less than whoever sends a token.
#![allow(missing_docs, clippy::unwrap_used, clippy::missing_docs_in_private_items)]

use std::hint::black_box;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use criterion::{Criterion, criterion_group, criterion_main};
use tower_auth_bench::case;
use tower_auth_bench::incoming::Issuer;
#[cfg(feature = "peers")]
use tower_auth_bench::resource_peers::JsonWebToken;
use tower_auth_core::jose::Algorithm;
use tower_auth_core::{IncomingCredential, RejectionKind, Verifier};

fn refuse(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("refuse");
    let issuer = Issuer::new(Algorithm::Rs256);
    let verifier = issuer.verifier();
    // Unknown keys are looked for where the issuer publishes its own, once.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let _entered = runtime.enter();
    let unknown = issuer.token_of_key("2019-01");
    let credential = IncomingCredential::bearer(&unknown);
    assert!(runtime.block_on(verifier.verify_credential(credential)).is_err());

    let (token, raw) = (issuer.token(0), issuer.raw_check());
    assert!(raw.accepts(&token));
    case(&mut group, "floor: signature check of a good token", || {
        let (raw, token) = (&raw, token.clone());
        move || assert!(black_box(raw.accepts(black_box(&token))))
    });
    #[cfg(feature = "peers")]
    let jsonwebtoken = JsonWebToken::new(&issuer);
    for (name, token, kind) in garbage(&issuer) {
        assert_eq!(refused(&verifier, &token), kind, "{name}");
        case(&mut group, &format!("ours: {name}"), || {
            let (verifier, token) = (&verifier, token.clone());
            move || {
                black_box(refused(verifier, black_box(&token)));
            }
        });
        // It knows no types of tokens.
        #[cfg(feature = "peers")]
        if kind != RejectionKind::WrongType {
            assert!(jsonwebtoken.decode_by_id(&token).is_none(), "{name}");
            case(&mut group, &format!("peer: jsonwebtoken, {name}"), || {
                let (jsonwebtoken, token) = (&jsonwebtoken, token.clone());
                move || assert!(black_box(jsonwebtoken.decode_by_id(black_box(&token)).is_none()))
            });
        }
    }
    group.finish();
}

fn garbage(issuer: &Issuer) -> Vec<(&'static str, String, RejectionKind)> {
    let good = issuer.token(0);
    let (two, _) = good.rsplit_once('.').unwrap();
    let payload = two.rsplit_once('.').unwrap().1;
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"at+jwt"}"#);
    let noise = URL_SAFE_NO_PAD.encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA512, good.as_bytes()));
    vec![
        ("no JWT", noise.repeat(8), RejectionKind::Malformed),
        ("two parts", two.to_owned(), RejectionKind::Malformed),
        ("five parts", format!("{good}.{payload}.{payload}"), RejectionKind::Malformed),
        ("`alg` is `none`", format!("{header}.{payload}."), RejectionKind::UnsupportedAlgorithm),
        ("unknown key", issuer.token_of_key("2019-01"), RejectionKind::UnknownKey),
        ("ID token", issuer.token_of_type("JWT"), RejectionKind::WrongType),
        ("for another service", issuer.token_for("https://billing.api.example.com"), RejectionKind::WrongAudience),
        ("1 MiB", format!("{good}{}", "A".repeat(1 << 20)), RejectionKind::Malformed),
    ]
}

fn refused(verifier: &Verifier, token: &str) -> RejectionKind {
    verifier.verify_credential(IncomingCredential::bearer(token)).into_result().unwrap_err().kind()
}

criterion_group!(benches, refuse);
criterion_main!(benches);
