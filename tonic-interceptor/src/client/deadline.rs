use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Request};
use tower_auth_core::{Clock, MonotonicTime};

const GRPC_TIMEOUT: &str = "grpc-timeout";

/// When a call with a `grpc-timeout` must be over: the wait for a token counts too. It travels with the request as an extension,
/// so that each send knows it.
#[derive(Clone)]
pub(super) struct Deadline(Arc<Inner>);

struct Inner {
    at: MonotonicTime,
    sending: AtomicBool,
}

/// Says that a send is under way, for as long as it lives.
pub(super) struct Sending(Deadline);

impl Deadline {
    /// The deadline of `request`, if it has a timeout that can be read.
    pub(super) fn of<B>(request: &Request<B>, clock: &Clock) -> Option<Self> {
        let timeout = parse(request.headers().get(GRPC_TIMEOUT)?)?;
        Some(Self(Arc::new(Inner { at: clock.now() + timeout, sending: AtomicBool::new(false) })))
    }

    pub(super) fn is_sending(&self) -> bool {
        self.0.sending.load(Ordering::Relaxed)
    }

    pub(super) fn sleep(&self, clock: &Clock) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let (clock, at) = (clock.clone(), self.0.at);
        Box::pin(async move { clock.sleep_until(at).await })
    }

    /// Begins a send: writes what is left of the timeout into its headers.
    pub(super) fn begin(&self, headers: &mut HeaderMap, clock: &Clock) -> Sending {
        let left = self.0.at.saturating_since(clock.now());
        // The first send of a call that did not wait keeps its value to the letter.
        let shortened = headers.get(GRPC_TIMEOUT).and_then(parse).is_some_and(|timeout| left < timeout);
        if shortened {
            headers.insert(GRPC_TIMEOUT, format(left));
        }
        self.0.sending.store(true, Ordering::Relaxed);
        Sending(self.clone())
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.0.0.sending.store(false, Ordering::Relaxed);
    }
}

/// One to eight digits and a unit, as the protocol has it.
fn parse(value: &HeaderValue) -> Option<Duration> {
    let (unit, digits) = value.as_bytes().split_last()?;
    if digits.is_empty() || digits.len() > 8 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let count = digits.iter().fold(0, |count: u64, digit| count * 10 + u64::from(digit - b'0'));
    Some(match unit {
        b'H' => Duration::from_secs(count * 3600),
        b'M' => Duration::from_secs(count * 60),
        b'S' => Duration::from_secs(count),
        b'm' => Duration::from_millis(count),
        b'u' => Duration::from_micros(count),
        b'n' => Duration::from_nanos(count),
        _ => return None,
    })
}

/// In the finest unit of which eight digits suffice; never longer than `left`.
fn format(left: Duration) -> HeaderValue {
    const LARGEST: u128 = 99_999_999;
    let units = [
        (left.as_nanos(), 'n'),
        (left.as_micros(), 'u'),
        (left.as_millis(), 'm'),
        (u128::from(left.as_secs()), 'S'),
        (u128::from(left.as_secs() / 60), 'M'),
    ];
    let (count, unit) = units.into_iter().find(|(count, _)| *count <= LARGEST).unwrap_or((LARGEST, 'M'));
    HeaderValue::from_str(&format!("{count}{unit}")).expect("digits and a letter make a header value")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &'static str) -> Option<Duration> {
        parse(&HeaderValue::from_static(text))
    }

    #[test]
    fn a_timeout_is_one_to_eight_digits_and_a_unit() {
        assert_eq!(parsed("1H"), Some(Duration::from_secs(3600)));
        assert_eq!(parsed("99999999M"), Some(Duration::from_secs(99_999_999 * 60)));
        assert_eq!(parsed("3S"), Some(Duration::from_secs(3)));
        assert_eq!(parsed("82m"), Some(Duration::from_millis(82)));
        assert_eq!(parsed("0u"), Some(Duration::ZERO));
        assert_eq!(parsed("7n"), Some(Duration::from_nanos(7)));
        for bad in ["", "S", "1", "123456789S", "-1S", "1s", "1 S", "1.5S"] {
            assert_eq!(parsed(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn what_is_left_is_written_in_eight_digits_and_never_grows() {
        for left in [
            Duration::ZERO,
            Duration::from_nanos(99_999_999),
            Duration::from_nanos(100_000_001),
            Duration::from_secs(17),
            Duration::from_secs(100_001),
            Duration::from_secs(u64::MAX),
        ] {
            let again = parse(&format(left)).unwrap();
            assert!(again <= left, "{left:?}");
            assert!(
                left.saturating_sub(again) < Duration::from_millis(1) || left > Duration::from_secs(99_999),
                "{left:?}"
            );
        }
    }
}
