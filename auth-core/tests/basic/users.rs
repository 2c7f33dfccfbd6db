use tower_auth_core::{BasicVerifier, Method, PasswordHash, RejectionKind, Secret, Verifier};

use super::support::*;

/// One user of each kind: with a password of the configuration, with a hash, disabled, locked.
fn verifier() -> Verifier {
    builder()
        .user("plain", "plain-password")
        .user_hash("hashed", text("hashed:password"))
        .user_account("disabled", account("disabled-password").disabled(true))
        .user_account("locked", account("locked-password").locked(true))
        .user_account(
            "\u{c5}sa",
            account("password").subject("user-17").roles(["operator"]).scopes(&"a b".parse().unwrap()),
        )
        .realm("orders")
        .build()
        .unwrap()
}

// R7617-2b, R7617-4a, R7617-2.1b
#[tokio::test]
async fn a_user_gets_in_by_the_password_of_the_hash() {
    let verifier = verifier();
    let verified = verdict(&verifier, "hashed", "hashed:password").await.unwrap();
    assert_eq!((verified.method(), verified.subject()), (Method::Basic, "hashed"));
    assert!(enters(&verifier, "plain", "plain-password").await);
    let verified = verdict(&verifier, "A\u{30a}sa", "password").await.unwrap();
    assert_eq!(verified.subject(), "user-17");
    assert!(verified.has_role("operator") && verified.has_scopes(&"a b".parse().unwrap()));
    for (user, password) in [
        ("hashed", "hashed:passwore"),
        ("hashed", "hashed"),
        ("hashed", ""),
        ("Hashed", "hashed:password"),
        ("plain", "hashed:password"),
        ("nobody", "hashed:password"),
        ("", ""),
    ] {
        assert!(!enters(&verifier, user, password).await, "{user}");
    }
}

// THREAT-V12
#[tokio::test]
async fn unknown_disabled_locked_and_wrong_password_get_one_answer() {
    let verifier = verifier();
    let mut answers = Vec::new();
    for (user, password) in [
        ("nobody", "password"),
        ("disabled", "disabled-password"),
        ("disabled", "password"),
        ("locked", "locked-password"),
        ("locked", "password"),
        ("hashed", "password"),
        ("plain", "password"),
    ] {
        let refusal = verdict(&verifier, user, password).await.unwrap_err();
        answers.push(format!("{refusal:?} {refusal} {:?} {:?}", refusal.headers(), refusal.status()));
    }
    assert!(answers[0].contains("BadPassword") && answers[0].contains("401"), "{}", answers[0]);
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");
}

// THREAT-V13
#[tokio::test]
async fn a_password_of_more_than_1_kib_is_refused_before_it_is_hashed() {
    let verifier = verifier();
    for user in ["hashed", "nobody", "disabled"] {
        let verification = verifier.verify(&pair(user, &"x".repeat(1_025)));
        assert!(!verification.is_waiting(), "{user}");
        assert_eq!(verification.await.unwrap_err().kind(), RejectionKind::BadPassword);
        assert!(verifier.verify(&pair(user, &"x".repeat(1_024))).is_waiting(), "{user}");
    }
}

// THREAT-V13
#[tokio::test]
async fn two_passwords_with_72_bytes_in_common_do_not_open_one_bcrypt_account() {
    // Of 72 times `x`.
    let hash = "$2b$04$abcdefghijklmnopqrstuubzadhGtS2zEF.gu0yd0opP6cVzb.e0i";
    let verifier = builder().user_hash("a", hash).build().unwrap();
    assert!(enters(&verifier, "a", &"x".repeat(72)).await);
    assert!(!enters(&verifier, "a", &"x".repeat(71)).await);
    assert!(!enters(&verifier, "a", &"x".repeat(73)).await);
    assert!(!enters(&verifier, "a", &format!("{}y", "x".repeat(72))).await);
}

// R7617-2a, R7617-2c
#[tokio::test]
async fn what_is_no_pair_is_refused_at_once() {
    let verifier = verifier();
    for bad in ["Basic QTpi*", "Basic QUI=", "Basic QTo/", "Basic YQA6Yg==", "Basic /w=="] {
        let mut headers = http::HeaderMap::new();
        headers.insert("authorization", bad.parse().unwrap());
        let verification = verifier.verify(&headers);
        if bad == "Basic QTo/" {
            assert!(verification.is_waiting(), "`A:?`, a pair");
            continue;
        }
        assert!(!verification.is_waiting(), "{bad}");
        assert_eq!(verification.await.unwrap_err().kind(), RejectionKind::InvalidRequest, "{bad}");
    }
}

#[test]
fn lists_with_mistakes_are_refused() {
    let refused = |builder: BasicVerifier| builder.build().unwrap_err().to_string();
    assert!(refused(builder().user_hash("a", "sentinel")).contains(r#"the user "a": the text is no password hash"#));
    assert!(!refused(builder().user_hash("a", "sentinel")).contains("sentinel"));
    assert!(refused(builder().user_hash("a", "$apr1$saltsalt$EGVZDNN6gOqijy.tv9axG/")).contains("too weak"));
    assert!(refused(builder().user_hash("a", text("p")).user_hash("a", text("q"))).contains("there twice"));
    assert!(refused(builder().user_hash("\u{c5}", text("p")).user_hash("A\u{30a}", text("q"))).contains("there twice"));
    assert!(refused(builder().user("a", "p").user_hash("a", text("q"))).contains("there twice"));
    assert!(refused(builder().user("\u{c5}", "p").user_hash("A\u{30a}", text("q"))).contains("there twice"));
    assert!(refused(builder().user_hash("a:b", text("p"))).contains("colon"));
    assert!(refused(builder().user_hash("a\n", text("p"))).contains("control"));
    assert!(refused(builder()).contains("no user"));
    let weak = builder().dangerous().allow_weak_hashes().user_hash("a", "$apr1$saltsalt$EGVZDNN6gOqijy.tv9axG/");
    assert!(weak.build().is_ok());
}

// THREAT-L1
#[test]
fn descriptions_show_users_and_no_hashes() {
    let stored = text("sentinel");
    let described = builder().user("plain", "sentinel").user_hash("hashed", stored.as_str());
    let shown = format!("{described:?} {:?}", account("sentinel"));
    assert!(shown.contains("plain") && shown.contains("hashed"), "{shown}");
    assert!(!shown.contains("sentinel") && !shown.contains(&stored[30..]), "{shown}");
}

// R7617-4a
#[test]
fn a_hash_made_here_is_one_that_is_read_here() {
    let hash = PasswordHash::hash(&Secret::from("correct horse")).unwrap();
    assert!(BasicVerifier::new().user_hash("a", hash.expose_hash()).build().is_ok());
}
