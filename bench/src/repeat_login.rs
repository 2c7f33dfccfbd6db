use std::time::Duration;

use http::HeaderMap;
use rustix::time::{ClockId, clock_gettime};
use tower_auth::core::{Basic, BasicVerifier, PasswordHash, Secret};

const SAMPLES: usize = 31;
const BATCH: u32 = 10_000;

/// What a login costs that the memo knows, beside the hash that it saves: processor time of one thread, so that what else
/// the machine does is not in it.
pub(crate) fn run() {
    let password = Secret::from("correct horse battery staple");
    let hash = PasswordHash::hash(&password).unwrap();
    let hashing = median(|| assert!(hash.verify(&password)));

    let verifier = BasicVerifier::new().user_hash("batch", hash.expose_hash()).build().unwrap();
    let mut headers = HeaderMap::new();
    let text = Basic::new("batch", password).unwrap().header_text();
    headers.insert("authorization", text.expose_secret().parse().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    assert!(runtime.block_on(verifier.verify(&headers)).is_ok());
    let again = median(|| (0..BATCH).for_each(|_| assert!(verifier.try_verify(&headers).is_ok()))) / f64::from(BATCH);
    println!();
    println!("{:<62} {hashing:>12.0} ns", "a password hashed by argon2id");
    println!("{:<62} {again:>12.1} ns, 1/{:.0}", "the same pair again, remembered", hashing / again);
}

/// Nanoseconds of the median sample.
fn median(mut repeat: impl FnMut()) -> f64 {
    repeat();
    let mut samples: Vec<f64> = (0..SAMPLES)
        .map(|_| {
            let start = processor_time();
            repeat();
            (processor_time() - start).as_secs_f64() * 1e9
        })
        .collect();
    samples.sort_by(f64::total_cmp);
    samples[SAMPLES / 2]
}

fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap(), u32::try_from(time.tv_nsec).unwrap())
}
