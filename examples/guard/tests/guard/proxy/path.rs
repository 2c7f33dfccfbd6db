use crate::support::{BASIC, Guard, USER, Upstream};

const RULES: &str = "[[route]]\npath = \"/admin\"\nrequire = { scope = \"admin\" }\n";

// THREAT-T10
#[tokio::test(flavor = "multi_thread")]
async fn no_spelling_of_a_path_gets_past_its_rule() {
    let upstream = Upstream::start().await;
    let guard = Guard::start(&format!("{USER}{RULES}{}", upstream.section("allow = [\"/public/\"]\n")));
    for path in [
        "/admin",
        "/admin/",
        "/admin/x",
        "/ADMIN",
        "/aDmIn/x",
        "/admin;a=b/x",
        "/admin.json",
        "/admin?x",
        "/admin%20",
        "/admin%C2%A0",
        "http://evil.example/admin",
        "http://127.0.0.1/Admin",
    ] {
        assert_eq!(guard.get(path, BASIC).status, 403, "{path}");
    }
    for path in [
        "//admin",
        "/x//admin",
        "/%61dmin",
        "/%2e/admin",
        "/x/../admin",
        "/x/%2e%2e/admin",
        "/x/..;/admin",
        "/x/..;a=b/admin",
        "/public/../admin",
        "/public/%2E%2E/admin",
        "/public/..%2fadmin",
        "/public/..%5cadmin",
        "/public/%252e%252e/admin",
        "/admin%2fx",
        "/admin%00",
        "/./admin",
        "/public/./../admin",
        "/admin%3bx",
        "/admin%3fx",
        "/admin%23x",
        "/%zz",
        "*",
    ] {
        for header in [BASIC, ""] {
            assert_eq!(guard.get(path, header).status, 400, "{path}");
        }
    }
    // These are refused by whichever part reads them first.
    for path in ["/public\\..\\admin", "\\admin", "/ad\tmin", "admin", ""] {
        assert!(matches!(guard.get(path, BASIC).status, 400 | 404), "{path}");
    }
    assert!(upstream.seen().is_empty(), "{:?}", upstream.seen());
}

// THREAT-T10
#[tokio::test(flavor = "multi_thread")]
async fn paths_are_open_by_exact_prefix_and_sent_as_they_came() {
    let upstream = Upstream::start().await;
    let guard =
        Guard::start(&format!("{USER}{RULES}{}", upstream.section("allow = [\"/public/\", \"/favicon.ico\"]\n")));
    for path in ["/public/", "/public/a?b=%2F..%2F&c=//", "/favicon.ico"] {
        assert_eq!(guard.get(path, "").status, 200, "{path}");
        assert_eq!(upstream.seen().last().unwrap().line, format!("GET {path} HTTP/1.1"));
    }
    for path in [
        "/public",
        "/Public/a",
        "/PUBLIC/",
        "/publics/",
        "/x/public/",
        "/public;x/",
        "/public/a;x",
        "/public/%20",
        "/favicon",
    ] {
        assert_eq!(guard.get(path, "").status, 401, "{path}");
    }
    // A credential that is there is looked at all the same.
    assert_eq!(guard.get("/public/a", "authorization: Basic eDp4\r\n").status, 401);
    let before = upstream.seen().len();
    assert_eq!(guard.get("/public/a", BASIC).status, 200);
    assert_eq!(upstream.seen()[before].values("x-auth-subject"), ["a"]);
    for path in ["/a%20b/%C3%A4;v=1/+?q=%61&r", "/@:!$&'()*,=/~_-.", "/A/", "/a..b/...?"] {
        assert_eq!(guard.get(path, BASIC).status, 200, "{path}");
        assert_eq!(upstream.seen().last().unwrap().line, format!("GET {path} HTTP/1.1"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn methods_are_what_they_seem() {
    let upstream = Upstream::start().await;
    let rules = "[[route]]\npath = \"/\"\nmethods = [\"DELETE\"]\nrequire = { scope = \"admin\" }\n\
                 [[route]]\npath = \"/read\"\nmethods = [\"GET\"]\nrequire = { scope = \"read\" }\n";
    let guard = Guard::start(&format!("{USER}{rules}{}", upstream.section("")));
    let send = |method: &str, path: &str, header: &str| {
        let head = format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n");
        guard.send(&format!("{head}{BASIC}{header}\r\n")).status
    };
    assert_eq!((send("DELETE", "/a", ""), send("GET", "/read", ""), send("HEAD", "/read", "")), (403, 403, 403));
    assert_eq!((send("TRACE", "/a", ""), send("CONNECT", "x:1", "")), (405, 405));
    assert!(upstream.seen().is_empty());
    for name in ["X-HTTP-Method-Override", "x-http-method", "X_HTTP_Method_Override"] {
        assert_eq!(send("POST", "/a", &format!("{name}: DELETE\r\n")), 200);
    }
    assert!(!format!("{:?}", upstream.seen()).contains("DELETE"), "{:?}", upstream.seen());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_may_have_a_path_of_its_own() {
    let upstream = Upstream::start().await;
    let section = format!("[upstream]\nurl = \"http://{}/base/\"\n", upstream.address);
    let guard = Guard::start(&format!("{USER}{section}"));
    assert_eq!(guard.get("/a?b", BASIC).status, 200);
    assert_eq!(upstream.only().line, "GET /base/a?b HTTP/1.1");
}
