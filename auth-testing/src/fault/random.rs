use std::fmt;

use super::Fault;

/// Faults that come by chance, the same ones in the same order for the same seed.
///
/// Each request draws once; at most one fault comes of it. What is [scripted](crate::AuthorizationServer::fault) goes first, and draws nothing.
///
/// ```
/// use std::time::Duration;
/// use http::StatusCode;
/// use tower_auth_testing::{AuthorizationServer, Endpoint, Fault, RandomFaults};
///
/// let server = AuthorizationServer::builder().client("orders", "secret").build()?;
/// let chaos = RandomFaults::seeded(42)
///     // Before the request has its effect:
///     .with(0.05, Fault::status(StatusCode::SERVICE_UNAVAILABLE))
///     .with(0.05, Fault::status(StatusCode::SERVICE_UNAVAILABLE).retry_after(1))
///     .with(0.05, Fault::disconnect())
///     .with(0.10, Fault::delay(Duration::from_millis(50)))
///     // After it had its effect:
///     .with(0.05, Fault::lost_answer())
///     .with(0.10, Fault::late_answer(Duration::from_millis(50)));
/// server.random_faults(Endpoint::Token, chaos);
/// # Ok::<(), tower_auth_core::ConfigError>(())
/// ```
#[derive(Clone)]
#[must_use = "faults do nothing until a server is given them"]
pub struct RandomFaults {
    random: fastrand::Rng,
    seed: u64,
    faults: Vec<(f64, Fault)>,
}

impl RandomFaults {
    /// None yet, drawn by a generator that begins at `seed`.
    pub fn seeded(seed: u64) -> Self {
        Self { random: fastrand::Rng::with_seed(seed), seed, faults: Vec::new() }
    }

    /// Adds a fault that comes with `probability`, between 0 and 1. How often it may happen does not matter here.
    ///
    /// # Panics
    /// When it is no probability, or those of all faults are more than 1 together.
    pub fn with(mut self, probability: f64, fault: Fault) -> Self {
        assert!((0.0..=1.0).contains(&probability), "a probability is between 0 and 1");
        self.faults.push((probability, fault));
        // Decimal fractions do not add up exactly.
        assert!(self.sum() <= 1.0 + 1e-9, "the probabilities are more than 1 together");
        self
    }

    /// What the next request meets.
    pub(super) fn draw(&mut self) -> Option<Fault> {
        let mut left = self.random.f64();
        for (probability, fault) in &self.faults {
            if left < *probability {
                return Some(fault.clone());
            }
            left -= probability;
        }
        None
    }

    fn sum(&self) -> f64 {
        self.faults.iter().map(|(probability, _)| probability).sum()
    }
}

impl fmt::Debug for RandomFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RandomFaults").field("seed", &self.seed).field("faults", &self.faults).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    fn draws(seed: u64) -> Vec<String> {
        let mut faults = RandomFaults::seeded(seed)
            .with(0.2, Fault::status(StatusCode::SERVICE_UNAVAILABLE))
            .with(0.1, Fault::disconnect());
        (0..2000).map(|_| faults.draw().map_or(String::new(), |fault| format!("{fault:?}"))).collect()
    }

    #[test]
    fn a_seed_gives_the_same_faults_again_and_each_as_often_as_it_should() {
        let drawn = draws(7);
        assert_eq!(drawn, draws(7));
        assert_ne!(drawn, draws(8));
        let count = |part: &str| drawn.iter().filter(|fault| fault.contains(part)).count();
        assert!((340..460).contains(&count("status 503")), "{}", count("status 503"));
        assert!((150..250).contains(&count("closed connection")), "{}", count("closed connection"));
    }

    #[test]
    #[should_panic(expected = "more than 1 together")]
    fn probabilities_are_not_more_than_one_together() {
        let _ = RandomFaults::seeded(1).with(0.7, Fault::hang()).with(0.4, Fault::hang());
    }
}
