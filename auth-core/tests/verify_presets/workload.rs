//! Jobs, pods and workloads.

use serde_json::{Value, json};
use tower_auth_core::jose::Algorithm;
use tower_auth_core::{JwtVerifier, Preset, RejectionKind};

use crate::support::*;
use crate::verify_support::*;

const US: &str = "https://orders.example.com";

fn github() -> Value {
    json!({
        "jti": "example-id", "sub": "repo:octo-org/octo-repo:environment:prod", "environment": "prod", "aud": US,
        "ref": "refs/heads/main", "sha": "example-sha", "repository": "octo-org/octo-repo", "repository_owner": "octo-org",
        "actor_id": "12", "repository_visibility": "private", "repository_id": "74", "repository_owner_id": "65",
        "run_id": "1234567890", "run_number": "10", "run_attempt": "2", "runner_environment": "github-hosted", "actor": "octocat",
        "workflow": "example-workflow", "event_name": "workflow_dispatch", "ref_type": "branch",
        "job_workflow_ref": "octo-org/octo-automation/.github/workflows/oidc.yml@refs/heads/main",
        "iss": "https://token.actions.githubusercontent.com", "nbf": NOW, "exp": NOW + 900, "iat": NOW,
    })
}

fn github_issuer(parameters: &[(&str, &str)]) -> Issuer {
    Issuer::new(Preset::GithubActions.issuer(parameters).unwrap(), US, Algorithm::Rs256)
}

// R9068-P1, R8725-3.9a, THREAT-V8
#[test]
fn a_github_workflow_may_call_if_its_owner_may() {
    let issuer = github_issuer(&[("owner_id", "65")]);
    let verified = issuer.judge(Some("JWT"), &github()).unwrap();
    assert_eq!(verified.subject(), "repo:octo-org/octo-repo:environment:prod");
    assert!(verified.claim("ref").unwrap().is("refs/heads/main"));
    assert_eq!((verified.client_id(), verified.actor().is_none()), (None, true), "`actor` is no actor of RFC 8693");
    issuer.accepts_types(&[Some("JWT")], &github());
    // The audience is what the workflow asked for, so that everybody's may name us.
    let stranger = with(with(github(), "repository_owner", "evil-org"), "repository_owner_id", "66");
    assert_eq!(issuer.judge(Some("JWT"), &stranger).unwrap_err(), RejectionKind::MissingClaim);
    let renamed = with(github(), "repository_owner", "evil-org");
    assert!(issuer.judge(Some("JWT"), &renamed).is_ok(), "the id stays");
    assert!(github_issuer(&[("owner", "octo-org")]).judge(Some("JWT"), &renamed).is_err());
    let one = github_issuer(&[("owner", "octo-org"), ("repository", "octo-org/octo-repo")]);
    assert!(one.judge(Some("JWT"), &github()).is_ok());
    assert!(one.judge(Some("JWT"), &with(github(), "repository", "octo-org/other")).is_err());
    assert!(github_issuer(&[("owner", "*")]).judge(Some("JWT"), &stranger).is_ok(), "said loudly");
    for (claims, kind) in [
        (with(github(), "aud", "https://github.com/octo-org"), RejectionKind::WrongAudience),
        (with(github(), "repository_owner_id", 65), RejectionKind::MissingClaim),
        (without(github(), "repository"), RejectionKind::MissingClaim),
        (with(github(), "iss", "https://token.actions.githubusercontent.com/evil"), RejectionKind::UnknownIssuer),
        (with(github(), "exp", NOW - 100), RejectionKind::Expired),
    ] {
        assert_eq!(issuer.judge(Some("JWT"), &claims).unwrap_err(), kind, "{claims}");
    }
}

// THREAT-V8
#[test]
fn github_enterprises_have_issuers_of_their_own() {
    for (parameter, url) in [
        (("enterprise", "octo"), "https://token.actions.githubusercontent.com/octo"),
        (("subdomain", "octocorp"), "https://token.actions.octocorp.ghe.com"),
        (("host", "github.example.com"), "https://github.example.com/_services/token"),
    ] {
        let issuer = github_issuer(&[("owner", "octo-org"), parameter]);
        assert!(issuer.judge(Some("JWT"), &with(github(), "iss", url)).is_ok(), "{url}");
        assert_eq!(issuer.judge(Some("JWT"), &github()).unwrap_err(), RejectionKind::UnknownIssuer);
    }
}

fn gitlab() -> Value {
    json!({
        "namespace_id": "72", "namespace_path": "my-group", "project_id": "20", "project_path": "my-group/my-project",
        "user_id": "1", "user_login": "sample-user", "pipeline_id": "574", "pipeline_source": "push", "job_id": "302",
        "ref": "main", "ref_type": "branch", "ref_path": "refs/heads/main", "ref_protected": "true",
        "groups_direct": ["my-group"], "runner_id": 1, "runner_environment": "self-hosted", "sha": "714a629c",
        "project_visibility": "public", "jti": "235b3a54-b797-45c7-ae9a-f72d7bc6ef5b", "iat": NOW, "nbf": NOW - 5,
        "exp": NOW + 3600, "iss": "https://gitlab.com", "sub": "project_path:my-group/my-project:ref_type:branch:ref:main",
        "aud": US,
    })
}

// R9068-P1, THREAT-V7, THREAT-V8
#[test]
fn a_gitlab_job_may_call_if_its_namespace_or_project_may() {
    let issuer = Issuer::new(Preset::GitlabCi.issuer(&[("namespace", "my-group")]).unwrap(), US, Algorithm::Rs256);
    let verified = issuer.judge(Some("JWT"), &gitlab()).unwrap();
    assert!(verified.claim("ref_protected").unwrap().is("true"));
    issuer.accepts_types(&[Some("JWT")], &gitlab());
    let login = json!({
        "iss": "https://gitlab.com", "sub": "1", "aud": US, "exp": NOW + 120, "iat": NOW, "auth_time": NOW,
        "namespace_path": "my-group", "groups_direct": ["my-group"], "nickname": "sample-user",
    });
    for (claims, kind) in [
        (with(gitlab(), "namespace_path", "evil"), RejectionKind::MissingClaim),
        (with(gitlab(), "namespace_path", "my-group/sub"), RejectionKind::MissingClaim),
        (with(gitlab(), "aud", "https://vault.example.com"), RejectionKind::WrongAudience),
        (with(gitlab(), "iss", "https://gitlab.example.com"), RejectionKind::UnknownIssuer),
        (login, RejectionKind::MissingClaim),
    ] {
        assert_eq!(issuer.judge(Some("JWT"), &claims).unwrap_err(), kind, "{claims}");
    }
    let own = [("base", "git.example.com"), ("project", "my-group/my-project")];
    let own = Issuer::new(Preset::GitlabCi.issuer(&own).unwrap(), US, Algorithm::Rs256);
    assert!(own.judge(Some("JWT"), &with(gitlab(), "iss", "https://git.example.com")).is_ok());
}

fn pod() -> Value {
    json!({
        "aud": ["orders"], "exp": NOW + 3607, "iat": NOW, "iss": "https://kubernetes.default.svc.cluster.local",
        "jti": "ea28ed49-2e11-4280-9ec5-bc3d1d84661a", "nbf": NOW, "sub": "system:serviceaccount:shop:front",
        "kubernetes.io": {
            "namespace": "shop", "node": {"name": "127.0.0.1", "uid": "58456cb0"},
            "pod": {"name": "front-1", "uid": "5c78a3ea"}, "serviceaccount": {"name": "front", "uid": "14ee3fa4"},
            "warnafter": NOW + 3600,
        },
    })
}

// R9068-P1, THREAT-V7, THREAT-V8
#[test]
fn a_pod_calls_with_the_projected_token_of_its_account() {
    let issuer = Issuer::new(Preset::Kubernetes.issuer(&[]).unwrap(), "orders", Algorithm::Rs256);
    let verified = issuer.judge(None, &pod()).unwrap();
    assert_eq!(verified.subject(), "system:serviceaccount:shop:front");
    assert!(verified.claim("/kubernetes.io/serviceaccount/name").unwrap().is("front"));
    issuer.accepts_types(&[None, Some("JWT")], &pod());
    for (claims, kind) in [
        (with(pod(), "aud", json!(["https://kubernetes.default.svc.cluster.local"])), RejectionKind::WrongAudience),
        (with(pod(), "sub", "system:node:worker"), RejectionKind::WrongType),
        (with(pod(), "sub", "system:serviceaccount:"), RejectionKind::WrongType),
        (without(pod(), "kubernetes.io"), RejectionKind::MissingClaim),
        (without(pod(), "exp"), RejectionKind::MissingClaim),
        (with(pod(), "iss", "kubernetes/serviceaccount"), RejectionKind::UnknownIssuer),
        (with(pod(), "iss", "https://oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE"), RejectionKind::UnknownIssuer),
    ] {
        assert_eq!(issuer.judge(None, &claims).unwrap_err(), kind, "{claims}");
    }
    let builder = Preset::Kubernetes.issuer(&[("namespace", "shop"), ("namespace", "ops")]).unwrap();
    let shop = Issuer::new(builder, "orders", Algorithm::Es256);
    assert!(shop.judge(None, &pod()).is_ok());
    let mut other = pod();
    other["kubernetes.io"]["namespace"] = json!("evil");
    assert_eq!(shop.judge(None, &other).unwrap_err(), RejectionKind::MissingClaim);
    let eks = "https://oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE";
    let eks_issuer = JwtVerifier::issuer(eks).unwrap().preset(Preset::Kubernetes, &[]).unwrap();
    assert!(Issuer::new(eks_issuer, "orders", Algorithm::Rs256).judge(None, &with(pod(), "iss", eks)).is_ok());
}

// R9068-P1, THREAT-V7, THREAT-V8
#[test]
fn a_workload_calls_with_an_svid_of_the_trust_domain() {
    let builder = || Preset::Spiffe.issuer(&[("base", "spire.example.org"), ("trust_domain", "example.org")]).unwrap();
    let issuer = Issuer::new(builder(), "spiffe://example.org/orders", Algorithm::Es256);
    let claims = json!({
        "iss": "https://spire.example.org", "sub": "spiffe://example.org/front", "aud": ["spiffe://example.org/orders"],
        "exp": NOW + 300, "iat": NOW,
    });
    assert_eq!(issuer.judge(None, &claims).unwrap().subject(), "spiffe://example.org/front");
    issuer.accepts_types(&[None, Some("JWT"), Some("JOSE")], &claims);
    for (name, value, kind) in [
        ("sub", "spiffe://example.org.evil/front", RejectionKind::UnknownIssuer),
        ("sub", "spiffe://example.org", RejectionKind::UnknownIssuer),
        ("sub", "spiffe://example.org/", RejectionKind::UnknownIssuer),
        ("sub", "spiffe://other.org/front", RejectionKind::UnknownIssuer),
        ("sub", "front", RejectionKind::WrongType),
        ("aud", "spiffe://example.org/", RejectionKind::WrongAudience),
        ("iss", "https://spire.other.org", RejectionKind::UnknownIssuer),
        ("nonce", "n", RejectionKind::WrongType),
    ] {
        assert_eq!(issuer.judge(None, &with(claims.clone(), name, value)).unwrap_err(), kind, "{name} {value}");
    }
    assert_eq!(issuer.judge(None, &without(claims.clone(), "iss")).unwrap_err(), RejectionKind::UnknownIssuer);
    let edwards = Issuer::new(builder(), "spiffe://example.org/orders", Algorithm::EdDsa);
    assert_eq!(
        edwards.judge(None, &claims).unwrap_err(),
        RejectionKind::UnsupportedAlgorithm,
        "none of its algorithms"
    );
}
