//! What can be said wrong about a well-known issuer.

use tower_auth_core::jose::Algorithm;
use tower_auth_core::{ConfigErrorKind, JwtVerifier, Preset, Profile, RejectionKind};

use crate::support::*;
use crate::verify_support::*;

fn wrong(preset: Preset, parameters: &[(&str, &str)]) -> String {
    preset.issuer(parameters).unwrap_err().to_string()
}

#[test]
fn unknown_missing_and_odd_parameters_are_explained() {
    for (preset, parameters, part) in [
        (Preset::EntraV2, &[("tennant", "x")][..], "did you mean \"tenant\"?"),
        (Preset::EntraV2, &[], "needs the parameter tenant (the id of the directory)"),
        (Preset::EntraV2, &[("tenant", "common")], "no GUID"),
        (Preset::EntraV2, &[("tenant", "72F988BF-86F1-41AF-91AB-2D7CD011DB47")], "no GUID"),
        (Preset::EntraV2, &[("tenant", "")], "nothing"),
        (Preset::Keycloak, &[("base", "sso.example.com")], "needs the parameter realm (the realm)"),
        (Preset::Keycloak, &[("base", "sso.example.com"), ("realm", "a/b")], "do not make an issuer"),
        (Preset::Keycloak, &[("base", "https://sso.example.com"), ("realm", "a")], "do not make an issuer"),
        (Preset::Keycloak, &[("base", "u@sso.example.com"), ("realm", "a")], "do not make an issuer"),
        (Preset::Auth0, &[("host", "a.auth0.com/x")], "do not make an issuer"),
        (Preset::Cognito, &[("region", "eu-west-1.evil.example"), ("pool", "p")], "do not make an issuer"),
        (Preset::Google, &[], "needs the parameter service_account"),
        (Preset::GithubActions, &[], "needs the parameter owner"),
        (Preset::GithubActions, &[("owner", "a"), ("host", "b"), ("enterprise", "c")], "do not go together"),
        (Preset::GitlabCi, &[("base", "a.example")], "needs the parameter namespace"),
        (Preset::Spiffe, &[("base", "a.example")], "needs the parameter trust_domain"),
        (Preset::GoogleIap, &[("audience", "x")], "there is none"),
    ] {
        let error = wrong(preset, parameters);
        assert!(error.contains(part), "{preset}: {error}");
    }
    // Hosts that are open several times cannot be a pattern.
    let several = wrong(Preset::Auth0, &[("host", "a.example"), ("host", "b.example")]);
    assert!(several.contains("host"), "{several}");
}

#[test]
fn a_url_that_is_no_issuer_of_the_preset_is_refused() {
    for (preset, url) in [
        (Preset::Keycloak, "https://sso.example.com"),
        (Preset::Keycloak, "https://sso.example.com/realms/a/"),
        (Preset::Auth0, "https://a.auth0.com"),
        (Preset::Okta, "https://a.okta.com/oauth2"),
        (Preset::Cognito, "https://cognito-idp.eu-west-1.amazonaws.com.evil.example/p"),
        (Preset::GoogleIap, "https://accounts.google.com"),
    ] {
        let error = JwtVerifier::issuer(url).unwrap().preset(preset, &[]).unwrap_err();
        assert_eq!(error.kind(), ConfigErrorKind::InvalidOption, "{url}");
    }
    let error = JwtVerifier::issuer("https://sso.example.com/realms/a")
        .unwrap()
        .preset(Preset::Keycloak, &[("realm", "b")])
        .unwrap_err();
    assert!(error.to_string().contains("is not what the issuer's URL says"), "{error}");
}

#[test]
fn each_preset_has_a_name_and_is_found_by_it() {
    for preset in Preset::ALL {
        assert_eq!(preset.name().parse::<Preset>().unwrap(), *preset);
        assert_eq!(preset.to_string(), preset.name());
    }
    let error = "keyclock".parse::<Preset>().unwrap_err().to_string();
    assert!(error.contains("did you mean \"keycloak\"?"), "{error}");
}

// R9068-4a, R9068-P1
#[test]
fn a_refusal_for_the_type_names_the_preset_of_an_issuer_that_is_recognized() {
    let tenant = "72f988bf-86f1-41af-91ab-2d7cd011db47";
    for (url, name) in [
        (format!("https://login.microsoftonline.com/{tenant}/v2.0"), "entra-v2"),
        (format!("https://sts.windows.net/{tenant}/"), "entra-v1"),
        ("https://sso.example.com/auth/realms/shop".to_owned(), "keycloak"),
        ("https://a.eu.auth0.com/".to_owned(), "auth0"),
        ("https://a.okta.com/oauth2/default".to_owned(), "okta"),
        ("https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_A".to_owned(), "cognito"),
        ("https://accounts.google.com".to_owned(), "google"),
        ("https://token.actions.githubusercontent.com".to_owned(), "github-actions"),
        ("https://gitlab.com".to_owned(), "gitlab-ci"),
        ("https://kubernetes.default.svc.cluster.local".to_owned(), "kubernetes"),
    ] {
        assert_eq!(Preset::recognize(&url).unwrap().name(), name, "{url}");
        let issuer = Issuer::new(JwtVerifier::issuer(&url).unwrap(), "orders", Algorithm::Rs256);
        let told = issuer.explain(Some("JWT"), &with(claims(), "iss", url.as_str()));
        assert!(told.contains("does not use RFC 9068") && told.contains(&format!("the preset {name}")), "{told}");
    }
    let issuer = Issuer::new(JwtVerifier::issuer("https://login.example.com").unwrap(), "orders", Algorithm::Rs256);
    let told = issuer.explain(Some("JWT"), &claims());
    assert!(told.contains("choose the generic profile or a preset"), "{told}");
    assert_eq!(Preset::recognize("https://login.example.com"), None);
    // What has no audience by that profile is explained too.
    let pool = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_A";
    let issuer = Issuer::new(JwtVerifier::issuer(pool).unwrap().profile(Profile::Generic), "orders", Algorithm::Rs256);
    let told = issuer.explain(None, &without(with(claims(), "iss", pool), "aud"));
    assert!(told.contains("the preset cognito"), "{told}");
}

// R8725-3.9a, THREAT-V8
#[test]
fn what_is_said_by_hand_takes_the_place_of_what_the_preset_says() {
    let url = "https://sso.example.com/realms/shop";
    let builder = JwtVerifier::issuer(url).unwrap().preset(Preset::Keycloak, &[]).unwrap();
    let builder = builder
        .algorithms([Algorithm::EdDsa])
        .subject_claims(["employee", "sub"])
        .client_id_claims(["client"])
        .scope_claims(["/granted/scopes"])
        .roles_claim("groups")
        .roles_claim_prefixed("/realm_access/roles", "realm:")
        .map_role("8f2c", "admin")
        .require_claim("stage", "production")
        .require_claim("stage", "test")
        .require_claim("/realm_access/level", "high");
    let issuer = Issuer::new(builder, "orders", Algorithm::EdDsa);
    let claims = serde_json::json!({
        "iss": url, "sub": "s", "aud": "orders", "exp": NOW + 10, "typ": "Bearer", "azp": "web", "employee": "e-7", "client": "c",
        "granted": {"scopes": "a b"}, "scope": "c", "groups": ["8f2c"], "stage": "test",
        "realm_access": {"roles": ["clerk"], "level": "high"},
    });
    let verified = issuer.judge(Some("JWT"), &claims).unwrap();
    assert_eq!((verified.subject(), verified.client_id()), ("e-7", Some("c")));
    assert_eq!((scopes(&verified), roles(&verified)), (vec!["a", "b"], vec!["admin", "realm:clerk"]));
    for (name, value) in [("stage", "dev"), ("typ", "ID")] {
        assert!(issuer.judge(Some("JWT"), &with(claims.clone(), name, value)).is_err(), "{name}");
    }
    assert_eq!(issuer.judge(Some("JWT"), &without(claims.clone(), "stage")).unwrap_err(), RejectionKind::MissingClaim);
    // What a preset demands is demanded all the same.
    let owner = Preset::GithubActions.issuer(&[("owner", "octo-org")]).unwrap();
    let issuer = Issuer::new(owner.require_claim("repository_owner", "evil-org"), "us", Algorithm::Rs256);
    let claims = serde_json::json!({
        "iss": "https://token.actions.githubusercontent.com", "sub": "s", "aud": "us", "exp": NOW + 10, "run_id": "1",
        "repository": "r", "repository_owner": "evil-org",
    });
    for owner in ["evil-org", "octo-org"] {
        let token = with(claims.clone(), "repository_owner", owner);
        assert_eq!(issuer.judge(Some("JWT"), &token).unwrap_err(), RejectionKind::MissingClaim, "{owner}");
    }
}
