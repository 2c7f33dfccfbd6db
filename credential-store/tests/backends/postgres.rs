use std::sync::Arc;

use tower_auth_store::Backend as _;
use tower_auth_store::conformance::{Database, checks};

use crate::server::Server;

// THREAT-S8
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_passes_the_conformance_suite() {
    let Some(server) = Server::find().await else { return };
    let mut failures = Vec::new();
    for check in checks() {
        let prefix = Server::prefix();
        let (one, two) = (server.open(&prefix).await, server.open(&prefix).await);
        let database = Database::new(Arc::new(one)).reopened_as(Arc::new(two));
        let outcome = check.run(database.clone()).await;
        database.close().await;
        server.clear(&prefix).await;
        failures.extend(outcome.err().map(|failure| format!("{}: {failure}", check.name())));
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
