use std::future::Future;
use std::time::Duration;

use crate::{Clock, MonotonicTime};

/// Until when an exchange may take, all its steps together.
#[derive(Clone, Copy)]
pub(super) struct Limit<'a> {
    clock: &'a Clock,
    deadline: MonotonicTime,
}

impl<'a> Limit<'a> {
    pub(super) fn new(clock: &'a Clock, whole: Duration) -> Self {
        Self { clock, deadline: clock.now() + whole }
    }

    pub(super) fn deadline(self) -> MonotonicTime {
        self.deadline
    }

    /// Ends when the time is over.
    pub(super) fn passed(self) -> impl Future<Output = ()> + Send + 'a {
        self.clock.sleep_until(self.deadline)
    }
}
