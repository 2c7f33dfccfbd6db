//! Every kind of JWT that is no access token, against every way to say what one is.

use serde_json::{Value, json};
use tower_auth_core::jose::Algorithm;
use tower_auth_core::{JwtVerifier, Preset, Profile, RejectionKind};

use crate::support::*;
use crate::verify_support::*;

const TENANT: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";

/// Each way, with the issuer that it is for.
fn ways() -> Vec<(String, &'static str, JwtVerifier)> {
    let profiles = [Profile::Rfc9068, Profile::Generic];
    let mut ways: Vec<_> = profiles
        .map(|profile| (format!("{profile:?}"), ISSUER, JwtVerifier::issuer(ISSUER).unwrap().profile(profile)))
        .into();
    for preset in Preset::ALL {
        let (url, parameters): (&'static str, &[(&str, &str)]) = match preset {
            Preset::EntraV1 => ("https://sts.windows.net/72f988bf-86f1-41af-91ab-2d7cd011db47/", &[]),
            Preset::EntraV2 => ("https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0", &[]),
            Preset::Keycloak => ("https://sso.example.com/realms/shop", &[]),
            Preset::Auth0 => ("https://a.auth0.com/", &[]),
            Preset::Okta => ("https://a.okta.com/oauth2/default", &[]),
            Preset::Cognito => ("https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_A", &[]),
            Preset::Google => ("https://accounts.google.com", &[("service_account", "*")]),
            Preset::GoogleIap => ("https://cloud.google.com/iap", &[]),
            Preset::GithubActions => ("https://token.actions.githubusercontent.com", &[("owner", "*")]),
            Preset::GitlabCi => ("https://gitlab.com", &[("namespace", "*")]),
            Preset::Kubernetes => ("https://kubernetes.default.svc", &[]),
            Preset::Spiffe => ("https://spire.example.org", &[("trust_domain", "*")]),
            other => panic!("{other} is not in the matrix"),
        };
        let builder = JwtVerifier::issuer(url).unwrap().preset(*preset, parameters).unwrap();
        ways.push((preset.to_string(), url, builder.algorithms([Algorithm::Es256])));
    }
    ways
}

/// What every preset demands of one access token or another, so that nothing but the kind tells these tokens apart.
fn everything(issuer: &str) -> Value {
    json!({
        "iss": issuer, "sub": "s", "aud": "orders", "exp": NOW + 600, "iat": NOW, "jti": "j", "client_id": "c", "azp": "c",
        "appid": "c", "cid": "c", "tid": TENANT, "scope": "a", "email": "a@b", "email_verified": true, "repository": "r",
        "run_id": "1", "project_path": "p", "job_id": "1", "kubernetes.io": {"namespace": "n", "serviceaccount": {"name": "n"}},
    })
}

// R8725-3.12a, THREAT-V7
#[test]
fn no_other_kind_of_jwt_passes_for_an_access_token() {
    for (way, url, builder) in ways() {
        let issuer = Issuer::new(builder, "orders", Algorithm::Es256);
        let all = |changes: Value| {
            let mut claims = everything(url);
            for (name, value) in changes.as_object().unwrap() {
                claims[name] = value.clone();
            }
            claims
        };
        let id_token = all(json!({"nonce": "n", "at_hash": "h", "auth_time": NOW, "token_use": "id", "typ": "ID"}));
        let logout = all(json!({
            "events": {"http://schemas.openid.net/event/backchannel-logout": {}}, "sid": "x", "token_use": "logout", "typ": "Logout",
        }));
        let proof = all(json!({"htm": "GET", "htu": "https://orders.example.com/", "ath": "h", "typ": "Proof"}));
        // Of these the issuer is the client, as RFC 7523 and RFC 9101 have it.
        let assertion = all(json!({"iss": "c", "sub": "c"}));
        let introspection = all(json!({"token_introspection": {"active": true}}));
        for (kind, typ, claims) in [
            ("ID token", Some("JWT"), &id_token),
            ("ID token", None, &id_token),
            ("logout token", Some("logout+jwt"), &logout),
            ("logout token", Some("JWT"), &logout),
            ("security event", Some("secevent+jwt"), &logout),
            ("DPoP proof", Some("dpop+jwt"), &proof),
            ("DPoP proof", Some("JWT"), &proof),
            ("client assertion", Some("JWT"), &assertion),
            ("client assertion", Some("client-authentication+jwt"), &assertion),
            ("request object", Some("oauth-authz-req+jwt"), &assertion),
            ("introspection answer", Some("token-introspection+jwt"), &introspection),
        ] {
            let refusal = issuer.judge(typ, claims).map(drop).unwrap_err();
            let expected = if kind.starts_with("client") || kind.starts_with("request") {
                RejectionKind::UnknownIssuer
            } else {
                RejectionKind::WrongType
            };
            assert_eq!(refusal, expected, "{way}: {kind} as {typ:?}");
        }
    }
}
