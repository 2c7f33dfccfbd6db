use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Fault;
use crate::Endpoint;

/// The faults to come, by endpoint.
#[derive(Debug, Default)]
pub(crate) struct FaultPlan(Mutex<BTreeMap<Endpoint, VecDeque<Fault>>>);

impl FaultPlan {
    pub(crate) fn add(&self, endpoint: Endpoint, fault: Fault) {
        self.queues().entry(endpoint).or_default().push_back(fault);
    }

    pub(crate) fn clear(&self) {
        self.queues().clear();
    }

    /// The fault that the next request to `endpoint` meets.
    pub(crate) fn take(&self, endpoint: Endpoint) -> Option<Fault> {
        let mut queues = self.queues();
        let queue = queues.get_mut(&endpoint)?;
        while let Some(first) = queue.front_mut() {
            match &mut first.times {
                None => return Some(first.clone()),
                Some(0) => drop(queue.pop_front()),
                Some(left) => {
                    *left -= 1;
                    return Some(first.clone());
                }
            }
        }
        None
    }

    fn queues(&self) -> MutexGuard<'_, BTreeMap<Endpoint, VecDeque<Fault>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    #[test]
    fn faults_queue_up_per_endpoint_and_are_used_up() {
        let plan = FaultPlan::default();
        let status = |fault: Option<Fault>| fault.map(|fault| format!("{fault:?}").contains("status 503"));
        plan.add(Endpoint::Token, Fault::status(StatusCode::SERVICE_UNAVAILABLE).times(2));
        plan.add(Endpoint::Token, Fault::hang().times(0));
        plan.add(Endpoint::Token, Fault::hang().always());
        assert!(plan.take(Endpoint::Jwks).is_none());
        let seen: Vec<_> = (0..4).map(|_| status(plan.take(Endpoint::Token))).collect();
        assert_eq!(seen, [Some(true), Some(true), Some(false), Some(false)]);
        plan.clear();
        assert!(plan.take(Endpoint::Token).is_none());
    }
}
