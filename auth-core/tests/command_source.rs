//! Tokens that a program prints.
#![cfg(all(feature = "command", unix))]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use tower_auth_core::{CommandToken, Token, TokenCache, TokenError, TokenErrorKind};

async fn run(script: &str) -> Result<Token, TokenError> {
    TokenCache::new(shell(script)).token().await
}

fn shell(script: &str) -> CommandToken {
    CommandToken::new("sh").args(["-c", script])
}

#[tokio::test]
async fn plain_output_is_the_token() {
    let token = run("echo s3cret; echo noise >&2").await.unwrap();
    assert_eq!((token.secret().expose_secret(), token.expiry()), ("s3cret", None));
}

// SYS-L2, THREAT-A6
#[tokio::test]
async fn json_output_is_read_like_a_token_response() {
    for name in ["access_token", "token"] {
        let token = run(&format!(r#"echo '{{"{name}": "abc", "expires_in": "3600", "other": 1}}'"#)).await.unwrap();
        assert_eq!(token.secret().expose_secret(), "abc");
        assert!(token.expiry().is_some());
    }
}

// THREAT-L2, SYS-A9
#[tokio::test]
async fn what_goes_wrong_is_told_without_the_output() {
    for (script, kind, says) in [
        ("echo sentinel; exit 3", TokenErrorKind::Unreachable, "failed (exit status: 3); run it by hand to see why"),
        ("true", TokenErrorKind::Unparsable, "printed no usable token"),
        ("echo 'two sentinels'", TokenErrorKind::Unparsable, "printed no usable token"),
        (
            "echo '{\"sentinel\": 1}'",
            TokenErrorKind::Unparsable,
            "printed JSON that is no token: it has no access_token",
        ),
        (
            "echo '{sentinel'",
            TokenErrorKind::Unparsable,
            "printed JSON that is no token: it is not one well-formed object",
        ),
        ("head -c 70000 /dev/zero", TokenErrorKind::Unparsable, "printed more than 64 KiB"),
    ] {
        let error = run(script).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{script}");
        assert!(error.to_string().starts_with(&format!("the token command sh {says}")), "{error}");
        assert!(!format!("{error:?}").contains("sentinel"));
    }
    let error = TokenCache::new(CommandToken::new("no-such-program")).token().await.unwrap_err();
    assert_eq!(error.kind(), TokenErrorKind::Misconfigured);
}

// THREAT-A4
#[tokio::test]
async fn a_program_that_hangs_is_killed() {
    let marker = std::env::temp_dir().join(format!("tower-auth-command-{}", std::process::id()));
    let script = format!("sleep 0.06; touch {}", marker.display());
    let cache = TokenCache::new(shell(&script).timeout(Duration::from_millis(10)));
    let error = cache.token().await.unwrap_err();
    assert_eq!(error.kind(), TokenErrorKind::TimedOut);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!marker.exists(), "the shell outlived its time");
}

// THREAT-L1
#[test]
fn debug_shows_no_argument() {
    assert!(!format!("{:?}", shell("sentinel")).contains("sentinel"));
}
