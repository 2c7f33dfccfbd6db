use std::sync::Arc;

use tower_auth_store::SqliteOptions;
use tower_auth_store::conformance::{self, Database};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_in_memory_passes_the_conformance_suite() {
    let outcome =
        conformance::run(|| async { Ok(Database::new(Arc::new(SqliteOptions::memory().open().await?))) }).await;
    assert!(outcome.is_ok(), "{}", outcome.unwrap_err());
}

// THREAT-S8
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_handles_of_one_sqlite_file_pass_the_conformance_suite() {
    let folder = Folder::new();
    let outcome = conformance::run(|| async {
        let path = folder.path(&format!("{:x}.db", fastrand::u64(..)));
        let (one, two) = (SqliteOptions::file(&path).open().await?, SqliteOptions::file(&path).open().await?);
        Ok(Database::new(Arc::new(one)).reopened_as(Arc::new(two)))
    })
    .await;
    assert!(outcome.is_ok(), "{}", outcome.unwrap_err());
}

/// A folder that goes away with its test.
pub(crate) struct Folder(std::path::PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        let path = std::env::temp_dir().join(format!("tower-auth-store-{:016x}", fastrand::u64(..)));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
