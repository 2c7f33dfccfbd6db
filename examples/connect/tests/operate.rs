//! The command line's work, on a store with credentials of two users.
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod ports;

use std::path::PathBuf;

use connect::args::Args;
use connect::emulated::Emulated;
use connect::{operate, storage};
use tower_auth_store::core::Secret;
use tower_auth_store::{CredentialStore, KeyRing, NewConnection, Owner};

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn args(folder: &Folder) -> Args {
    Args::parse(["--database".into(), folder.0.join("connect.db").into_os_string()]).unwrap().unwrap()
}

async fn open(folder: &Folder, emulated: &Emulated) -> CredentialStore {
    storage::open(&args(folder), emulated.connectors().unwrap(), &[]).await.unwrap()
}

fn text(out: Vec<u8>) -> String {
    String::from_utf8(out).unwrap()
}

// SYS-C5, SYS-C6
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_lists_tests_rotates_and_reads_what_was_done() {
    let folder = Folder(std::env::temp_dir().join(format!("tower-auth-operate-{}", std::process::id())));
    std::fs::create_dir_all(&folder.0).unwrap();
    let emulated = Emulated::start(ports::free_ports(), "http://127.0.0.1:1/connect").await.unwrap();
    let key = emulated.api_key.clone().unwrap();
    let store = open(&folder, &emulated).await;
    let (alice, bob) = (Owner::user("alice").unwrap(), Owner::user("bob").unwrap());
    let new = |key: &str| NewConnection::new("weather-desk").value("api_key", key);
    store.create(&alice, new(&key).label("Office")).await.unwrap();
    let bad = store.create(&bob, new("wrong").label("Attic").without_verification()).await.unwrap();

    let mut out = Vec::new();
    operate::list(&store, &mut out).await.unwrap();
    let listed = text(out);
    assert_eq!(listed.lines().count(), 2, "{listed}");
    assert!(listed.contains("Office") && listed.contains("alice") && listed.contains("Attic"), "{listed}");
    assert!(!listed.contains(&key), "{listed}");

    let mut out = Vec::new();
    operate::test(&store, true, &mut out).await.unwrap();
    let tested = text(out);
    assert!(tested.contains("1 work, 1 do not") && tested.contains(&bad.id.to_string()), "{tested}");
    store.close().await;

    // A new key on top of the file, as the README has it.
    let file = folder.0.join("connect.keys");
    let (new_key, old): (Secret, String) = (KeyRing::generate_key(), std::fs::read_to_string(&file).unwrap());
    std::fs::write(&file, format!("key-2:{}\n{old}", new_key.expose_secret())).unwrap();
    let store = open(&folder, &emulated).await;
    let mut out = Vec::new();
    operate::rotate_keys(&store, true, &mut out).await.unwrap();
    assert!(text(out).starts_with("2 credentials are wrapped with the newest key now, 0 are left"));
    store.close().await;
    std::fs::write(&file, format!("key-2:{}\n", new_key.expose_secret())).unwrap();
    let store = open(&folder, &emulated).await;
    let mut out = Vec::new();
    operate::audit(&store, &mut out).await.unwrap();
    let trail = text(out);
    assert!(trail.lines().filter(|line| line.contains(" create ")).count() == 2, "{trail}");
    assert!(trail.contains(" test ") && trail.contains("failed"), "{trail}");
    store.close().await;
}
