//! The systems whose files stand beside the program `fetch`.

use tower_auth_core::{AuthKind, ProviderSpec, ProviderSpecs};

use crate::{fill, given, lines};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/fetch/providers");

fn read(id: &str) -> ProviderSpec {
    ProviderSpec::from_file(format!("{FOLDER}/{id}.toml")).unwrap_or_else(|errors| panic!("{errors}"))
}

#[test]
fn a_folder_of_files_is_read_whole() {
    let specs = ProviderSpecs::from_folder(FOLDER).unwrap_or_else(|errors| panic!("{errors}"));
    let ids: Vec<_> = specs.iter().map(ProviderSpec::id).collect();
    assert!(["alloy", "aluma", "alvys"].iter().all(|id| ids.contains(id)), "{ids:?}");
    assert!(ProviderSpecs::from_folder("/nowhere").unwrap_err().to_string().contains("/nowhere: the folder cannot"));
}

// SYS-A3, SYS-A6, SYS-A10, SYS-A11
#[test]
fn alloy_has_one_pair_for_both_methods_and_its_host_is_configuration() {
    let alloy = read("alloy");
    let pair = [("client_id", "token"), ("client_secret", "secret")];
    let with = |more: &[(&'static str, &'static str)]| [&pair[..], more].concat();
    // Grant, id, secret, URL: everything else has a default.
    let oauth = fill(&alloy, &with(&[("token_url", "https://sandbox.alloy.test/v1/oauth/bearer")]));
    assert_eq!(oauth.method().kind(), AuthKind::OAuth2ClientCredentials);
    assert_eq!(oauth.url("token_url"), Some("https://sandbox.alloy.test/v1/oauth/bearer"));
    let by_base = fill(&alloy, &with(&[("base_url", "https://sandbox.alloy.test/v1")]));
    assert_eq!(by_base.url("token_url"), Some("https://sandbox.alloy.test/v1/oauth/bearer"));
    let basic = fill(&alloy, &with(&[("auth", "basic")]));
    assert_eq!((basic.method().kind(), basic.value("client_secret").is_some()), (AuthKind::Basic, true));
    assert_eq!(alloy.methods()[0].field("client_id").unwrap().title(), "Workflow token");
    // Without a host nothing can be built, and the URLs are what is asked for.
    let missing = lines(&alloy.fill(&given(&pair)).unwrap_err());
    assert!(missing.len() == 1 && missing[0].starts_with("base_url: Alloy needs a value for base_url"), "{missing:?}");
    let unknown = lines(&alloy.fill(&given(&with(&[("auth", "bsic")]))).unwrap_err());
    assert!(unknown[0].contains("auth: unknown method \"bsic\"; did you mean \"basic\"?"), "{unknown:?}");
}

// SYS-V2, SYS-V3, SYS-V7
#[test]
fn alvys_has_its_tenant_in_the_path_and_needs_no_redirect() {
    let alvys = read("alvys");
    let values = [("client_id", "i"), ("client_secret", "s"), ("tenant_id", "a/../b?c#d e")];
    let filled = fill(&alvys, &values);
    assert_eq!(
        filled.url("token_url"),
        Some("https://integrations.alvys.com/api/authentication/a%2F..%2Fb%3Fc%23d%20e/token")
    );
    assert_eq!(filled.url("base_url"), Some("https://integration.alvys.com"));
    let own = [
        ("token_url", "https://integrations.alvys.com/api/p/authentication/{tenant_id}/token"),
        ("base_url", "https://integrations.alvys.com"),
    ];
    let filled = fill(&alvys, &[&values[..], &own[..]].concat());
    assert_eq!(
        filled.url("token_url"),
        Some("https://integrations.alvys.com/api/p/authentication/a%2F..%2Fb%3Fc%23d%20e/token")
    );
    assert_eq!(filled.url("base_url"), Some("https://integrations.alvys.com"));
    let method = &alvys.methods()[0];
    assert!(!method.needs_redirect() && method.can_verify());
    assert!(method.fields().iter().all(|field| !field.name().contains("redirect")));
}

// SYS-L1, SYS-L9
#[test]
fn aluma_can_leave_the_grant_out_and_says_where_its_values_are() {
    let aluma = read("aluma");
    let help = |name: &str| aluma.methods()[0].field(name).unwrap().help().unwrap().to_owned();
    assert!(help("client_id").contains("\"Id\"") && help("client_secret").contains("\"Secret\""));
    assert!(aluma.methods()[0].field("client_secret").unwrap().is_secret());
    let text = std::fs::read_to_string(format!("{FOLDER}/aluma.toml")).unwrap();
    for written in ["false", "\"omit\"", "\"client_credentials\""] {
        let text = text.replace("client_auth = \"body\"", &format!("client_auth = \"body\"\ngrant_type = {written}"));
        assert!(ProviderSpec::from_toml(&text).is_ok(), "{written}");
    }
    let wrong = text.replace("client_auth = \"body\"", "client_auth = \"body\"\ngrant_type = true");
    assert!(ProviderSpec::from_toml(&wrong).is_err());
}
