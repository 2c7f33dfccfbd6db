use std::time::Duration;

use crate::error::{ConfigError, ConfigErrorKind};

/// How old keys may become, and how often they are asked for.
#[derive(Clone, Debug)]
pub(in crate::verify) struct Limits {
    pub(in crate::verify) max_age: Duration,
    /// How long keys serve beyond their maximum age while no newer ones can be had.
    pub(in crate::verify) stale: Duration,
    pub(in crate::verify) cooldown: Duration,
    /// Of a whole fetch, discovery included.
    pub(in crate::verify) timeout: Duration,
}

impl Limits {
    pub(in crate::verify) fn check(&self) -> Result<(), ConfigError> {
        if [self.max_age, self.cooldown, self.timeout].iter().any(Duration::is_zero) {
            return Err(ConfigError::new(
                ConfigErrorKind::InvalidOption,
                "the maximum age of keys, the cooldown and the timeout of a fetch must not be zero",
            ));
        }
        Ok(())
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_age: Duration::from_secs(600),
            stale: Duration::from_secs(3600),
            cooldown: Duration::from_secs(30),
            timeout: Duration::from_secs(15),
        }
    }
}

/// How long to leave a server alone after `failures` failures in a row: full jitter between one second and a bound that
/// doubles up to thirty; longer if the server asked for it.
pub(in crate::verify) fn back_off(failures: u32, random: f64, asked: Option<Duration>) -> Duration {
    let bound = f64::from(1_u32 << failures.min(5)).min(30.0);
    Duration::from_secs_f64(1.0 + (bound - 1.0) * random).max(asked.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    // THREAT-A4
    #[test]
    fn waits_grow_to_thirty_seconds_or_what_the_server_asks_for() {
        let bounds = |failures| (back_off(failures, 0.0, None).as_secs(), back_off(failures, 1.0, None).as_secs());
        assert_eq!((bounds(1), bounds(3), bounds(9), bounds(u32::MAX)), ((1, 2), (1, 8), (1, 30), (1, 30)));
        assert_eq!(back_off(1, 0.0, Some(Duration::from_secs(90))), Duration::from_secs(90));
    }
}
