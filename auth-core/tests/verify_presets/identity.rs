//! Keycloak, Auth0, Okta, Cognito.

use serde_json::{Value, json};
use tower_auth_core::jose::Algorithm;
use tower_auth_core::{JwtVerifier, Preset, RejectionKind};

use crate::support::*;
use crate::verify_support::*;

fn keycloak() -> Value {
    json!({
        "exp": NOW + 300, "iat": NOW, "auth_time": NOW - 10, "jti": "onrtac:9cc5a8f1-6e10-4a1e-9a06-6a8a1e6b1d3c",
        "iss": "https://sso.example.com/realms/shop", "aud": ["orders", "account"],
        "sub": "0b5ba3ec-44d4-4a53-b5a7-9d6e3f7a3f1e", "typ": "Bearer", "azp": "web", "sid": "5e0f", "acr": "1",
        "allowed-origins": ["https://shop.example.com"],
        "realm_access": {"roles": ["offline_access", "clerk"]},
        "resource_access": {"orders": {"roles": ["approve"]}, "account": {"roles": ["manage-account"]}},
        "scope": "openid email orders", "preferred_username": "alice",
    })
}

fn keycloak_issuer(client: Option<&str>) -> Issuer {
    let client: Vec<_> = client.map(|client| ("client", client)).into_iter().collect();
    let url = "https://sso.example.com/realms/shop";
    Issuer::new(
        JwtVerifier::issuer(url).unwrap().preset(Preset::Keycloak, &client).unwrap(),
        "orders",
        Algorithm::Rs256,
    )
}

// R9068-P1
#[test]
fn a_keycloak_token_has_roles_of_the_realm_and_of_our_client_if_that_is_named() {
    let issuer = keycloak_issuer(None);
    let verified = issuer.judge(Some("JWT"), &keycloak()).unwrap();
    assert_eq!((verified.client_id(), scopes(&verified)), (Some("web"), vec!["openid", "email", "orders"]));
    assert_eq!(roles(&verified), ["offline_access", "clerk"]);
    issuer.accepts_types(&[Some("JWT"), Some("at+jwt")], &keycloak());
    // A client of the realm that has other than its roles in the token gives none.
    let verified = keycloak_issuer(Some("orders")).judge(Some("JWT"), &keycloak()).unwrap();
    assert_eq!(roles(&verified), ["offline_access", "clerk", "approve"]);
    let odd = keycloak_issuer(Some("a/b~c"));
    let claims =
        with(keycloak(), "resource_access", json!({"a/b~c": {"roles": ["deep"]}, "a": {"b~c": {"roles": ["no"]}}}));
    assert_eq!(roles(&odd.judge(Some("JWT"), &claims).unwrap()), ["offline_access", "clerk", "deep"]);
}

// R8725-3.12a, THREAT-V7
#[test]
fn other_keycloak_tokens_are_told_by_the_type_in_their_claims() {
    let issuer = keycloak_issuer(None);
    for typ in ["ID", "Refresh", "Offline", "Logout", "bearer", ""] {
        let token = with(keycloak(), "typ", typ);
        assert_eq!(issuer.judge(Some("JWT"), &token).unwrap_err(), RejectionKind::WrongType, "{typ}");
    }
    assert_eq!(issuer.judge(Some("JWT"), &without(keycloak(), "typ")).unwrap_err(), RejectionKind::WrongType);
    assert_eq!(issuer.judge(Some("JWT"), &with(keycloak(), "at_hash", "x")).unwrap_err(), RejectionKind::WrongType);
    let id_token = with(with(keycloak(), "aud", "web"), "typ", "ID");
    assert!(issuer.explain(Some("JWT"), &id_token).contains(r#"the claim `typ` is "ID""#));
    // Until version 24 access tokens had the nonce of the login too.
    assert!(issuer.judge(Some("JWT"), &with(keycloak(), "nonce", "x")).is_ok());
    assert!(issuer.judge(Some("JWT"), &with(keycloak(), "typ", "DPoP")).is_ok(), "what binds it is judged elsewhere");
}

// THREAT-V8
#[test]
fn a_keycloak_token_of_another_realm_or_without_our_audience_is_refused() {
    let issuer = keycloak_issuer(None);
    for (claims, kind) in [
        (with(keycloak(), "iss", "https://sso.example.com/realms/master"), RejectionKind::UnknownIssuer),
        (with(keycloak(), "iss", "https://sso.example.com/auth/realms/shop"), RejectionKind::UnknownIssuer),
        (with(keycloak(), "aud", "account"), RejectionKind::WrongAudience),
        (without(keycloak(), "aud"), RejectionKind::WrongAudience),
        (with(keycloak(), "realm_access", json!({"roles": {"a": 1}})), RejectionKind::Malformed),
        (with(keycloak(), "exp", NOW - 100), RejectionKind::Expired),
    ] {
        assert_eq!(issuer.judge(Some("JWT"), &claims).unwrap_err(), kind, "{claims}");
    }
}

fn auth0() -> Value {
    json!({
        "iss": "https://my-domain.auth0.com/", "sub": "auth0|123456",
        "aud": ["https://example.com/health-api", "https://my-domain.auth0.com/userinfo"],
        "azp": "my_client_id", "exp": NOW + 1000, "iat": NOW, "scope": "openid profile read:patients",
        "permissions": ["read:patients", "read:admin"],
    })
}

// R9068-P1, THREAT-V7, THREAT-V8
#[test]
fn an_auth0_token_of_either_profile_is_accepted_and_an_id_token_is_not() {
    let issuer = Issuer::new(
        Preset::Auth0.issuer(&[("host", "my-domain.auth0.com")]).unwrap(),
        "https://example.com/health-api",
        Algorithm::Rs256,
    );
    let verified = issuer.judge(Some("JWT"), &auth0()).unwrap();
    assert_eq!((verified.client_id(), roles(&verified)), (Some("my_client_id"), vec!["read:patients", "read:admin"]));
    let rfc9068 = with(with(without(auth0(), "azp"), "client_id", "my_client_id"), "jti", "73WakrfVbNJBaAmhQtEeDv");
    let verified = issuer.judge(Some("at+jwt"), &rfc9068).unwrap();
    assert_eq!(
        (verified.client_id(), verified.jwt_id().as_deref()),
        (Some("my_client_id"), Some("73WakrfVbNJBaAmhQtEeDv"))
    );
    issuer.accepts_types(&[Some("JWT"), Some("at+jwt")], &auth0());

    let id_token = json!({
        "iss": "https://my-domain.auth0.com/", "sub": "auth0|123456", "aud": "my_client_id", "exp": NOW + 1000, "iat": NOW,
        "sid": "x", "name": "Jane Doe",
    });
    assert_eq!(issuer.judge(Some("JWT"), &id_token).unwrap_err(), RejectionKind::WrongAudience);
    let for_us = with(id_token, "aud", "https://example.com/health-api");
    assert_eq!(issuer.judge(Some("JWT"), &for_us).unwrap_err(), RejectionKind::MissingClaim);
    assert_eq!(issuer.judge(Some("JWT"), &with(auth0(), "nonce", "n")).unwrap_err(), RejectionKind::WrongType);
    let slashless = with(auth0(), "iss", "https://my-domain.auth0.com");
    assert_eq!(issuer.judge(Some("JWT"), &slashless).unwrap_err(), RejectionKind::UnknownIssuer);
    assert!(Preset::Auth0.issuer(&[("host", "login.example.com")]).is_ok(), "custom domains");
}

fn okta() -> Value {
    json!({
        "ver": 1, "jti": "AT.xtjhr8FeMkyMfgLiFzVYOYPbgqWdd6ONULT3ffeK7d4", "iss": "https://example.okta.com/oauth2/default",
        "aud": "api://default", "iat": NOW, "exp": NOW + 3600, "cid": "0oaosna3ilNxgPTmk0h7", "uid": "00uixa271s6x7qt8I0h7",
        "scp": ["openid", "orders"], "auth_time": NOW - 100, "sub": "joe.smith@example.com", "groups": ["Everyone", "Clerks"],
    })
}

// R9068-P1, THREAT-V7, THREAT-V8
#[test]
fn an_okta_token_of_a_custom_server_is_accepted_and_an_id_token_is_not() {
    let issuer = Issuer::new(
        Preset::Okta.issuer(&[("host", "example.okta.com"), ("server", "default")]).unwrap(),
        "api://default",
        Algorithm::Rs256,
    );
    let verified = issuer.judge(None, &okta()).unwrap();
    assert_eq!((verified.client_id(), scopes(&verified)), (Some("0oaosna3ilNxgPTmk0h7"), vec!["openid", "orders"]));
    assert_eq!(roles(&verified), ["Everyone", "Clerks"]);
    issuer.accepts_types(&[None, Some("JWT"), Some("at+jwt"), Some("okta-internal-at+jwt")], &okta());
    let id_token = json!({
        "ver": 1, "jti": "ID.4eAWJOCMB3SX8XewDfVR", "iss": "https://example.okta.com/oauth2/default", "aud": "api://default",
        "iat": NOW, "exp": NOW + 3600, "sub": "00uixa271s6x7qt8I0h7", "amr": ["pwd"], "idp": "00o1", "auth_time": NOW,
    });
    assert_eq!(issuer.judge(None, &id_token).unwrap_err(), RejectionKind::MissingClaim);
    assert_eq!(
        issuer.judge(None, &with(okta(), "aud", "0oaosna3ilNxgPTmk0h7")).unwrap_err(),
        RejectionKind::WrongAudience
    );
    let org = with(okta(), "iss", "https://example.okta.com");
    assert_eq!(issuer.judge(None, &org).unwrap_err(), RejectionKind::UnknownIssuer);
    let error = JwtVerifier::issuer("https://example.okta.com").unwrap().preset(Preset::Okta, &[]).unwrap_err();
    assert!(error.to_string().contains("introspection"), "{error}");
}

fn cognito() -> Value {
    json!({
        "sub": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", "device_key": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
        "cognito:groups": ["admin"], "token_use": "access", "scope": "aws.cognito.signin.user.admin orders/read", "auth_time": NOW,
        "iss": "https://cognito-idp.us-west-2.amazonaws.com/us-west-2_example", "exp": NOW + 3600, "iat": NOW,
        "origin_jti": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", "jti": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
        "client_id": "57cbishk4j24pabc1234567890", "username": "janedoe@example.com",
    })
}

// R9068-P1, R8725-3.12a, THREAT-V7, THREAT-V8
#[test]
fn a_cognito_token_is_for_its_app_client_unless_it_names_a_resource() {
    let issuer = Issuer::new(
        Preset::Cognito.issuer(&[("region", "us-west-2"), ("pool", "us-west-2_example")]).unwrap(),
        "57cbishk4j24pabc1234567890",
        Algorithm::Rs256,
    );
    let verified = issuer.judge(None, &cognito()).unwrap();
    assert_eq!((verified.client_id(), roles(&verified)), (Some("57cbishk4j24pabc1234567890"), vec!["admin"]));
    assert!(verified.has_scope("orders/read"));
    issuer.accepts_types(&[None, Some("JWT")], &cognito());
    for (claims, kind) in [
        (with(cognito(), "client_id", "another"), RejectionKind::WrongAudience),
        // A resource that is named counts, and not the client beside it.
        (with(cognito(), "aud", "https://api.example.com"), RejectionKind::WrongAudience),
        (with(cognito(), "aud", json!([])), RejectionKind::WrongAudience),
        (with(cognito(), "token_use", "id"), RejectionKind::WrongType),
        (without(cognito(), "token_use"), RejectionKind::WrongType),
        (with(cognito(), "token_use", json!(["access"])), RejectionKind::WrongType),
        (without(cognito(), "client_id"), RejectionKind::WrongAudience),
        (
            with(cognito(), "iss", "https://cognito-idp.us-west-2.amazonaws.com/us-west-2_other"),
            RejectionKind::UnknownIssuer,
        ),
    ] {
        assert_eq!(issuer.judge(None, &claims).unwrap_err(), kind, "{claims}");
    }
    // The ID token of the same client is for it by `aud`.
    let id_token = json!({
        "sub": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", "aud": "57cbishk4j24pabc1234567890", "token_use": "id", "auth_time": NOW,
        "iss": "https://cognito-idp.us-west-2.amazonaws.com/us-west-2_example", "cognito:username": "janedoe",
        "exp": NOW + 3600, "iat": NOW,
    });
    assert_eq!(issuer.judge(None, &id_token).unwrap_err(), RejectionKind::WrongType);
    assert!(issuer.judge(None, &with(cognito(), "aud", "57cbishk4j24pabc1234567890")).is_ok());
}
