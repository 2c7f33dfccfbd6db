use serde_json::json;

use crate::support::{Aluma, Grant, Run};

#[tokio::test(flavor = "multi_thread")]
async fn many_calls_are_summed_up() {
    let aluma = Aluma::start(Grant::Wanted).await;
    aluma.tokens.stillborn(1);
    let outcome = Run::aluma(&aluma).args(&["-n", "20", "--summary", "--json", "/documents"]).run().await;
    outcome.success();
    let objects = outcome.objects();
    assert_eq!(objects.len(), 21);
    let summary = &objects[20]["summary"];
    for (name, expected) in [("count", 20), ("errors", 0), ("resent", 1), ("token_generations", 1)] {
        assert_eq!(summary[name], json!(expected), "{name} of {summary}");
    }
    let number = |name: &str| summary[name].as_f64().unwrap();
    assert!(number("p50_ms") > 0.0 && number("requests_per_second") > 0.0, "{summary}");
    assert!(number("p50_ms") <= number("p90_ms") && number("p90_ms") <= number("p99_ms"), "{summary}");
    assert!(number("p99_ms") <= number("max_ms"), "{summary}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_summary_is_a_line_and_says_what_failed() {
    let aluma = Aluma::start(Grant::Wanted).await;
    aluma.tokens.stillborn(usize::MAX);
    let outcome = Run::aluma(&aluma).args(&["-n", "3", "--summary", "/documents"]).run().await;
    assert!(outcome.failure(1).contains("fetch: 3 calls, 3 errors, 1 resent, "), "{}", outcome.err);
    // Piped it is silent unless it is asked for.
    let quiet = Run::aluma(&aluma).args(&["-n", "3", "/documents"]).run().await;
    assert!(!quiet.failure(1).contains(" calls, "), "{}", quiet.err);
}
