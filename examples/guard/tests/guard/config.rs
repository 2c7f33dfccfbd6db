use std::path::Path;

use serde_json::Value;

use crate::support::{USER, file, run};

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/guard.example.toml");

fn check(path: &Path) -> (Option<i32>, String, String) {
    let output = run(&["--check", path.to_str().unwrap()]);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(path.to_str().unwrap(), "FILE");
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn mistakes(text: &str) -> String {
    let (code, _, told) = check(&file(text));
    assert_eq!(code, Some(2), "{told}");
    told
}

// THREAT-L1
#[test]
fn the_example_is_accepted_and_check_masks_its_secrets() {
    let (code, shown, told) = check(Path::new(EXAMPLE));
    assert_eq!(code, Some(0), "{told}");
    assert!(!shown.contains("change-me") && !shown.contains("ba7816bf"), "{shown}");
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["issuer"][0]["url"], "https://login.example.com");
    assert_eq!(shown["server"]["http"], "127.0.0.1:0");
}

/// What stands behind `#` in the example is a choice, and one may make all of them that need no other file.
#[test]
fn the_choices_of_the_example_are_accepted_too() {
    let text = std::fs::read_to_string(EXAMPLE).unwrap();
    let chosen: String =
        text.lines().map(|line| line.strip_prefix("#: ").unwrap_or(line)).flat_map(|line| [line, "\n"]).collect();
    assert_ne!(chosen, text);
    let (code, shown, told) = check(&file(&chosen));
    assert_eq!(code, Some(0), "{told}");
    for secret in ["change-me", "ba7816bf", "$argon2id$"] {
        assert!(!shown.contains(secret), "{secret}: {shown}");
    }
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["upstream"]["identity"]["x-auth-subject"], "subject");
    assert_eq!(shown["metadata"]["document"]["resource"], "https://api.example.com");
    for section in ["server", "metadata", "cors", "route", "upstream", "grpc"] {
        assert!(!shown[section].is_null(), "{section}");
    }
}

#[test]
fn every_mistake_is_reported_at_once_with_line_and_nearest_key() {
    let told = mistakes(
        "[[issuer]]\nurl = \"https://a.example\"\naudience = \"o\"\naudiance = \"o\"\n[server]\nscop = \"a\"\n\
         http = \"nowhere\"\n[[route]]\npath = \"/a//b\"\nmethods = [\"get\"]\nrequire = { any_role = [], scope = 1 }\n\
         [upstream]\nurl = \"ftp://x\"\n[upstream.identity]\nsubject = \"host\"\n[tls]\ncert = \"/nowhere.pem\"\n\
         [cors]\norigins = \"*\"\ncredentials = true\n[metadata]\nresource = \"http://a.example\"\n",
    );
    for line in [
        "FILE:4: issuer[0].audiance: unknown key; did you mean \"audience\"?",
        "FILE:6: server.scop: unknown key; did you mean \"scope\"?",
        "FILE:7: server.http: the value is no address such as 127.0.0.1:0",
        "FILE:9: route[0].path: no request has this path: two slashes stand together",
        "FILE:10: route[0].methods: a value is no method in capital letters",
        "FILE:11: route[0].require.scope: the value is not a text",
        "FILE:11: route[0].require: the policy demands one of no roles",
        "FILE:13: upstream.url: ",
        "FILE:15: upstream.identity.subject: this header means something else to HTTP or to proxies",
        "FILE:16: tls.key: the key is missing",
        "FILE:20: cors.credentials: ",
        "FILE:22: metadata.resource: ",
    ] {
        assert!(told.contains(line), "{line}\n{told}");
    }
    assert!(told.lines().all(|line| line.starts_with("FILE:")), "{told}");
}

// THREAT-T10
#[test]
fn a_path_that_is_open_and_demanding_at_once_is_a_mistake() {
    let rules = "[[route]]\npath = \"/public\"\n[upstream]\nurl = \"http://127.0.0.1:1\"\n";
    let told = mistakes(&format!("{USER}{rules}allow = [\"/public/\"]\n"));
    assert!(told.contains("upstream.allow: \"/public/\" is never open"), "{told}");
    let told = mistakes(&format!("{USER}{rules}allow = [\"public\"]\n"));
    assert!(told.contains("upstream.allow: no path begins with \"public\""), "{told}");
}

// THREAT-T8
#[test]
fn identity_headers_that_may_be_taken_for_each_other_are_a_mistake() {
    let told = mistakes(&format!(
        "{USER}[upstream]\nurl = \"http://127.0.0.1:1\"\n[upstream.identity]\nsubject = \"X-Who\"\nissuer = \"x_who\"\n"
    ));
    assert!(told.contains("upstream.identity.issuer: the header x_who tells something else already"), "{told}");
}
