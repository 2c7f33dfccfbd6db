//! Jobs on their way, so that an address that does not answer holds up those for no other.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tower_auth_core::{Clock, MonotonicTime};

use super::run::Next;
use super::store::Inner;
use super::window::Window;
use crate::backend::{Job, JobKind};
use crate::error::StoreError;

/// How long a job that was taken is its process's own. Longer than one attempt takes.
const LEASE: Duration = Duration::from_secs(60);

/// How many jobs are taken at once.
const BATCH: usize = 50;
/// How many are under way at once, but for those that have taken long.
const WIDTH: usize = 64;
/// The same of one lane, those that have taken long included: so many places a dead address can have.
const LANE_WIDTH: usize = 16;
/// How many there are at once all the same.
const LIMIT: usize = 256;

/// A job that has taken so long makes room for another one beside it: most likely nobody answers.
const PATIENCE: Duration = Duration::from_secs(1);

/// For how long a job is put off whose lane has no place: as long as the oldest job of the lane has taken so far, but not more briefly; longer where none ends quickly.
const BRIEFLY: Duration = Duration::from_millis(50);
const LONGER: Duration = Duration::from_secs(5);

/// For how long a lane rests after a job that nobody answered: at first, and at the most, for it doubles each time.
const FIRST_REST: Duration = Duration::from_secs(5);
const LAST_REST: Duration = Duration::from_secs(5 * 60);
/// How long others wait for the one that goes ahead after a rest. About as long as an attempt takes.
const LOOK: Duration = Duration::from_secs(20);

/// Of how many lanes it is known that nobody answers: users may choose hosts.
const KNOWN: usize = 10_000;

/// What the jobs of a kind are.
pub(super) trait Errand: Sized + Send + 'static {
    const KIND: JobKind;

    /// For how long somebody who does not answer is tried.
    const GIVE_UP_AFTER: Duration;

    /// Opens a job, and says which lane it belongs to: jobs for one address have one lane. `None` if it is settled already.
    fn open(store: &Inner, job: &Job) -> impl Future<Output = Result<Option<(String, Self)>, StoreError>> + Send;

    /// Carries the job out, and ends it or has it tried again.
    fn carry_out(self, store: Arc<Inner>, job: Job) -> impl Future<Output = Result<Reached, StoreError>> + Send;

    /// Tells the operator that it is not carried out any more.
    fn give_up(&self, job: &Job);
}

/// Whether anybody was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reached {
    Yes,
    No,
}

/// The jobs of one kind in this process. Which lane a job has is sealed with it, so that the database cannot choose: what it hands out and has no place in its lane is
/// put off, and the next ones are looked at.
pub(super) struct Lanes {
    window: Window<String, Result<Reached, StoreError>>,
    silent: HashMap<String, Silence>,
}

/// A lane on which nobody answered the last time.
struct Silence {
    rest: Duration,
    until: MonotonicTime,
    /// Whether one goes ahead at the moment to see.
    looks: bool,
}

impl Lanes {
    pub(super) fn new() -> Self {
        Self { window: Window::new(), silent: HashMap::new() }
    }

    /// Ends when there may be more room.
    pub(super) async fn moved(&mut self, clock: &Clock) {
        self.window.moved(clock, PATIENCE).await;
    }

    /// For how many more there is room.
    fn room(&self, now: MonotonicTime) -> usize {
        let quick = self.window.count(now, |_, age| age < PATIENCE);
        let all = self.window.count(now, |_, _| true);
        WIDTH.saturating_sub(quick).min(LIMIT.saturating_sub(all)).min(BATCH)
    }

    /// `None` if a job of that lane is to begin now, else for how long it is to be put off.
    fn wait(&mut self, lane: &str, now: MonotonicTime) -> Option<Duration> {
        if let Some(silence) = self.silent.get_mut(lane) {
            if silence.until > now {
                // Not all at the same time.
                return Some(silence.until.saturating_since(now).mul_f64(1.0 + fastrand::f64()));
            }
            (silence.looks, silence.until) = (true, now + LOOK);
            return None;
        }
        let count = |longest| self.window.count(now, |own, age| own == lane && age < longest);
        if count(Duration::MAX) < LANE_WIDTH {
            return None;
        }
        match count(PATIENCE) {
            0 => Some(LONGER),
            _ => self.window.oldest(now, |own| own == lane).map(|age| age.clamp(BRIEFLY, LONGER)),
        }
    }

    fn is_silent(&self, lane: &str) -> bool {
        self.silent.contains_key(lane)
    }

    /// Learns from what has ended. The first error, if of one it could not even be noted what became of it.
    fn learn(&mut self, now: MonotonicTime) -> Result<(), StoreError> {
        let mut outcome = Ok(());
        for (lane, end) in self.window.ended(now) {
            match end {
                Some(Ok(Reached::Yes)) => drop(self.silent.remove(&lane)),
                Some(Ok(Reached::No)) => self.note_silence(lane, now),
                Some(Err(error)) if outcome.is_ok() => outcome = Err(error),
                Some(Err(_)) | None => {}
            }
        }
        outcome
    }

    fn note_silence(&mut self, lane: String, now: MonotonicTime) {
        match self.silent.get_mut(&lane) {
            Some(silence) if silence.looks => {
                let rest = (silence.rest * 2).min(LAST_REST);
                *silence = Silence { rest, until: now + rest, looks: false };
            }
            // It was under way together with the first one.
            Some(_) => {}
            None => {
                if self.silent.len() >= KNOWN {
                    self.silent.retain(|_, silence| silence.until > now);
                }
                if self.silent.len() < KNOWN {
                    self.silent.insert(lane, Silence { rest: FIRST_REST, until: now + FIRST_REST, looks: false });
                }
            }
        }
    }
}

impl Inner {
    /// Takes jobs that are due, begins those whose lanes have room, and puts the others off.
    pub(super) async fn carry_out<E: Errand>(self: &Arc<Self>, lanes: &mut Lanes) -> Result<Next, StoreError> {
        lanes.learn(self.clock.now())?;
        let room = lanes.room(self.clock.now());
        if room == 0 {
            return Ok(Next::Room);
        }
        let jobs = self.backend.claim_jobs(E::KIND, u32::try_from(room).unwrap_or(u32::MAX), LEASE).await?;
        if jobs.is_empty() {
            return Ok(Next::Later);
        }
        let is_all = jobs.len() < room;
        let today = self.backend.now().await?;
        let mut put_off = Vec::new();
        for job in jobs {
            let Some((lane, errand)) = E::open(self, &job).await? else { continue };
            let now = self.clock.now();
            match lanes.wait(&lane, now) {
                None => lanes.window.begin(lane, now, errand.carry_out(Arc::clone(self), job)),
                // Nobody may come to try it for as long as nobody answers.
                Some(_) if lanes.is_silent(&lane) && today.since(job.created_at) >= E::GIVE_UP_AFTER => {
                    errand.give_up(&job);
                    self.end_job(&job).await?;
                }
                Some(wait) => put_off.push((job.id, job.fence, wait)),
            }
        }
        let shortest = put_off.iter().map(|(_, _, wait)| *wait).min();
        self.backend.put_off_jobs(put_off).await?;
        Ok(match shortest {
            _ if !is_all => Next::AtOnce,
            Some(wait) => Next::After(wait),
            None => Next::Later,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::time::SystemTime;

    use tower_auth_core::TimeSource;

    use super::*;

    const DEAD: &str = "dead";

    /// The runtime's time, which stands still while there is something to do.
    struct RuntimeTime(tokio::time::Instant);

    impl TimeSource for RuntimeTime {
        fn monotonic(&self) -> Duration {
            self.0.elapsed()
        }

        fn wall(&self) -> SystemTime {
            SystemTime::UNIX_EPOCH + self.monotonic()
        }

        fn sleep(&self, length: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
            Box::pin(tokio::time::sleep(length))
        }
    }

    fn clock() -> Clock {
        Clock::injected(RuntimeTime(tokio::time::Instant::now()))
    }

    /// Jobs by when they are due, as a database has them, and what became of them.
    struct Queue {
        clock: Clock,
        lanes: Lanes,
        jobs: Vec<(MonotonicTime, usize, String)>,
        tried: HashMap<String, usize>,
    }

    impl Queue {
        fn new(jobs: impl IntoIterator<Item = String>) -> Self {
            let clock = clock();
            let due = clock.now();
            let jobs = jobs.into_iter().enumerate().map(|(id, lane)| (due, id, lane)).collect();
            Self { clock, lanes: Lanes::new(), jobs, tried: HashMap::new() }
        }

        fn tried(&self, lane: &str) -> usize {
            self.tried.get(lane).copied().unwrap_or(0)
        }

        /// Carries out jobs as [`Inner::carry_out`] does, and as often, for so long or until `is_done`. Those of a dead lane hang for fifteen seconds, and are then due
        /// again at once.
        async fn run(
            &mut self,
            length: Duration,
            is_dead: fn(&str) -> bool,
            is_done: impl Fn(&Self) -> bool,
        ) -> Duration {
            let begun = self.clock.now();
            while !is_done(self) && self.clock.now().saturating_since(begun) < length {
                let now = self.clock.now();
                self.lanes.learn(now).unwrap();
                self.jobs.sort();
                let room = self.lanes.room(now);
                let due = self.jobs.iter().take_while(|(due, ..)| *due <= now).count().min(room);
                let (mut again, mut shortest) = (Vec::new(), Duration::from_secs(1));
                for (_, id, lane) in self.jobs.drain(..due) {
                    if let Some(wait) = self.lanes.wait(&lane, now) {
                        again.push((now + wait, id, lane));
                        shortest = shortest.min(wait);
                        continue;
                    }
                    *self.tried.entry(lane.clone()).or_default() += 1;
                    let (clock, hangs) = (self.clock.clone(), is_dead(&lane));
                    self.lanes.window.begin(lane.clone(), now, async move {
                        clock.sleep(Duration::from_millis(if hangs { 15_000 } else { 50 })).await;
                        Ok(if hangs { Reached::No } else { Reached::Yes })
                    });
                    if hangs {
                        again.push((now + Duration::from_secs(15), id, lane));
                    }
                }
                self.jobs.extend(again);
                let least = Duration::from_millis(20);
                let pause = if due == room { least } else { shortest.max(least) };
                tokio::select! {
                    () = self.clock.sleep(pause) => {}
                    () = self.lanes.moved(&self.clock), if room == 0 => {}
                }
            }
            self.clock.now().saturating_since(begun)
        }
    }

    fn jobs(lane: impl Into<String>, count: usize) -> impl Iterator<Item = String> {
        std::iter::repeat_n(lane.into(), count)
    }

    #[tokio::test(start_paused = true)]
    async fn a_dead_address_with_many_jobs_delays_no_others_and_is_asked_now_and_then() {
        let mut queue = Queue::new(jobs(DEAD, 1_000).chain(jobs("live", 200)));
        let is_dead = |lane: &str| lane == DEAD;
        let took = queue.run(Duration::from_secs(60), is_dead, |queue| queue.tried("live") == 200).await;
        assert!(took < Duration::from_secs(6), "{took:?}");
        // Another one an hour later, when all of the dead are due again and again.
        queue.run(Duration::from_secs(3_600), is_dead, |_| false).await;
        assert!((16 + 10..16 + 40).contains(&queue.tried(DEAD)), "{}", queue.tried(DEAD));
        queue.jobs.extend([(queue.clock.now(), 10_000, "other".to_owned())]);
        let took = queue.run(Duration::from_secs(60), is_dead, |queue| queue.tried("other") == 1).await;
        assert!(took < Duration::from_secs(3), "{took:?}");
        // It answers again: one shows that, and all follow.
        let before = queue.tried(DEAD);
        let took = queue.run(Duration::from_secs(3_600), |_| false, |queue| queue.tried(DEAD) == before + 1_000).await;
        assert!(took < LAST_REST * 2 + Duration::from_secs(60), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn many_dead_addresses_do_not_take_all_places() {
        let dead = (0..12).flat_map(|number| jobs(format!("dead {number}"), 100));
        let mut queue = Queue::new(dead.chain(jobs("live", 100)));
        let is_dead = |lane: &str| lane.starts_with(DEAD);
        let took = queue.run(Duration::from_secs(60), is_dead, |queue| queue.tried("live") == 100).await;
        assert!(took < Duration::from_secs(8), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_lane_that_answers_carries_out_many_jobs_in_short_time() {
        let mut queue = Queue::new(jobs("live", 1_000));
        let took = queue.run(Duration::from_secs(60), |_| false, |queue| queue.tried("live") == 1_000).await;
        assert!(took < Duration::from_secs(6), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_known_of_silent_lanes_is_bounded() {
        let (clock, mut lanes) = (clock(), Lanes::new());
        for number in 0..KNOWN + 10 {
            lanes.note_silence(number.to_string(), clock.now());
        }
        assert_eq!(lanes.silent.len(), KNOWN);
        lanes.note_silence("later".to_owned(), clock.now() + FIRST_REST);
        assert_eq!(lanes.silent.len(), 1);
    }
}
