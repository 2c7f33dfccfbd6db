use std::fmt;
use std::sync::Arc;

use super::rule::Answer;
use crate::verify::{Claim, Principal};

/// What one claim must be.
#[derive(Clone)]
pub(super) struct ClaimRule {
    place: Box<str>,
    test: Test,
}

#[derive(Clone)]
enum Test {
    /// This text, or a list of texts with this one among them.
    Has(Box<str>),
    Where(Arc<Predicate>),
}

type Predicate = dyn Fn(Claim<'_>) -> Option<bool> + Send + Sync;

impl ClaimRule {
    pub(super) fn has(place: String, value: String) -> Self {
        Self { place: place.into(), test: Test::Has(value.into()) }
    }

    pub(super) fn new(place: String, test: impl Fn(Claim<'_>) -> Option<bool> + Send + Sync + 'static) -> Self {
        Self { place: place.into(), test: Test::Where(Arc::new(test)) }
    }

    /// The claim's name or pointer.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    pub(super) fn answer(&self, principal: &Principal) -> Answer {
        let Some(claim) = principal.claim(&self.place) else { return Answer::No };
        let holds = match &self.test {
            Test::Has(value) if claim.has(value) => Some(true),
            Test::Has(_) if claim.as_text().is_some() => Some(false),
            // What is no text may mean anything.
            Test::Has(_) => claim.texts().map(|_| false),
            Test::Where(test) => test(claim),
        };
        holds.map_or(Answer::Unclear, Answer::from)
    }
}

impl fmt::Debug for ClaimRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.test {
            Test::Has(value) => write!(f, "{} has {value:?}", self.place),
            Test::Where(_) => write!(f, "{} fits", self.place),
        }
    }
}
