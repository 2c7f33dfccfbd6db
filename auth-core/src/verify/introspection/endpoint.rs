use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle as Runtime;
use tokio::sync::watch;
use tracing::Instrument;

use super::breaker::Breaker;
use super::flight::{Flight, FlightTask, GRACE, Said, Wait};
use super::memory::{Key, Memory};
use super::rate::Rate;
use super::rules::Rules;
use crate::oauth::{IntrospectionResponse, OAuthClient};
use crate::verify::IntrospectionStatus;
use crate::verify::rejection::{Fault, RejectionKind};
use crate::verify::step::Finding;
use crate::verify::telemetry;
use crate::{Clock, MonotonicTime, Secret, SubjectToken};

/// Answers that are longer are not remembered, so that many of them fit.
const MAX_KEPT: usize = 8 * 1024;

/// One introspection endpoint, and the rules for what it says.
pub(in crate::verify) struct Introspector {
    pub(super) client: OAuthClient,
    pub(super) rules: Rules,
    /// How the tokens begin that it is asked about. Empty: all.
    pub(super) prefixes: Box<[Box<str>]>,
    pub(super) keep_subject_token: bool,
    pub(super) clock: Clock,
    pub(super) limits: Limits,
    /// Answers that were accepted.
    pub(super) accepted: Option<Memory<IntrospectionResponse>>,
    /// Why tokens were refused.
    pub(super) refused: Option<Memory<Fault>>,
    pub(super) flow: Mutex<Flow>,
}

#[derive(Clone, Debug)]
pub(super) struct Limits {
    /// Of one request.
    pub(super) timeout: Duration,
    /// Requests under way at the same time.
    pub(super) in_flight: usize,
}

/// What an endpoint remembers of requests. Behind a lock that nobody takes who finds an answer.
pub(super) struct Flow {
    flights: HashMap<Key, Flight>,
    last_id: u64,
    breaker: Breaker,
    rate: Option<Rate>,
}

/// What somebody gets who wants to know of a token.
pub(super) enum Begun {
    Known(Result<Finding, Fault>),
    Wait(Wait),
}

impl Flow {
    pub(super) fn new(rate: Option<Rate>) -> Self {
        Self { flights: HashMap::new(), last_id: 0, breaker: Breaker::default(), rate }
    }
}

impl Introspector {
    /// Host and port, for messages.
    pub(super) fn site(&self) -> &str {
        self.client.introspection_site()
    }

    /// What is known of `token`, or a request that will tell.
    pub(super) fn begin(self: &Arc<Self>, key: Key, token: &str) -> Begun {
        if let Some(fault) = self.refused.as_ref().and_then(|refused| refused.get(&key)) {
            return Begun::Known(Err(fault));
        }
        if let Some(answer) = self.accepted.as_ref().and_then(|accepted| accepted.get(&key)) {
            return Begun::Known(self.finding(&answer, token));
        }
        match self.ask(key, token) {
            Ok(wait) => Begun::Wait(wait),
            Err(fault) => Begun::Known(Err(fault)),
        }
    }

    /// What an outcome means for `token`. An answer is judged anew for each caller, also one that is remembered.
    pub(super) fn judge(&self, said: &Said, token: &str) -> Result<Finding, Fault> {
        match said {
            Said::Answer(answer) => self.finding(answer, token),
            Said::Nothing(failure) => Err(failure.fault.clone()),
        }
    }

    /// What to answer instead of waiting.
    pub(super) fn pending(&self) -> Fault {
        let detail = format!(
            "the token is being looked up at {}; a service that cannot wait needs `cache_for`, so that it finds the answer at the next attempt",
            self.site()
        );
        Fault::new(RejectionKind::IntrospectionUnavailable, detail).retry_after(Duration::from_secs(1))
    }

    fn finding(&self, answer: &IntrospectionResponse, token: &str) -> Result<Finding, Fault> {
        let principal = self.rules.judge(answer, self.clock.wall())?;
        let subject_token = self.keep_subject_token.then(|| SubjectToken::new(token, principal.expires_at));
        Ok(Finding { subject_token, ..Finding::from(principal) })
    }

    /// Joins the request for this token that is under way, or sends one.
    fn ask(self: &Arc<Self>, key: Key, token: &str) -> Result<Wait, Fault> {
        let now = self.clock.now();
        let mut flow = self.flow();
        if let Some(flight) = flow.flights.get(&key).filter(|flight| now < flight.lost_at) {
            return Ok(self.wait(flight.outcome.clone()));
        }
        if let Some(fault) = flow.breaker.refusal(now) {
            return Err(fault);
        }
        if flow.flights.len() >= self.limits.in_flight {
            flow.flights.retain(|_, flight| now < flight.lost_at);
        }
        if flow.flights.len() >= self.limits.in_flight {
            return Err(self.overloaded("as many introspection requests are under way as are allowed", Duration::ZERO));
        }
        let Ok(runtime) = Runtime::try_current() else { return Err(no_runtime()) };
        if let Some(Err(wait)) = flow.rate.as_mut().map(|rate| rate.take(now)) {
            return Err(self.overloaded("as many tokens were looked up in the last second as are allowed", wait));
        }
        let (sender, outcome) = watch::channel(None);
        flow.last_id += 1;
        let id = flow.last_id;
        let lost_at = now + self.limits.timeout + GRACE;
        flow.breaker.begin(lost_at);
        flow.flights.insert(key, Flight { id, lost_at, outcome: outcome.clone() });
        // A runtime that is shutting down drops the task here and now, and that takes the lock.
        drop(flow);
        let endpoint = Arc::clone(self);
        let task = FlightTask { endpoint, id, key, token: Secret::new(token), started: now, outcome: Some(sender) };
        runtime.spawn(task.run().in_current_span());
        Ok(self.wait(outcome))
    }

    fn wait(&self, outcome: watch::Receiver<Option<Said>>) -> Wait {
        let limit = self.limits.timeout.saturating_add(GRACE * 2);
        Wait { outcome, clock: self.clock.clone(), limit }
    }

    /// Takes in what a request ended with. Only a verdict is remembered, and not if it was begun before everything was to be
    /// forgotten.
    pub(super) fn land(&self, id: u64, key: Key, started: MonotonicTime, said: &Said) {
        let verdict = match said {
            Said::Answer(answer) => Some((answer, self.rules.judge(answer, self.clock.wall()))),
            Said::Nothing(_) => None,
        };
        let mut flow = self.flow();
        match said {
            Said::Answer(answer) => {
                telemetry::introspected(if answer.is_active() { "active" } else { "inactive" });
                flow.breaker.succeeded();
            }
            Said::Nothing(failure) => {
                telemetry::not_introspected(self.site(), failure.code, &failure.fault.detail);
                flow.breaker.failed(self.clock.now(), started, failure, fastrand::f64());
            }
        }
        if flow.flights.get(&key).is_none_or(|flight| flight.id != id) {
            return;
        }
        flow.flights.remove(&key);
        match verdict {
            Some((answer, Ok(principal))) if answer.json().len() <= MAX_KEPT => {
                if let Some(accepted) = &self.accepted {
                    accepted.insert(key, answer.clone(), principal.expires_at);
                }
            }
            Some((_, Err(fault))) => {
                if let Some(refused) = &self.refused {
                    refused.insert(key, fault, None);
                }
            }
            Some((_, Ok(_))) | None => {}
        }
    }

    pub(super) fn status(&self) -> IntrospectionStatus {
        let now = self.clock.now();
        let flow = self.flow();
        let (consecutive_failures, last_failure) = flow.breaker.failures();
        IntrospectionStatus {
            host: self.site().to_owned(),
            in_flight: flow.flights.values().filter(|flight| now < flight.lost_at).count(),
            last_failure,
            consecutive_failures,
            next_attempt_in: flow.breaker.refusal(now).and_then(|fault| fault.retry_after),
        }
    }

    /// Forgets everything, also what requests under way will bring.
    pub(super) fn forget(&self) {
        let mut flow = self.flow();
        flow.flights.clear();
        if let Some(accepted) = &self.accepted {
            accepted.clear();
        }
        if let Some(refused) = &self.refused {
            refused.clear();
        }
    }

    /// The same for one token.
    pub(super) fn forget_token(&self, key: &Key) {
        let mut flow = self.flow();
        flow.flights.remove(key);
        if let Some(accepted) = &self.accepted {
            accepted.remove(key);
        }
        if let Some(refused) = &self.refused {
            refused.remove(key);
        }
    }

    fn overloaded(&self, what: &str, wait: Duration) -> Fault {
        Fault::new(RejectionKind::Overloaded, format!("{what} ({})", self.site()))
            .retry_after(wait.max(Duration::from_secs(1)))
    }

    fn flow(&self) -> MutexGuard<'_, Flow> {
        // Nothing under the lock panics half-way; a poisoned lock still holds a whole value.
        self.flow.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cold]
fn no_runtime() -> Fault {
    Fault::new(
        RejectionKind::IntrospectionUnavailable,
        "nothing can be said of the token: there is no tokio runtime to look it up on",
    )
    .retry_after(Duration::from_secs(1))
}

impl fmt::Debug for Introspector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Introspector").field("site", &self.site()).field("rules", &self.rules).finish_non_exhaustive()
    }
}
