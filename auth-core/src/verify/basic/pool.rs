use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle as Runtime;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::hash::OutOfMemory;
use crate::verify::rejection::{Fault, RejectionKind};

/// Hashing, off the async threads: so many at once, so many more that wait for their turn, and nobody else.
///
/// A permit goes where its work goes. Whoever waits gives it back by being dropped; a hash under way keeps it to its end,
/// whether or not somebody still wants the result.
pub(super) struct HashPool {
    places: Arc<Semaphore>,
    turns: Arc<Semaphore>,
}

/// A place among those that hash or wait.
pub(super) struct Place {
    place: OwnedSemaphorePermit,
    turns: Arc<Semaphore>,
}

/// The right to hash now.
pub(super) struct Turn {
    _place: OwnedSemaphorePermit,
    _turn: OwnedSemaphorePermit,
}

/// When to come again if there is no place. By then a queue of the default length is empty.
const RETRY_AFTER: Duration = Duration::from_secs(1);

impl HashPool {
    /// `at_once` hashes at once, at least one, and `waiting` more that wait.
    pub(super) fn new(at_once: usize, waiting: usize) -> Self {
        let at_once = at_once.clamp(1, Semaphore::MAX_PERMITS / 2);
        let places = at_once + waiting.min(Semaphore::MAX_PERMITS / 2);
        Self { places: Arc::new(Semaphore::new(places)), turns: Arc::new(Semaphore::new(at_once)) }
    }

    /// A place, if there is one.
    pub(super) fn enter(&self) -> Result<Place, Fault> {
        let full = |_| {
            let detail =
                "more passwords wait to be hashed than may: there is a burst of logins, or somebody tries passwords";
            Fault::new(RejectionKind::Overloaded, detail).retry_after(RETRY_AFTER)
        };
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(full)?;
        Ok(Place { place, turns: Arc::clone(&self.turns) })
    }
}

impl Place {
    /// Waits for a turn, in the order of coming.
    pub(super) async fn turn(self) -> Result<Turn, Fault> {
        let Self { place, turns } = self;
        // Nobody closes the semaphore.
        let turn = turns.acquire_owned().await.map_err(|_| failed("the pool of hashes is closed"))?;
        Ok(Turn { _place: place, _turn: turn })
    }
}

impl Turn {
    /// Runs `work` on a thread that may block. It runs to its end even if the future is dropped.
    pub(super) async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce() -> Result<T, OutOfMemory> + Send + 'static,
    ) -> Result<T, Fault> {
        let runtime = Runtime::try_current().map_err(|_| failed("there is no tokio runtime to hash a password on"))?;
        let work = move || {
            let _held = self;
            work()
        };
        match runtime.spawn_blocking(work).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(OutOfMemory)) => {
                let detail = "there is not enough memory to hash a password";
                Err(Fault::new(RejectionKind::Overloaded, detail).retry_after(RETRY_AFTER))
            }
            Err(error) if error.is_cancelled() => {
                Err(Fault::new(RejectionKind::Overloaded, "the runtime ended before the password was hashed"))
            }
            Err(_) => Err(failed("the hashing of a password panicked")),
        }
    }
}

/// The refusal of callers that cannot wait for a hash.
pub(super) fn pending() -> Fault {
    Fault::new(RejectionKind::Overloaded, "the password must be hashed, and this caller cannot wait")
        .retry_after(RETRY_AFTER)
}

fn failed(detail: &'static str) -> Fault {
    Fault::new(RejectionKind::Misconfigured, detail)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn kind(result: Result<Place, Fault>) -> Result<(), (RejectionKind, Option<Duration>)> {
        result.map(|_| ()).map_err(|fault| (fault.kind, fault.retry_after))
    }

    // THREAT-V13, THREAT-A4
    #[tokio::test]
    async fn there_are_so_many_places_and_whoever_goes_away_gives_his_back() {
        let pool = HashPool::new(1, 2);
        let full = Err((RejectionKind::Overloaded, Some(RETRY_AFTER)));
        let (release, gate) = mpsc::channel::<()>();
        let turn = pool.enter().unwrap().turn().await.unwrap();
        let running = tokio::spawn(turn.run(move || {
            gate.recv().unwrap();
            Ok(())
        }));
        tokio::task::yield_now().await;
        let mut waiting = Vec::new();
        for _ in 0..2 {
            let mut future = Box::pin(pool.enter().unwrap().turn());
            tokio::select! { biased; _ = &mut future => panic!("there is one turn"), () = std::future::ready(()) => {} }
            waiting.push(future);
        }
        assert_eq!(kind(pool.enter()), full);
        waiting.pop();
        let place = pool.enter().unwrap();
        assert_eq!(kind(pool.enter()), full);
        drop(place);

        // Nobody waits for the result any more, and the work goes on.
        running.abort();
        assert!(running.await.unwrap_err().is_cancelled());
        assert_eq!(pool.turns.available_permits(), 0);
        release.send(()).unwrap();
        let turn = waiting.pop().unwrap().await.unwrap();
        drop(turn);
        assert_eq!((pool.turns.available_permits(), pool.places.available_permits()), (1, 3));
    }

    #[tokio::test]
    async fn work_that_panics_gives_its_place_back() {
        let pool = HashPool::new(0, 0);
        let turn = pool.enter().unwrap().turn().await.unwrap();
        let fault = turn.run(|| -> Result<(), OutOfMemory> { panic!("as tested") }).await.unwrap_err();
        assert_eq!(fault.kind, RejectionKind::Misconfigured);
        let turn = pool.enter().unwrap().turn().await.unwrap();
        assert_eq!(turn.run(|| Err::<(), _>(OutOfMemory)).await.unwrap_err().kind, RejectionKind::Overloaded);
        assert!(pool.enter().is_ok());
    }

    #[test]
    fn without_a_runtime_there_is_an_error_and_no_panic() {
        let pool = HashPool::new(1, 0);
        let mut future = Box::pin(async { pool.enter().unwrap().turn().await.unwrap().run(|| Ok(())).await });
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        let std::task::Poll::Ready(Err(fault)) = future.as_mut().poll(&mut context) else { panic!("an error at once") };
        assert_eq!(fault.kind, RejectionKind::Misconfigured);
    }
}
