use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use tokio::runtime::Handle as Runtime;
use zeroize::Zeroizing;

use super::parse::{self, Users};
use crate::error::{ConfigError, ConfigErrorKind, printable};
use crate::verify::basic::UserAccount;
use crate::verify::basic::kinds::Kinds;
use crate::verify::digest::Digest;
use crate::{Clock, MonotonicTime};

/// Largest file that is read, in bytes: 16 MiB, some 200,000 users.
const MAX_FILE: u64 = 16 * 1024 * 1024;

/// How often the file is looked at.
const INTERVAL: Duration = Duration::from_secs(5);

/// A file that was written so shortly before it was read may be written again without another time or length.
const SETTLED: Duration = Duration::from_secs(3);

/// A password file, read again when it changes. What it said last stays in force while it cannot be read.
pub(in crate::verify::basic) struct HtpasswdFile {
    path: PathBuf,
    weak: bool,
    clock: Clock,
    content: ArcSwap<Content>,
    next_look: AtomicU64,
    /// When the next request that need not wait starts a look beside it.
    next_beside: AtomicU64,
    /// One looks at a time, on a thread that may block.
    look: Mutex<Look>,
}

/// What the file said.
struct Content {
    users: Users,
    kinds: Kinds,
}

/// What is known of the file as it was when it was looked at last.
struct Look {
    stamp: Option<Stamp>,
    digest: Digest,
    /// Whether what it said then can be used.
    content: Result<(), String>,
    /// What the log was told last: each problem is said once.
    said: Option<String>,
}

/// What changes when a file does.
#[derive(PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    len: u64,
    inode: u64,
}

impl HtpasswdFile {
    /// Reads the file.
    ///
    /// # Errors
    /// When it cannot be read, is too large, has no user, or a line that is not understood.
    pub(in crate::verify::basic) fn open(path: PathBuf, weak: bool, clock: Clock) -> Result<Self, ConfigError> {
        let invalid = |problem: String| {
            let name = printable(&path.display().to_string(), 256);
            ConfigError::new(
                ConfigErrorKind::InvalidOption,
                format!("the password file {name} cannot be used: {problem}"),
            )
        };
        let (stamp, bytes) =
            read(&path, &clock).map_err(|error| invalid("it cannot be read".to_owned()).with_source(error))?;
        let users = parse::parse(&bytes, weak).map_err(invalid)?;
        if users.is_empty() {
            return Err(invalid("it has no user".to_owned()));
        }
        let look = Look { stamp, digest: Digest::of(&[&bytes]), content: Ok(()), said: None };
        let next_look = (clock.now() + INTERVAL).as_nanos();
        let content = ArcSwap::from_pointee(Content::new(users));
        let (next_look, next_beside) = (next_look.into(), next_look.into());
        Ok(Self { path, weak, clock, content, next_look, next_beside, look: look.into() })
    }

    /// The account of a user.
    pub(in crate::verify::basic) fn find(&self, user: &str) -> Option<Arc<UserAccount>> {
        self.content.load().users.get(user).cloned()
    }

    /// The kinds of its hashes.
    pub(in crate::verify::basic) fn kinds(&self) -> Kinds {
        self.content.load().kinds.clone()
    }

    /// Whether it was not looked at for a while.
    pub(in crate::verify::basic) fn is_due(&self) -> bool {
        self.clock.now() >= MonotonicTime::from_nanos(self.next_look.load(Ordering::Acquire))
    }

    /// Looks beside the request that noticed it is due. At most one look is started in a while, whatever becomes of it.
    pub(in crate::verify::basic) fn look_beside(self: &Arc<Self>) {
        let now = self.clock.now();
        let due = self.next_beside.load(Ordering::Relaxed);
        let next = (now + INTERVAL).as_nanos();
        let claim = || self.next_beside.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed);
        if !self.is_due() || now < MonotonicTime::from_nanos(due) || claim().is_err() {
            return;
        }
        let file = Arc::clone(self);
        match Runtime::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(move || file.look())),
            // Then this is no async thread either.
            Err(_) => file.look(),
        }
    }

    /// Looks whether the file has changed, and reads it if so, unless another look has been faster. Blocks; whoever comes
    /// meanwhile waits for the one look.
    pub(in crate::verify::basic) fn look(&self) {
        let Ok(mut look) = self.look.lock() else { return };
        if !self.is_due() {
            return;
        }
        let problem = self.look_at(&mut look).err();
        if problem != look.said {
            let path = self.path.display();
            match &problem {
                Some(problem) => {
                    tracing::warn!(%path, problem, "password file not usable: its last good content stays in force");
                }
                None => tracing::info!(%path, "password file usable again"),
            }
            look.said = problem;
        }
        // Only now: whoever finds that no look is due relies on what this one has found.
        self.next_look.store((self.clock.now() + INTERVAL).as_nanos(), Ordering::Release);
    }

    /// What is wrong with the file as it is now.
    fn look_at(&self, look: &mut Look) -> Result<(), String> {
        let unreadable = |error: io::Error| format!("it cannot be read: {error}");
        let metadata = std::fs::metadata(&self.path).map_err(unreadable)?;
        if look.stamp.as_ref().is_some_and(|stamp| *stamp == Stamp::of(&metadata)) {
            return look.content.clone();
        }
        let (stamp, bytes) = read(&self.path, &self.clock).map_err(unreadable)?;
        look.stamp = stamp;
        let digest = Digest::of(&[&bytes]);
        if !bool::from(digest.matches(&look.digest)) {
            look.digest = digest;
            look.content = parse::parse(&bytes, self.weak).map(|users| self.publish(users));
        }
        look.content.clone()
    }

    fn publish(&self, users: Users) {
        let path = self.path.display();
        if users.is_empty() {
            tracing::warn!(%path, "password file has no user any more: nobody gets in by it");
        } else {
            tracing::info!(%path, users = users.len(), "password file read again");
        }
        self.content.store(Arc::new(Content::new(users)));
    }
}

impl Content {
    fn new(users: Users) -> Self {
        let kinds = users.values().map(|account| account.hash().kind());
        Self { kinds: Kinds::of(kinds), users }
    }
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        let inode = std::os::unix::fs::MetadataExt::ino(metadata);
        #[cfg(not(unix))]
        let inode = 0;
        Self { modified: metadata.modified().ok(), len: metadata.len(), inode }
    }

    /// Whether a later change would show in it.
    fn is_settled(&self, clock: &Clock) -> bool {
        let age = self.modified.and_then(|modified| clock.wall().duration_since(modified).ok());
        age.is_some_and(|age| age >= SETTLED)
    }
}

/// The file and its stamp, if that can be relied on.
fn read(path: &Path, clock: &Clock) -> io::Result<(Option<Stamp>, Zeroizing<Vec<u8>>)> {
    let file = File::open(path)?;
    let stamp = Stamp::of(&file.metadata()?);
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(io::Error::other("it is larger than 16 MiB"));
    }
    Ok((stamp.is_settled(clock).then_some(stamp), bytes))
}
