use crate::clients::{PythonServer, curl, have_curl, have_python};
use crate::support::{Guard, USER};

// THREAT-T8
#[test]
fn a_wsgi_service_that_folds_names_sees_the_callers_that_guard_names() {
    if !have_python() || !have_curl() {
        return;
    }
    let upstream = PythonServer::start("wsgi_upstream.py");
    let guard = Guard::start(&format!("{USER}[upstream]\nurl = \"http://{}\"\n", upstream.address));
    // Without guard in between, each of these is the caller.
    let direct = curl(&["-H", "X_Auth_Subject: root", &format!("http://{}/a", upstream.address)]);
    assert_eq!(direct.json()["HTTP_X_AUTH_SUBJECT"], "root", "{direct:?}");
    let url = format!("http://{}/a", guard.http);
    for name in ["X-Auth-Subject", "X_Auth_Subject", "x-auth_subject", "X_AUTH-SUBJECT"] {
        for version in ["--http1.1", "--http2-prior-knowledge"] {
            let (one, two) = (format!("{name}: root"), format!("{name}: admin"));
            let answer =
                curl(&[version, "--user", "a:b", "-H", &one, "-H", &two, "-H", "X_Forwarded_For: 8.8.8.8", &url]);
            assert_eq!(answer.status, 200, "{answer:?}");
            let environment = answer.json();
            assert_eq!(environment["HTTP_X_AUTH_SUBJECT"], "a", "{environment}");
            assert_eq!(environment["HTTP_X_FORWARDED_FOR"], "127.0.0.1", "{environment}");
            assert!(environment.get("HTTP_AUTHORIZATION").is_none(), "{environment}");
        }
    }
}
