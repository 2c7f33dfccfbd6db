//! A corpus of hostile tokens, made by rules from good ones: none is accepted, none makes anything panic.
//!
//! Most of them are signed by the right key, so that the one rule they break is all that stands against them. A mutant
//! that still means the same as a good token is never made; the last test accepts samples of those.
#![cfg(feature = "jwt")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod hostile_support;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use tower_auth_core::IncomingCredential;
use tower_auth_core::jose::{Algorithm, SigningKey};

use self::hostile_support::*;

// R7519-4.1a, R9068-2.2a, R9068-4a, R7515-4.1.11a, THREAT-V1, THREAT-V5, THREAT-V6, THREAT-V7, THREAT-V9
#[test]
fn no_token_without_a_member_or_with_one_of_the_wrong_type_is_accepted() {
    const TEXT: &str = r#"0 1.5 true false null [] ["x"] ["x","y"] {} {"x":"y"}"#;
    const LIST: &str = r#"0 true null {} {"orders":1} [1] [null] ["orders",1] [1,"orders"] [["orders"]] [{}] [true]"#;
    const DATE: &str = r#""1767226200" "" true null [] [1767226200] {} -1 -0.5 -1767226200 1e400 -1e400 253402300800 1e300
        18446744073709551616 NaN Infinity 0x7fffffff 01767226200 +1767226200"#;
    const BINDING: &str = r#"null "x" [] 1 true {} {"jkt":"x"} {"jkt":1} {"x5t#S256":"x"} {"jwk":{}} {"kid":"k1"} {"jkt":null}
        {"":""}"#;
    const ANY: &str = r#"null "" "x" 0 true [] ["x"] {} {"x":{}}"#;
    const CRITICAL: &str = r#"null "exp" 0 true {} [] [1] [null] ["exp"] ["b64"] ["alg"] [""] [[]]"#;
    const UNENCODED: &str = r#"false null 0 1 "true" "false" [] {}"#;
    let mut corpus = Corpus::default();
    for family in &WORLD.families {
        for name in family.required {
            corpus.refuse(family.with_claims(&without(family.claims(), name)));
        }
        for name in RFC9068.iter().filter(|name| family.required.contains(name) && !["exp", "iat"].contains(name)) {
            corpus.refuse(family.with_claims(&with(family.claims(), name, "\"\"")));
        }
        for (names, values) in [
            (&["iss", "sub", "jti", "client_id", "azp"][..], TEXT),
            (&["aud", "scope", "scp"], LIST),
            (&["exp", "nbf", "iat"], DATE),
            (&["cnf"], BINDING),
            (&["nonce", "at_hash", "c_hash", "events", "htm", "htu"], ANY),
        ] {
            for (name, value) in names.iter().flat_map(|name| values.split_whitespace().map(move |value| (name, value)))
            {
                corpus.refuse(family.with_claims(&with(family.claims(), name, value)));
            }
        }
        corpus.refuse(family.with_claims(&with(family.claims(), "aud", "[]")));
        let needed = ["alg"].into_iter().chain(family.has_kid.then_some("kid"));
        for name in needed.chain((family.typ == "at+jwt").then_some("typ")) {
            corpus.refuse(family.with_header(&without(family.header(), name)));
        }
        for (names, values) in [(&["alg", "kid", "typ", "cty"][..], TEXT), (&["crit"], CRITICAL), (&["b64"], UNENCODED)]
        {
            for (name, value) in names.iter().flat_map(|name| values.split_whitespace().map(move |value| (name, value)))
            {
                corpus.refuse(family.with_header(&with(family.header(), name, value)));
            }
        }
    }
    corpus.has_at_least(1_400);
}

// R7515-4a, R7519-4a, THREAT-A5
#[test]
fn no_token_with_a_member_given_twice_is_accepted() {
    let mut corpus = Corpus::default();
    for family in &WORLD.families {
        for (whole, is_header) in [(family.header(), true), (family.claims(), false)] {
            for (at, (name, value)) in whole.iter().enumerate() {
                for spelling in spellings(name) {
                    for (place, value) in
                        [0, at, at + 1, whole.len()].into_iter().flat_map(|p| [(p, &**value), (p, "null")])
                    {
                        let mut twice = whole.clone();
                        twice.insert(place, (spelling.clone(), value.to_owned()));
                        corpus.refuse(if is_header { family.with_header(&twice) } else { family.with_claims(&twice) });
                    }
                }
            }
        }
        for nested in
            ["{\"a\":1,\"a\":1}", "{\"a\":1,\"\\u0061\":2}", "[[{\"a\":{\"b\":1,\"b\":1}}]]", "{\"\":1,\"\":1}"]
        {
            corpus.refuse(family.with_claims(&with(family.claims(), "tenant", nested)));
            corpus.refuse(family.with_header(&with(family.header(), "x", nested)));
        }
    }
    corpus.has_at_least(2_500);
}

// R7519-4.1.3a, R8725-3.2a, R8725-3.10a, R9068-4b, THREAT-V1, THREAT-V4, THREAT-V8
#[test]
fn no_token_with_a_name_or_value_near_the_right_one_is_accepted() {
    let mut corpus = Corpus::default();
    for family in &WORLD.families {
        for name in family.required {
            for other in cases(name).into_iter().chain(near(name)) {
                corpus.refuse(family.with_claims(&renamed(family.claims(), name, &other)));
            }
        }
        let ids = if family.has_kid { &["alg", "kid", "typ"][..] } else { &["alg", "typ"] };
        for name in ids {
            // Without a type a token is generic, and rightly accepted as that.
            if *name != "typ" || family.typ == "at+jwt" {
                for other in cases(name).into_iter().chain(near(name)) {
                    corpus.refuse(family.with_header(&renamed(family.header(), name, &other)));
                }
            }
            let value = family.header().into_iter().find(|(own, _)| *own == quoted(name)).unwrap().1;
            // The type of a token is compared without case.
            let flipped = if *name == "typ" { Vec::new() } else { cases(value.trim_matches('"')) };
            for other in near(value.trim_matches('"')).into_iter().chain(flipped) {
                corpus.refuse(family.with_header(&with(family.header(), name, &quoted(&other))));
            }
        }
        for (name, value) in [("iss", family.issuer), ("aud", "orders")] {
            for other in near(value).into_iter().chain(cases(value).into_iter().take(64)) {
                corpus.refuse(family.with_claims(&with(family.claims(), name, &quoted(&other))));
            }
        }
        for typ in
            ["dpop+jwt", "logout+jwt", "secevent+jwt", "oauth-authz-req+jwt", "client-authentication+jwt", "rt+jwt"]
        {
            for prefix in ["", "application/", "APPLICATION/", "application/application/", "text/"] {
                corpus.refuse(family.with_header(&with(family.header(), "typ", &quoted(&format!("{prefix}{typ}")))));
            }
        }
    }
    corpus.has_at_least(5_500);
}

// R7519-4.1.4a, THREAT-V6
#[test]
fn no_token_beyond_its_time_is_accepted() {
    let mut corpus = Corpus::default();
    for family in &WORLD.families {
        for seconds in (0..100).chain((2..24).map(|power| 1 << power)) {
            for (name, value) in [
                ("exp", format!("{}", NOW - 60 - seconds)),
                ("exp", format!("{}.25", NOW - 61 - seconds)),
                ("nbf", format!("{}", NOW + 61 + seconds)),
                ("nbf", format!("{}.5", NOW + 60 + seconds)),
                ("iat", format!("{}", NOW + 61 + seconds)),
                ("iat", format!("{}.5", NOW + 60 + seconds)),
            ] {
                corpus.refuse(family.with_claims(&with(family.claims(), name, &value)));
            }
        }
        for never in ["0", "-0", "0.0", "1", "1e-400", "1e0", "1.7e9", "1767225.5e3"] {
            corpus.refuse(family.with_claims(&with(family.claims(), "exp", never)));
        }
    }
    corpus.has_at_least(3_000);
}

// R7515-4a, R7515-2a, THREAT-A1, THREAT-A5
#[test]
fn no_token_with_broken_or_oversized_json_is_accepted() {
    let mut corpus = Corpus::default();
    for family in &WORLD.families {
        let (header, claims) = (object(&family.header()), object(&family.claims()));
        for broken in broken(&header) {
            corpus.refuse(family.sign(broken, &claims));
        }
        for broken in broken(&claims) {
            corpus.refuse(family.sign(&header, broken));
        }
        let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        corpus.refuse(family.sign(utf16(&header), &claims));
        corpus.refuse(family.sign(&header, utf16(&claims)));
        for wrong in [
            "",
            "[]",
            "null",
            "\"x\"",
            "1",
            "true",
            &format!("[{claims}]"),
            &quoted(&claims),
            &format!("{claims}{claims}"),
        ] {
            corpus.refuse(family.sign(&header, wrong));
            corpus.refuse(family.sign(wrong, &claims));
        }
        for levels in 16..80 {
            for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[{\"a\":", "}]")] {
                let deep = format!("{}1{}", open.repeat(levels), close.repeat(levels));
                corpus.refuse(family.with_claims(&with(family.claims(), "deep", &deep)));
                corpus.refuse(family.with_header(&with(family.header(), "deep", &deep)));
            }
        }
        for len in (8_200..8_400).step_by(20).chain([20_000, 200_000]) {
            for name in ["iss", "sub", "aud", "jti", "client_id", "scope", "other"] {
                corpus.refuse(family.with_claims(&with(family.claims(), name, &quoted(&"x".repeat(len)))));
            }
        }
        for (name, len) in
            [("kid", 257), ("kid", 1_024), ("typ", 2_049), ("cty", 2_049), ("kid", 3_000), ("other", 4_000)]
        {
            corpus.refuse(family.with_header(&with(family.header(), name, &quoted(&"k".repeat(len)))));
        }
    }
    corpus.has_at_least(6_000);
}

// R7515-2a, R7515-5.2a, R8725bis-a
#[test]
fn no_token_that_was_changed_after_it_was_signed_is_accepted() {
    let mut corpus = Corpus::default();
    for family in WORLD.families.iter().filter(|family| family.required == RFC9068) {
        let good = family.good();
        for at in 0..good.len() {
            for bit in 0..7 {
                let mut bytes = good.to_owned().into_bytes();
                bytes[at] ^= 1 << bit;
                corpus.refuse(String::from_utf8(bytes).unwrap());
            }
            corpus.refuse(good[..at].to_owned());
            corpus.refuse(good[at + 1..].to_owned());
        }
        for at in 0..=good.len() {
            for inserted in ["=", " ", "+", "\n", ".", "%41", "\0", "\u{200b}"] {
                corpus.refuse(format!("{}{inserted}{}", &good[..at], &good[at..]));
            }
        }
        for (at, part) in good.split('.').enumerate() {
            let whole: Vec<&str> = good.split('.').collect();
            let bytes = URL_SAFE_NO_PAD.decode(part).unwrap();
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            for other in [
                format!("{part}="),
                format!("{part}=="),
                format!("{part}==="),
                URL_SAFE_NO_PAD.encode(part),
                hex,
                String::new(),
            ] {
                let mut parts = whole.clone();
                parts[at] = &other;
                corpus.refuse(parts.join("."));
            }
        }
        corpus.refuse(good.to_ascii_lowercase());
        corpus.refuse(good.to_ascii_uppercase());
        corpus.refuse(format!("Bearer {good}"));
        corpus.refuse(format!("{good},{good}"));
    }
    corpus.has_at_least(18_000);
}

// R7518-3.4a, R7515-5.2a
#[test]
fn no_signature_that_was_cut_flipped_or_made_up_is_accepted() {
    let mut corpus = Corpus::default();
    for family in &WORLD.families {
        let good = family.good();
        let (input, signature) = good.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let mut refuse = |signature: &[u8]| corpus.refuse(format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature)));
        for len in 0..signature.len() {
            refuse(&signature[..len]);
            refuse(&signature[len + 1..]);
            for bit in 0..8 {
                let mut flipped = signature.clone();
                flipped[len] ^= 1 << bit;
                refuse(&flipped);
            }
            for byte in [0, 0xff] {
                refuse(&[&signature[..len], &[byte], &signature[len..]].concat());
                // A byte that was 0 or 255 already would change nothing.
                if signature[len] != byte {
                    refuse(&[&signature[..len], &[byte], &signature[len + 1..]].concat());
                }
            }
        }
        let (r, s) = signature.split_at(signature.len() / 2);
        let zero = vec![0; r.len()];
        for made_up in [[s, r], [r, r], [s, s], [r, &zero], [&zero, s], [&zero, &zero]] {
            refuse(&made_up.concat());
        }
        for len in 0..140 {
            for byte in [0, 1, 0x30, 0x7f, 0xff] {
                refuse(&vec![byte; len]);
            }
        }
        refuse(STANDARD.encode(&signature).as_bytes());
        refuse(&signature.repeat(2));
    }
    corpus.has_at_least(6_000);
}

// R8725-3.1a, R8725-3.8a, R8725-3.10a, THREAT-V1, THREAT-V2, THREAT-V3, THREAT-V8
#[test]
fn no_algorithm_with_the_key_of_another_is_accepted() {
    const UNKNOWN: &str = r#"none None NONE nOnE ES256K ES257 RS1 HS1 HS256/64 A128GCM dir RSA-OAEP ECDH-ES Ed448"#;
    let foreign: Vec<SigningKey> = Algorithm::ALL
        .iter()
        .filter(|one| !one.is_rsa() || **one == Algorithm::Rs256)
        .map(|one| SigningKey::generate(*one).unwrap())
        .collect();
    let names: Vec<&str> = Algorithm::ALL
        .iter()
        .map(|one| one.name())
        .chain(["Ed25519"])
        .chain(UNKNOWN.split_whitespace().chain([""]))
        .collect();
    let mut corpus = Corpus::default();
    for family in &WORLD.families {
        let claims = object(&family.claims());
        let public = family.signer.public_jwk(Some("k1")).unwrap_or_else(|_| "{\"kty\":\"oct\",\"k\":\"\"}".to_owned());
        let documents = [
            public.clone(),
            format!("{public}\n"),
            format!("{{\"keys\":[{public}]}}"),
            "k1".to_owned(),
            String::new(),
            family.issuer.to_owned(),
        ];
        for alg in &names {
            let own = Algorithm::from_name(alg) == Ok(family.signer.algorithm());
            let header = object(&with(family.header(), "alg", &quoted(alg)));
            for other in WORLD.families.iter().filter(|other| !(own && other.issuer == family.issuer)) {
                corpus.refuse(signed(header.as_bytes(), claims.as_bytes(), |input| {
                    other.signer.sign_bytes(input).unwrap()
                }));
            }
            for key in &foreign {
                corpus.refuse(signed(header.as_bytes(), claims.as_bytes(), |input| key.sign_bytes(input).unwrap()));
            }
            for (document, hash) in
                documents.iter().flat_map(|one| [hmac::HMAC_SHA256, hmac::HMAC_SHA512].map(|hash| (one, hash)))
            {
                let key = hmac::Key::new(hash, document.as_bytes());
                corpus.refuse(signed(header.as_bytes(), claims.as_bytes(), |input| {
                    hmac::sign(&key, input).as_ref().to_vec()
                }));
            }
            corpus.refuse(signed(header.as_bytes(), claims.as_bytes(), |_| Vec::new()));
        }
        for key in &foreign {
            let jwk = key.public_jwk(Some("k1")).unwrap_or_else(|_| "{\"kty\":\"oct\",\"k\":\"AAAA\"}".to_owned());
            for kid in ["k1", "k2", "k3", "", "https://evil.example/keys", "../../k1", "k1' OR '1'='1"] {
                for (name, value) in [
                    ("jwk", &*jwk),
                    ("jku", "\"https://evil.example/keys\""),
                    ("x5u", "\"https://evil.example\""),
                    ("x5c", "[\"MIIB\"]"),
                ] {
                    let header =
                        with(with(family.header(), "alg", &quoted(key.algorithm().name())), "kid", &quoted(kid));
                    let header = object(&with(header, name, value));
                    corpus.refuse(signed(header.as_bytes(), claims.as_bytes(), |input| key.sign_bytes(input).unwrap()));
                }
            }
        }
    }
    corpus.has_at_least(4_000);
}

// R7515-5.2a, R8725-3.8a, THREAT-V8, THREAT-K2
#[test]
fn no_token_put_together_from_parts_of_others_is_accepted() {
    let mut corpus = Corpus::default();
    // No two have a part in common, so that only a token whose parts are all of one is good.
    let tokens: Vec<(&Family, Vec<String>)> = (0..2)
        .flat_map(|n| WORLD.families.iter().map(move |family| (family, n)))
        .map(|(family, n)| {
            let header = object(&with(family.header(), "x", &quoted(&format!("{n} {}", family.issuer))));
            let token = family.sign(header, object(&with(family.claims(), "n", &n.to_string())));
            (family, token.split('.').map(str::to_owned).collect())
        })
        .collect();
    for (a, (_, header)) in tokens.iter().enumerate() {
        for (b, (family, payload)) in tokens.iter().enumerate() {
            for (c, (_, signature)) in tokens.iter().enumerate() {
                if !(a == b && b == c) {
                    corpus.refuse(format!("{}.{}.{}", header[0], payload[1], signature[2]));
                }
            }
            // Signed anew, by the key of one issuer for the claims of another.
            if tokens[a].0.issuer != family.issuer {
                let input = format!("{}.{}", header[0], payload[1]);
                let signature = tokens[a].0.signer.sign_bytes(input.as_bytes()).unwrap();
                corpus.refuse(format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature)));
            }
        }
        let [h, p, s] = &header[..] else { panic!("three parts") };
        for order in [[h, s, p], [p, h, s], [p, s, h], [s, h, p], [s, p, h], [h, h, s], [h, p, p], [p, p, s], [h, p, h]]
        {
            corpus.refuse(order.map(String::as_str).join("."));
        }
        for joined in [
            format!("{h}.{p}"),
            format!("{h}.{p}."),
            format!(".{p}.{s}"),
            format!("{h}..{s}"),
            format!("{h}.{p}.{s}.{s}"),
            format!("{h}.{h}.{p}.{s}"),
            format!("{h}{p}{s}"),
            format!("{h}.{p}..{s}"),
            "..".to_owned(),
        ] {
            corpus.refuse(joined);
        }
        corpus.refuse(format!("{{\"payload\":\"{p}\",\"protected\":\"{h}\",\"signature\":\"{s}\"}}"));
        corpus.refuse(format!(
            "{{\"payload\":\"{p}\",\"signatures\":[{{\"protected\":\"{h}\",\"signature\":\"{s}\"}}]}}"
        ));
    }
    corpus.has_at_least(1_200);
}

// R7519-4.1a, R8725-3.11a, R9864-a
#[test]
fn tokens_that_mean_the_same_as_a_good_one_are_accepted() {
    for family in &WORLD.families {
        let claims = family.claims();
        let mut same = vec![
            family.good().to_owned(),
            family.sign(object(&family.header()), object(&claims).replace(',', " ,\r\n\t")),
            family.with_claims(&claims.iter().rev().cloned().collect()),
            family.with_claims(&with(claims.clone(), "aud", "[\"other\",\"\\u006frders\"]")),
            family.with_claims(&with(claims.clone(), "ISS", "1")),
            family.with_claims(&with(claims.clone(), "exp", &format!("{}", NOW - 59))),
            family.with_claims(&with(claims.clone(), "nbf", &format!("{}.0", NOW + 60))),
            family.with_header(&with(family.header(), "b64", "true")),
            family.with_header(&with(family.header(), "jku", "\"https://evil.example/keys\"")),
            family.with_header(&with(
                family.header(),
                "typ",
                &quoted(&format!("APPLICATION/{}", family.typ.to_ascii_uppercase())),
            )),
        ];
        if family.signer.algorithm() == Algorithm::EdDsa {
            same.push(family.with_header(&with(family.header(), "alg", "\"Ed25519\"")));
        }
        same.extend(
            claims.iter().flat_map(|(name, _)| spellings(name).into_iter().map(move |other| (name, other))).map(
                |(name, other)| {
                    let rewritten = claims
                        .iter()
                        .map(|(own, value)| (if own == name { other.clone() } else { own.clone() }, value.clone()));
                    family.with_claims(&rewritten.collect())
                },
            ),
        );
        for token in same {
            for verifier in &WORLD.verifiers {
                let outcome = verifier.verify_credential(IncomingCredential::bearer(&token)).into_result();
                assert!(outcome.is_ok(), "{outcome:?}: {}", readable(&token));
            }
        }
    }
}
