use serde_json::{Value, json};
use tower_auth_core::jose::Algorithm;
use tower_auth_core::{JwtVerifier, Preset, RejectionKind};

use crate::support::*;
use crate::verify_support::*;

const TENANT: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";
const OTHER: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";
const API: &str = "6e74172b-be56-4843-9ff4-e66a39bb12e3";
const CLIENT: &str = "5d1b6a2f-0b7d-4f0e-8a55-1f6c1d1f3c77";

fn v2() -> Issuer {
    Issuer::new(Preset::EntraV2.issuer(&[("tenant", TENANT)]).unwrap(), API, Algorithm::Rs256)
}

/// A user's access token of version 2.0.
fn user() -> Value {
    json!({
        "aud": API, "iss": format!("https://login.microsoftonline.com/{TENANT}/v2.0"),
        "iat": NOW, "nbf": NOW, "exp": NOW + 4000, "aio": "AXQAi/8IAAAA",
        "azp": CLIENT, "azpacr": "0", "name": "Abe Lincoln", "oid": "690222be-ff1a-4d56-abd1-7e4f7d38e474",
        "preferred_username": "abeli@example.com", "rh": "I", "scp": "orders.read orders.write", "roles": ["Reader"],
        "sub": "HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ", "tid": TENANT, "uti": "fqiBqXLPj0eQa82S-IYFAA", "ver": "2.0",
    })
}

// R9068-P1, THREAT-V8
#[test]
fn an_entra_token_of_version_2_tells_scopes_roles_and_client() {
    let issuer = v2();
    let verified = issuer.judge(Some("JWT"), &user()).unwrap();
    assert_eq!(verified.subject(), "HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ");
    assert_eq!(verified.client_id(), Some(CLIENT));
    assert_eq!((scopes(&verified), roles(&verified)), (vec!["orders.read", "orders.write"], vec!["Reader"]));
    assert!(verified.claim("oid").unwrap().is("690222be-ff1a-4d56-abd1-7e4f7d38e474"));
    issuer.accepts_types(&[Some("JWT")], &user());
    // An application for itself: no scope, but roles.
    let app = without(with(user(), "roles", json!(["Orders.ReadWrite.All"])), "scp");
    let verified = issuer.judge(Some("JWT"), &app).unwrap();
    assert_eq!((scopes(&verified), roles(&verified)), (vec![], vec!["Orders.ReadWrite.All"]));
}

// R8725-3.12a, THREAT-V7
#[test]
fn an_entra_id_token_is_no_access_token_even_where_api_and_client_are_one_application() {
    let issuer = v2();
    let id_token = json!({
        "ver": "2.0", "iss": format!("https://login.microsoftonline.com/{TENANT}/v2.0"), "aud": API,
        "sub": "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ", "exp": NOW + 4000, "iat": NOW, "nbf": NOW,
        "name": "Abe Lincoln", "preferred_username": "abeli@example.com", "oid": "690222be-ff1a-4d56-abd1-7e4f7d38e474",
        "tid": TENANT, "roles": ["Reader"], "aio": "Df2UVXL1ix",
    });
    assert_eq!(issuer.judge(Some("JWT"), &id_token).unwrap_err(), RejectionKind::MissingClaim);
    assert!(issuer.explain(Some("JWT"), &id_token).contains("`azp`"));
    for marker in ["nonce", "at_hash", "c_hash"] {
        let token = with(with(id_token.clone(), marker, "123523"), "azp", CLIENT);
        assert_eq!(issuer.judge(Some("JWT"), &token).unwrap_err(), RejectionKind::WrongType, "{marker}");
    }
}

// R8725-3.8a, R8725-3.9a, THREAT-V8
#[test]
fn an_entra_token_of_another_tenant_or_for_another_api_is_refused() {
    let issuer = v2();
    for (claims, kind) in [
        (with(user(), "aud", "00000003-0000-0000-c000-000000000000"), RejectionKind::WrongAudience),
        (with(user(), "aud", format!("api://{API}")), RejectionKind::WrongAudience),
        (with(user(), "iss", format!("https://login.microsoftonline.com/{OTHER}/v2.0")), RejectionKind::UnknownIssuer),
        (with(user(), "iss", format!("https://sts.windows.net/{TENANT}/")), RejectionKind::UnknownIssuer),
        (with(user(), "tid", OTHER), RejectionKind::UnknownIssuer),
        (without(user(), "tid"), RejectionKind::UnknownIssuer),
        (with(user(), "tid", json!([TENANT])), RejectionKind::UnknownIssuer),
        (with(user(), "exp", NOW - 100), RejectionKind::Expired),
        (without(user(), "sub"), RejectionKind::MissingClaim),
        (with(user(), "roles", json!([1])), RejectionKind::Malformed),
    ] {
        assert_eq!(issuer.judge(Some("JWT"), &claims).unwrap_err(), kind, "{claims}");
    }
}

// R9068-P1, THREAT-V7, THREAT-V8
#[test]
fn an_entra_token_of_version_1_has_its_own_issuer_and_names_its_client_otherwise() {
    let issuer = Issuer::new(Preset::EntraV1.issuer(&[("tenant", TENANT)]).unwrap(), "api://orders", Algorithm::Rs256);
    let claims = json!({
        "aud": "api://orders", "iss": format!("https://sts.windows.net/{TENANT}/"), "iat": NOW, "nbf": NOW, "exp": NOW + 4000,
        "acr": "1", "amr": ["pwd"], "appid": CLIENT, "appidacr": "1", "idp": format!("https://sts.windows.net/{TENANT}/"),
        "oid": "690222be-ff1a-4d56-abd1-7e4f7d38e474", "scp": "user_impersonation", "sub": "l3roISQU222bULS9yi2k0XpqpOiMz5H3ZACo1GeXA",
        "tid": TENANT, "uti": "fqiBqXLPj0eQa82S-IYFAA", "ver": "1.0",
    });
    let verified = issuer.judge(Some("JWT"), &claims).unwrap();
    assert_eq!((verified.client_id(), scopes(&verified)), (Some(CLIENT), vec!["user_impersonation"]));
    assert_eq!((verified.acr().as_deref(), verified.amr()), (Some("1"), vec!["pwd".into()]));
    assert_eq!(issuer.judge(Some("JWT"), &without(claims.clone(), "appid")).unwrap_err(), RejectionKind::MissingClaim);
    assert_eq!(
        issuer.judge(Some("JWT"), &with(claims.clone(), "tid", OTHER)).unwrap_err(),
        RejectionKind::UnknownIssuer
    );
    let v2 = with(claims, "iss", format!("https://login.microsoftonline.com/{TENANT}/v2.0"));
    assert_eq!(issuer.judge(Some("JWT"), &v2).unwrap_err(), RejectionKind::UnknownIssuer);
}

// THREAT-V8
#[test]
fn other_clouds_of_entra_have_issuers_of_their_own() {
    for url in [
        format!("https://login.microsoftonline.us/{TENANT}/v2.0"),
        format!("https://login.partner.microsoftonline.cn/{TENANT}/v2.0"),
        format!("https://{TENANT}.ciamlogin.com/{TENANT}/v2.0"),
    ] {
        let builder = JwtVerifier::issuer(&url).unwrap().preset(Preset::EntraV2, &[]).unwrap();
        let issuer = Issuer::new(builder, API, Algorithm::Rs256);
        assert!(issuer.judge(Some("JWT"), &with(user(), "iss", url.as_str())).is_ok(), "{url}");
        assert_eq!(issuer.judge(Some("JWT"), &user()).unwrap_err(), RejectionKind::UnknownIssuer);
    }
    for url in [
        format!("https://{OTHER}.ciamlogin.com/{TENANT}/v2.0"),
        format!("https://login.microsoftonline.com/{TENANT}"),
        format!("https://login.microsoftonline.com/{TENANT}/v2.0/"),
        format!("https://login.microsoftonline.com.evil.example/{TENANT}/v2.0"),
        "https://login.microsoftonline.com/common/v2.0".to_owned(),
        "https://login.microsoftonline.com/contoso.onmicrosoft.com/v2.0".to_owned(),
    ] {
        assert!(JwtVerifier::issuer(&url).unwrap().preset(Preset::EntraV2, &[]).is_err(), "{url}");
    }
}
