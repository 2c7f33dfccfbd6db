use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Fault, RandomFaults};
use crate::Endpoint;

/// The faults to come, by endpoint.
#[derive(Debug, Default)]
pub(crate) struct FaultPlan(Mutex<Plan>);

#[derive(Debug, Default)]
struct Plan {
    queues: BTreeMap<Endpoint, VecDeque<Fault>>,
    random: BTreeMap<Endpoint, RandomFaults>,
}

impl FaultPlan {
    pub(crate) fn add(&self, endpoint: Endpoint, fault: Fault) {
        self.plan().queues.entry(endpoint).or_default().push_back(fault);
    }

    pub(crate) fn add_random(&self, endpoint: Endpoint, faults: RandomFaults) {
        self.plan().random.insert(endpoint, faults);
    }

    pub(crate) fn clear(&self) {
        *self.plan() = Plan::default();
    }

    /// The fault that the next request to `endpoint` meets.
    pub(crate) fn take(&self, endpoint: Endpoint) -> Option<Fault> {
        let mut plan = self.plan();
        if let Some(queue) = plan.queues.get_mut(&endpoint) {
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
        }
        plan.random.get_mut(&endpoint)?.draw()
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
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

    #[test]
    fn chance_comes_after_the_script() {
        let plan = FaultPlan::default();
        plan.add_random(Endpoint::Token, RandomFaults::seeded(1).with(1.0, Fault::hang()));
        plan.add(Endpoint::Token, Fault::disconnect());
        let seen: Vec<_> =
            (0..3).filter_map(|_| plan.take(Endpoint::Token).map(|fault| format!("{fault:?}"))).collect();
        let has = |index: usize, what: &str| seen[index].contains(what);
        assert!(has(0, "closed connection") && has(1, "no answer") && has(2, "no answer"), "{seen:?}");
        plan.clear();
        assert!(plan.take(Endpoint::Token).is_none());
    }
}
