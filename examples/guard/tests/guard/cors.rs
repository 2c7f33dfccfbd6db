use crate::support::{BASIC, Guard, USER, Upstream};

const CORS: &str = "[cors]\norigins = [\"https://app.example\"]\n";

fn preflight(guard: &Guard, path: &str, origin: &str) -> crate::support::Answer {
    guard.send(&format!(
        "OPTIONS {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\norigin: {origin}\r\n\
         access-control-request-method: GET\r\naccess-control-request-headers: authorization\r\n\r\n"
    ))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preflight_needs_no_credential_and_scripts_may_read_why_they_were_refused() {
    let upstream = Upstream::start().await;
    let guard = Guard::start(&format!("{USER}{CORS}{}", upstream.section("")));
    for path in ["/me", "/behind"] {
        let answer = preflight(&guard, path, "https://app.example");
        assert_eq!((answer.status, answer.values("access-control-allow-origin")), (200, vec!["https://app.example"]));
        let allowed = answer.values("access-control-allow-headers").join(",").to_lowercase();
        assert!(allowed.contains("authorization"), "{answer:?}");
        let origin = "origin: https://app.example\r\n";
        let refused = guard.get(path, origin);
        assert_eq!((refused.status, refused.values("access-control-allow-origin")), (401, vec!["https://app.example"]));
        assert!(refused.values("access-control-expose-headers").join(",").contains("www-authenticate"), "{refused:?}");
        assert_eq!(guard.get(path, &format!("{origin}{BASIC}")).status, 200);
    }
    assert!(upstream.seen().iter().all(|seen| seen.line.starts_with("GET ")), "{:?}", upstream.seen());
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_origins_are_not_let_in_and_without_the_section_none_are() {
    let guard = Guard::start(&format!("{USER}{CORS}"));
    let answer = preflight(&guard, "/me", "https://evil.example");
    assert_eq!(answer.values("access-control-allow-origin"), Vec::<&str>::new(), "{answer:?}");
    let guard = Guard::start(USER);
    let answer = preflight(&guard, "/me", "https://app.example");
    assert_eq!(answer.values("access-control-allow-origin"), Vec::<&str>::new(), "{answer:?}");
}
