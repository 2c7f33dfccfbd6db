use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use tower_auth_core::{BasicVerifier, RejectionKind, Verifier};
use tower_auth_testing::TestClock;

use super::support::*;

const BCRYPT: &str = "$2y$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e";
const WEAK: [&str; 4] = [
    "$apr1$saltsalt$EGVZDNN6gOqijy.tv9axG/",
    "{SHA}L55TUjtiq8FBorTWAZ0jy6g129A=",
    "$5$saltstring$vc6YOOogU4kWVvwga8e9zTFgKcy4tb5LaPxIiPJzqEC",
    "$6$rounds=2000$saltstring$CWO3pnVxqUMtdDqk7gJ84eEXL8QmMHeR9YxuP4Paplo1mBQb5V0Ln8er866OPJvzQPpjkyb5T.TzFaWTZL7yx/",
];

struct Served {
    folder: Folder,
    time: TestClock,
    verifier: Verifier,
}

impl Served {
    fn new(content: &str) -> Self {
        let (folder, time) = (Folder::new(), TestClock::new());
        let path = folder.file("users.htpasswd");
        fs::write(&path, content).unwrap();
        let verifier = builder().htpasswd_file(path).clock(time.clock()).build().unwrap();
        Self { folder, time, verifier }
    }

    /// Writes the file anew, and lets it be noticed.
    fn write(&self, content: &str) {
        fs::write(self.folder.file("users.htpasswd"), content).unwrap();
        self.time.tick(Duration::from_secs(5));
    }

    async fn enters(&self, user: &str, password: &str) -> bool {
        enters(&self.verifier, user, password).await
    }
}

fn line(user: &str, password: &str) -> String {
    format!("{user}:{}\n", text(password))
}

fn refused(content: impl AsRef<[u8]>, weak: bool) -> String {
    let folder = Folder::new();
    fs::write(folder.file("users"), content).unwrap();
    let builder = builder().htpasswd_file(folder.file("users"));
    let builder = if weak { builder.dangerous().allow_weak_hashes() } else { builder };
    builder.build().unwrap_err().to_string()
}

// R7617-4a
#[tokio::test]
async fn users_of_a_file_get_in_as_apache_would_let_them() {
    let content = format!(
        "# made by htpasswd -B\r\n\r\n  \nbcrypt:{BCRYPT}\r\nargon2:{}:what follows is a comment\nA\u{30a}sa:{}",
        text("p"),
        text("q"),
    );
    let served = Served::new(&content);
    assert!(served.enters("bcrypt", "correct horse").await);
    assert!(served.enters("argon2", "p").await && served.enters("\u{c5}sa", "q").await);
    for (user, password) in
        [("bcrypt", "correct"), ("argon2", "q"), ("# made by htpasswd -B", ""), ("", ""), ("nobody", "p")]
    {
        assert!(!served.enters(user, password).await, "{user}");
    }
}

// R7617-4a
#[tokio::test]
async fn weak_hashes_are_read_only_if_that_was_said_loudly() {
    let content: String = WEAK.iter().enumerate().map(|(number, hash)| format!("user-{number}:{hash}\n")).collect();
    let error = refused(&content, false);
    for expected in
        ["line 1: the apr1 hash", "line 2: the SHA-1 hash", "line 3: the SHA-256-crypt", "line 4: the SHA-512-crypt"]
    {
        assert!(error.contains(expected), "{error}");
    }
    let folder = Folder::new();
    fs::write(folder.file("users"), &content).unwrap();
    let verifier = builder().htpasswd_file(folder.file("users")).dangerous().allow_weak_hashes().build().unwrap();
    for number in 0..WEAK.len() {
        assert!(enters(&verifier, &format!("user-{number}"), "correct horse").await);
        assert!(!enters(&verifier, &format!("user-{number}"), "correct horsf").await);
    }
}

// R7617-4a
#[test]
fn what_is_not_understood_is_named_by_its_line_and_never_quoted() {
    let good = line("good", "p");
    for (bad, problem) in [
        ("plain:sentinel", "plain passwords and DES crypt are not accepted"),
        ("des:sentinelABCDE", "plain passwords and DES crypt are not accepted"),
        ("sentinel", "it has no colon"),
        ("empty:", "no password hash of a known scheme"),
        ("md5:$1$sentinel$x", "md5crypt is not supported"),
        ("a\u{1}:x", "control character"),
        ("costly:$2y$31$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e", "its cost must be 4 to 16"),
    ] {
        let error = refused(format!("{good}{bad}\n"), true);
        assert!(error.contains("line 2: ") && error.contains(problem), "{bad}: {error}");
        assert!(!error.contains("sentinel"), "{error}");
    }
    assert!(refused(format!("{good}{good}"), true).contains("line 2: its user is also in line 1"));
    assert!(refused(b"a:\xff\n", true).contains("line 1: it is not UTF-8"));
    let many = refused("x\n".repeat(30), true);
    assert!(many.contains("line 10:") && !many.contains("line 11:") && many.contains("and 20 more"), "{many}");
    for empty in ["", "\n\n", "# nobody\n"] {
        assert!(refused(empty, true).contains("it has no user"));
    }
    let absent = BasicVerifier::new().htpasswd_file("/nowhere/users").build().unwrap_err();
    assert!(absent.to_string().contains("/nowhere/users cannot be used: it cannot be read"), "{absent}");
    assert!(BasicVerifier::new().htpasswd_file("/").build().is_err());
}

// THREAT-A9
#[test]
fn a_file_of_more_than_16_mib_is_not_read() {
    let error = refused(vec![b'#'; 16 * 1024 * 1024 + 1], false);
    assert!(error.contains("it cannot be read"), "{error}");
    assert!(refused(vec![b'#'; 16 * 1024 * 1024], false).contains("it has no user"));
}

#[tokio::test]
async fn a_changed_file_is_read_again_when_somebody_comes() {
    let served = Served::new(&line("a", "p"));
    assert!(served.enters("a", "p").await && !served.enters("b", "p").await);
    fs::write(served.folder.file("users.htpasswd"), line("b", "p")).unwrap();
    assert!(!served.enters("b", "p").await, "not looked at again within five seconds");
    served.time.tick(Duration::from_millis(4_999));
    assert!(!served.enters("b", "p").await);
    served.time.tick(Duration::from_millis(1));
    assert!(served.enters("b", "p").await);
    assert!(!served.enters("a", "p").await, "and who was taken out gets in no more, remembered or not");

    // By another file in its place, as careful editors write.
    fs::write(served.folder.file("new"), line("c", "p")).unwrap();
    fs::rename(served.folder.file("new"), served.folder.file("users.htpasswd")).unwrap();
    served.time.tick(Duration::from_secs(5));
    assert!(served.enters("c", "p").await && !served.enters("b", "p").await);
}

// THREAT-K3
#[tokio::test]
async fn a_login_is_forgotten_when_the_hash_changes() {
    let served = Served::new(&line("a", "p"));
    assert!(served.enters("a", "p").await);
    served.write(&line("a", "q"));
    // A remembered login waits for nothing, so this one still counts; the look at the file goes on beside it.
    let _ = verdict(&served.verifier, "a", "p").await;
    while is_remembered(&served.verifier, "a", "p") {
        tokio::task::yield_now().await;
    }
    assert!(!served.enters("a", "p").await && served.enters("a", "q").await);
    served.write(&line("a", "q").replace("a:", "b:"));
    assert!(!served.enters("a", "x").await);
    assert!(!is_remembered(&served.verifier, "a", "q"), "the user is gone");
}

#[test]
fn without_a_runtime_the_file_is_looked_at_all_the_same() {
    let served = Served::new(&line("a", "p"));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert!(runtime.block_on(served.enters("a", "p")));
    served.write(&line("a", "q"));
    assert!(!is_remembered(&served.verifier, "a", "p"));
}

// THREAT-V16
#[tokio::test]
async fn a_broken_file_changes_nothing_until_it_is_mended() {
    let served = Served::new(&line("a", "p"));
    for broken in ["a:plain-text\n", "no colon", &format!("{}b", line("b", "p"))] {
        served.write(broken);
        assert!(served.enters("a", "p").await && !served.enters("b", "p").await);
        served.time.tick(Duration::from_secs(60));
        assert!(served.enters("a", "p").await, "also when it is looked at once more");
    }
    fs::remove_file(served.folder.file("users.htpasswd")).unwrap();
    served.time.tick(Duration::from_secs(60));
    assert!(served.enters("a", "p").await && !served.enters("a", "q").await);
    served.write(&line("b", "p"));
    assert!(served.enters("b", "p").await && !served.enters("a", "p").await);
    served.write("# nobody any more\n");
    assert!(!served.enters("b", "x").await);
    assert!(!served.enters("b", "p").await, "a file without users is not broken");
    assert_eq!(verdict(&served.verifier, "b", "p").await.unwrap_err().kind(), RejectionKind::BadPassword);
}

/// As if the file had been written long ago, so that its time can be relied on.
fn age(path: &Path, at: SystemTime) {
    fs::File::options().write(true).open(path).unwrap().set_modified(at).unwrap();
}

#[tokio::test]
async fn a_file_that_has_settled_is_read_again_only_if_its_time_or_length_changes() {
    let (folder, time) = (Folder::new(), TestClock::new());
    let path = folder.file("users");
    let long_ago = time.now() - Duration::from_secs(3_600);
    let write = |content: &str, at: SystemTime| {
        fs::write(&path, content).unwrap();
        age(&path, at);
        time.tick(Duration::from_secs(5));
    };
    write(&line("a", "p"), long_ago);
    let verifier = builder().htpasswd_file(&path).clock(time.clock()).build().unwrap();
    write(&line("b", "p"), long_ago);
    assert!(!enters(&verifier, "b", "p").await, "the same time and length: taken for the same file");
    write(&line("b", "p"), long_ago + Duration::from_secs(1));
    assert!(enters(&verifier, "b", "p").await);
    write(&line("cc", "p"), long_ago + Duration::from_secs(1));
    assert!(enters(&verifier, "cc", "p").await);
    // Written while it was read, perhaps: its time says nothing.
    write(&line("dd", "p"), time.now() + Duration::from_secs(5));
    assert!(enters(&verifier, "dd", "p").await);
    write(&line("ee", "p"), time.now());
    assert!(enters(&verifier, "ee", "p").await);
}

#[tokio::test]
async fn a_list_and_a_file_go_together() {
    let folder = Folder::new();
    fs::write(folder.file("users"), line("a", "p") + &line("b", "p")).unwrap();
    let verifier = builder()
        .user("plain", "p")
        .user_account("a", account("listed").roles(["operator"]))
        .htpasswd_file(folder.file("users"))
        .build()
        .unwrap();
    assert!(enters(&verifier, "plain", "p").await && enters(&verifier, "b", "p").await);
    assert!(verdict(&verifier, "a", "listed").await.unwrap().has_role("operator"));
    assert!(!enters(&verifier, "a", "p").await, "the list knows better");
}
