use crate::chromium::Chromium;
use crate::replicas::Replicas;

// SYS-C12, SYS-C24
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_on_one_database_are_one_page_to_a_browser() {
    let Some(chromium) = Chromium::find() else { return };
    let Some(replicas) = Replicas::start().await else { return };
    let said = chromium.run("connect.mjs", &[&replicas.url, &replicas.api_key], "replicas").await;
    let ended_elsewhere = replicas.ended_elsewhere();
    replicas.stop().await;
    said.is_good();
    // In a pop-up, denied, without script, and again.
    assert_eq!(ended_elsewhere, 4, "logins end on the replica that did not begin them");
}
