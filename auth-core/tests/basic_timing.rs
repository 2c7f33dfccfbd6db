//! Whether the time of a refusal tells if a user exists. Run by hand, by `scripts/timing-test`: it takes minutes, and noise of
//! the machine is no fault of the code.
//!
//! # Method
//! The attacker of this test sees the time from a request's arrival to its refusal, without any network between, and, beside
//! that, the processor time that the refusal has cost, which other programs do not blur: there is nothing in a refusal that
//! waits without working, so that a difference of the one is a difference of the other. For each population of users there are
//! several states: unknown, disabled, locked, wrong password. A round measures each state once, in an order drawn anew, so that
//! whatever else the machine does meets all states alike. Of each pair of states the differences within the rounds are tested,
//! by both clocks, with Yuen's t-test for paired samples: a tenth is trimmed at either end, which is the scheduler's. Beyond
//! |t| = 4.5 (the threshold of dudect, p < 0.00001) the states are told apart, and the test fails.
//!
//! Hashes of the real cost show whether the same number of hashes is made; cheap ones, of which there can be many rounds, show
//! what is left of the difference beside the hash: there, a difference of up to a microsecond is let pass, a
//! twenty-thousandth of a hash.
//!
//! That the method would find something is shown by two populations that do leak: one where a user costs 2 % more than an
//! unknown one, and one of plain text comparison without a hash.
#![cfg(all(feature = "password-hash", feature = "jwt", target_os = "linux"))]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by it, and its figures are what it is run for"
)]
#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "real time is what is measured here")]

use std::time::{Duration, Instant};

use http::HeaderMap;
use rustix::time::{ClockId, clock_gettime};
use tower_auth_core::{
    ApiKeyVerifier, Basic, BasicVerifier, BoxError, NewApiKey, PasswordCost, PasswordHash, RejectionKind, Secret,
    UserAccount, Verifier,
};

const THRESHOLD: f64 = 4.5;
/// What is let pass where hashes are cheap.
const NEGLIGIBLE: Duration = Duration::from_micros(1);

const BCRYPT: &str = "$2y$08$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e";

fn hash(cost: PasswordCost) -> PasswordHash {
    PasswordHash::hash_with(&Secret::from("right password"), cost).unwrap()
}

fn cheap() -> PasswordCost {
    PasswordCost::argon2id(64, 1, 1).unwrap()
}

/// The states, by a user-id of each; all of one length.
const STATES: [(&str, &str); 4] =
    [("unknown", "user-unkn"), ("disabled", "user-disa"), ("locked", "user-lock"), ("wrong password", "user-open")];

fn account(user: &str, hash: PasswordHash) -> Option<UserAccount> {
    match user {
        "user-disa" => Some(UserAccount::new(hash).disabled(true)),
        "user-lock" => Some(UserAccount::new(hash).locked(true)),
        "user-open" => Some(UserAccount::new(hash)),
        _ => None,
    }
}

fn listed(cost: PasswordCost) -> Verifier {
    let add = |builder: BasicVerifier, (_, user): (&str, &str)| match account(user, hash(cost)) {
        Some(account) => builder.user_account(user, account),
        None => builder,
    };
    STATES.into_iter().fold(BasicVerifier::new(), add).password_cost(cost).build().unwrap()
}

fn looked_up(cost: PasswordCost) -> Verifier {
    let known = hash(cost);
    let lookup = move |user: String| {
        let found = account(&user, known.clone());
        async move { Ok::<_, BoxError>(found) }
    };
    BasicVerifier::new().lookup(lookup).password_cost(cost).build().unwrap()
}

fn request(user: &str, number: u64) -> HeaderMap {
    let pair = Basic::new(user, format!("wrong password {number:08}")).unwrap();
    let mut headers = HeaderMap::new();
    headers.insert("authorization", pair.header_text().expose_secret().parse().unwrap());
    headers
}

/// Nanoseconds by the clock on the wall, and of all processors for this program.
#[derive(Clone, Copy)]
struct Taken([f64; 2]);

const CLOCKS: [&str; 2] = ["elapsed", "processor"];

struct Watch(Instant, Duration);

impl Watch {
    fn start() -> Self {
        Self(Instant::now(), processor_time())
    }

    fn stop(&self) -> Taken {
        let (processor, elapsed) = (processor_time() - self.1, self.0.elapsed());
        Taken([elapsed, processor].map(|time| time.as_secs_f64() * 1e9))
    }
}

fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap(), u32::try_from(time.tv_nsec).unwrap())
}

/// What each state has taken, round by round.
fn measure(verifier: &Verifier, users: &[&str], rounds: usize) -> Vec<Vec<Taken>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut samples = vec![Vec::with_capacity(rounds); users.len()];
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut draw = |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random % below as u64).unwrap()
    };
    runtime.block_on(async {
        for round in 0..rounds + rounds / 10 {
            let mut order: Vec<usize> = (0..users.len()).collect();
            for last in (1..order.len()).rev() {
                order.swap(last, draw(last + 1));
            }
            for state in order {
                let headers = request(users[state], round as u64);
                let watch = Watch::start();
                let outcome = verifier.verify(&headers).await;
                let taken = watch.stop();
                assert_eq!(outcome.unwrap_err().kind(), RejectionKind::BadPassword);
                // The first tenth warms up.
                if round >= rounds / 10 {
                    samples[state].push(taken);
                }
            }
        }
    });
    samples
}

/// What tells two states apart: the trimmed mean of the differences within the rounds, and Yuen's t of it.
struct Difference {
    mean: f64,
    t: f64,
}

impl Difference {
    fn of(one: &[Taken], other: &[Taken], clock: usize) -> Self {
        let mut all: Vec<f64> = one.iter().zip(other).map(|(one, other)| one.0[clock] - other.0[clock]).collect();
        all.sort_by(f64::total_cmp);
        let (count, trimmed) = (all.len(), all.len() / 10);
        let kept = &all[trimmed..count - trimmed];
        let mean = kept.iter().sum::<f64>() / kept.len() as f64;
        // Winsorized: what is trimmed counts as the outermost that is kept.
        let (low, high) = (kept[0], kept[kept.len() - 1]);
        let clipped: Vec<f64> = all.iter().map(|difference| difference.clamp(low, high)).collect();
        let middle = clipped.iter().sum::<f64>() / count as f64;
        let variance = clipped.iter().map(|one| (one - middle).powi(2)).sum::<f64>() / (count - 1) as f64;
        let share = kept.len() as f64 / count as f64;
        Self { mean, t: mean * share * (count as f64).sqrt() / variance.sqrt() }
    }
}

fn median(state: &[Taken], clock: usize) -> f64 {
    let mut times: Vec<f64> = state.iter().map(|taken| taken.0[clock]).collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// The greatest |t| of all pairs that differ by more than `negligible`, by either clock.
fn distinguish(title: &str, verifier: &Verifier, states: &[(&str, &str)], rounds: usize, negligible: Duration) -> f64 {
    let users: Vec<&str> = states.iter().map(|(_, user)| *user).collect();
    let samples = measure(verifier, &users, rounds);
    println!("{title}, {rounds} rounds");
    let names: Vec<&str> = states.iter().map(|(name, _)| *name).collect();
    compare(&names, &samples, negligible).into_iter().fold(0.0, f64::max)
}

/// The greatest |t| by each clock.
fn compare(names: &[&str], samples: &[Vec<Taken>], negligible: Duration) -> [f64; 2] {
    let mut worst = [0.0_f64; 2];
    for (clock, worst) in worst.iter_mut().enumerate() {
        for (name, state) in names.iter().zip(samples) {
            println!("  {:<9} {name:<18} median {:>10.2} us", CLOCKS[clock], median(state, clock) / 1e3);
        }
        for (index, one) in samples.iter().enumerate() {
            for (other_index, other) in samples.iter().enumerate().skip(index + 1) {
                let Difference { mean, t } = Difference::of(one, other, clock);
                let (one, other, micros) = (names[index], names[other_index], mean / 1e3);
                println!("  {:<9} {one:>18} / {other:<18} t {t:>7.2}, difference {micros:>8.3} us", CLOCKS[clock]);
                if mean.abs() > negligible.as_nanos() as f64 {
                    *worst = worst.max(t.abs());
                }
            }
        }
        println!("  {:<9} worst |t| {worst:.2}", CLOCKS[clock]);
    }
    worst
}

fn rounds(default: usize) -> usize {
    std::env::var("TIMING_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

// THREAT-V12
#[test]
#[ignore = "takes minutes and a quiet machine: scripts/timing-test"]
fn the_time_of_a_refusal_does_not_tell_whether_a_user_exists() {
    let real = PasswordCost::default();
    let mut failed = Vec::new();
    let mut check = |title: &str, worst: f64| {
        if worst > THRESHOLD {
            failed.push(format!("{title}: |t| {worst:.2}"));
        }
    };
    let number = rounds(400);
    check("listed", distinguish("listed, real cost", &listed(real), &STATES, number, Duration::ZERO));
    check("looked up", distinguish("looked up, real cost", &looked_up(real), &STATES, number, Duration::ZERO));
    let mixed = BasicVerifier::new()
        .user_account("user-bcry", UserAccount::new(PasswordHash::parse(BCRYPT).unwrap()))
        .user_account("user-argo", UserAccount::new(hash(real)))
        .user("user-plai", "right password")
        .build()
        .unwrap();
    let states =
        [("unknown", "user-unkn"), ("bcrypt", "user-bcry"), ("argon2id", "user-argo"), ("no hash", "user-plai")];
    check("mixed", distinguish("mixed hashes, real cost", &mixed, &states, number, Duration::ZERO));
    let many = rounds(400) * 50;
    check("listed, cheap", distinguish("listed, cheap", &listed(cheap()), &STATES, many, NEGLIGIBLE));
    check("looked up, cheap", distinguish("looked up, cheap", &looked_up(cheap()), &STATES, many, NEGLIGIBLE));
    let plain =
        STATES[1..].iter().fold(BasicVerifier::new(), |builder, (_, user)| builder.user(*user, "right password"));
    check("plain", distinguish("passwords without a hash", &plain.build().unwrap(), &STATES, many, NEGLIGIBLE));
    assert!(failed.is_empty(), "states are told apart: {failed:?}");
}

/// Looks users up and hashes as somebody might who has not heard of the matter.
struct Naive {
    known: PasswordHash,
    dummy: Option<PasswordHash>,
}

impl Naive {
    /// The |t| by processor time.
    fn told_apart(&self, title: &str, rounds: usize) -> f64 {
        let users = [Some(&self.known), self.dummy.as_ref()];
        let mut samples = vec![Vec::new(); 2];
        for round in 0..rounds {
            for index in if round % 2 == 0 { [0, 1] } else { [1, 0] } {
                let watch = Watch::start();
                let right = users[index].is_some_and(|hash| hash.verify(&Secret::from("wrong password")));
                samples[index].push(watch.stop());
                assert!(!right);
            }
        }
        println!("{title}, {rounds} rounds");
        compare(&["known", "unknown"], &samples, Duration::ZERO)[1]
    }
}

// THREAT-V11
#[test]
#[ignore = "takes minutes and a quiet machine: scripts/timing-test"]
fn the_time_of_a_refused_key_does_not_tell_how_much_of_it_is_right() {
    let key = NewApiKey::generate("acme").unwrap();
    let mut verifier = ApiKeyVerifier::new().record(key.record());
    for _ in 0..50 {
        verifier = verifier.record(NewApiKey::generate("acme").unwrap().record());
    }
    let verifier = verifier.build().unwrap();
    // Of the old form, which has no checksum: a guess with the right id, more or less of the secret, and as long.
    let text = key.secret().expose_secret();
    let start = "acme_".len() + key.id().len() + 1;
    let states = [("nothing right", start), ("half right", start + 24), ("all but one right", text.len() - 1)];
    let presented: Vec<HeaderMap> = states
        .iter()
        .map(|(_, right)| {
            let wrong = if &text[*right..=*right] == "x" { "y" } else { "x" };
            let guess = format!("{}{}", &text[..*right], wrong.repeat(text.len() - right));
            let mut headers = HeaderMap::new();
            headers.insert("x-api-key", guess.parse().unwrap());
            headers
        })
        .collect();
    let number = rounds(400) * 500;
    let mut samples = vec![Vec::with_capacity(number); states.len()];
    for round in 0..number {
        for offset in 0..states.len() {
            let state = (round + offset) % states.len();
            let watch = Watch::start();
            let outcome = verifier.try_verify(&presented[state]);
            samples[state].push(watch.stop());
            assert_eq!(outcome.unwrap_err().kind(), RejectionKind::UnknownApiKey);
        }
    }
    println!("API keys, {number} rounds");
    let worst = compare(&states.map(|(name, _)| name), &samples, Duration::from_nanos(20));
    assert!(worst.iter().all(|t| *t <= THRESHOLD), "states are told apart: {worst:?}");
}

// THREAT-V12
#[test]
#[ignore = "takes minutes and a quiet machine: scripts/timing-test"]
fn the_method_finds_what_leaks() {
    let known = hash(PasswordCost::default());
    // 49 passes of 256 KiB where the known hash has 50: 2 %.
    let cost = |passes| PasswordCost::argon2id(256, passes, 1).unwrap();
    let subtle = Naive { known: hash(cost(50)), dummy: Some(hash(cost(49))) };
    assert!(subtle.told_apart("a dummy that is 2 % cheaper", rounds(400) * 5) > THRESHOLD);
    let blunt = Naive { known, dummy: None };
    assert!(blunt.told_apart("no hash for unknown users", rounds(400) / 4) > THRESHOLD);
}
