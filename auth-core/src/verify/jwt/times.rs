use std::time::{Duration, SystemTime};

use crate::jose::{Claims, NumericDate};
use crate::verify::rejection::{Fault, RejectionKind};

/// Checks `exp`, `nbf` and `iat` (RFC 7519 section 4.1): now is before the first and not before the others, give or
/// take the leeway. All numbers are bounded when they are parsed, so nothing overflows.
pub(in crate::verify) fn check(claims: &Claims<'_>, now: SystemTime, leeway: Duration) -> Result<(), Fault> {
    let Some(exp) = claims.exp else {
        return Err(Fault::new(RejectionKind::MissingClaim, "the token has no `exp`"));
    };
    let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    if since >= exp.since_epoch() + leeway {
        return Err(fault(RejectionKind::Expired, "exp", exp, since, leeway));
    }
    check_begun(claims, now, leeway)
}

/// Checks `nbf` and `iat` alone.
pub(in crate::verify) fn check_begun(claims: &Claims<'_>, now: SystemTime, leeway: Duration) -> Result<(), Fault> {
    let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    for (name, date) in [("nbf", claims.nbf), ("iat", claims.iat)] {
        match date {
            Some(date) if now + leeway < date.since_epoch() => {
                return Err(fault(RejectionKind::NotYetValid, name, date, now, leeway));
            }
            Some(_) | None => {}
        }
    }
    Ok(())
}

/// Says both times, so that a clock that goes wrong can be told from a token that is wrong.
#[cold]
fn fault(kind: RejectionKind, name: &str, date: NumericDate, now: Duration, leeway: Duration) -> Fault {
    let date = date.since_epoch();
    let (verb, distance) = match kind {
        RejectionKind::Expired => ("has expired", now.saturating_sub(date)),
        _ => ("is not valid yet", date.saturating_sub(now)),
    };
    let detail = format!(
        "the token {verb}: `{name}` is {} and our clock says {}, {} s apart, with a leeway of {} s; if the token should be good, \
         compare the clocks",
        date.as_secs(),
        now.as_secs(),
        distance.as_secs(),
        leeway.as_secs()
    );
    Fault::new(kind, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(claims: &str, now: u64, leeway: u64) -> Option<RejectionKind> {
        let claims = Claims::parse(claims.as_bytes()).unwrap();
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(now);
        check(&claims, now, Duration::from_secs(leeway)).err().map(|fault| fault.kind)
    }

    // R7519-4.1.4a, R9068-4b
    #[test]
    fn a_token_lives_from_nbf_to_exp_give_or_take_the_leeway() {
        let claims = r#"{"nbf":1000,"iat":1000,"exp":2000}"#;
        assert_eq!(kind(claims, 1999, 0), None);
        assert_eq!(kind(claims, 2000, 0), Some(RejectionKind::Expired));
        assert_eq!(kind(claims, 2059, 60), None);
        assert_eq!(kind(claims, 2060, 60), Some(RejectionKind::Expired));
        assert_eq!(kind(claims, 1000, 0), None);
        assert_eq!(kind(claims, 999, 0), Some(RejectionKind::NotYetValid));
        assert_eq!(kind(claims, 940, 60), None);
        assert_eq!(kind(claims, 939, 60), Some(RejectionKind::NotYetValid));
        assert_eq!(kind(r#"{"iat":1061,"exp":2000}"#, 1000, 60), Some(RejectionKind::NotYetValid));
        assert_eq!(kind(r#"{"exp":1999.5}"#, 1999, 0), None, "fractions count");
        assert_eq!(kind("{}", 0, 0), Some(RejectionKind::MissingClaim));
    }

    #[test]
    fn the_operator_reads_both_clocks_and_the_leeway() {
        let claims = Claims::parse(br#"{"exp":2000}"#).unwrap();
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(2100);
        let detail = check(&claims, now, Duration::from_secs(60)).unwrap_err().detail;
        for part in ["`exp` is 2000", "says 2100", "100 s apart", "leeway of 60 s"] {
            assert!(detail.contains(part), "{detail}");
        }
    }
}
