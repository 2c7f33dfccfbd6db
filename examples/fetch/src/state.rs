//! The file in which tokens wait for the next run.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{SHA256, digest};
use rustix::fs::{FlockOperation, OFlags, flock};
use tower_auth::core::{FieldScope, FilledProvider, Secret, TokenResponse};

use crate::args::Args;
use crate::explain;
use crate::failure::Failure;
use crate::output::complain;
use crate::values::Environment;

/// Tokens on disk, for one provider, method and set of values. Only its owner can read it, it is replaced as a whole, and only the run that
/// has the lock beside it uses it, so that no refresh token is spent twice.
#[derive(Debug)]
pub struct StateFile {
    path: PathBuf,
    /// Held as long as this.
    _lock: File,
}

/// The largest file that is read, in bytes.
const MAX_SIZE: u64 = 1024 * 1024;

/// How often it is looked whether the lock is free.
const PAUSE: Duration = Duration::from_millis(50);

impl StateFile {
    /// The file for a run: the one that was named, or one of its own in the state folder of this program. Waits until no other run uses it.
    pub(crate) async fn of_run(
        filled: &FilledProvider,
        args: &Args,
        environment: &Environment,
    ) -> Result<Self, Failure> {
        let path = match &args.state {
            Some(path) => PathBuf::from(path),
            None => {
                let folder = folder(environment)?;
                private_folder(&folder)?;
                folder.join(name(filled, &args.scopes))
            }
        };
        Self::open(path).await
    }

    /// Locks the file at `path`, which need not be there.
    ///
    /// # Errors
    /// When the lock cannot be made.
    pub async fn open(path: PathBuf) -> Result<Self, Failure> {
        let mut lock = path.clone().into_os_string();
        lock.push(".lock");
        let lock = PathBuf::from(lock);
        let flags = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or_default();
        let file =
            OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).custom_flags(flags).open(&lock);
        let file = file.map_err(|error| unusable(&lock, &error))?;
        let mut told = false;
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Self { path, _lock: file }),
                Err(error) if error == rustix::io::Errno::WOULDBLOCK || error == rustix::io::Errno::INTR => {}
                Err(error) => return Err(unusable(&lock, &error.into())),
            }
            if !std::mem::replace(&mut told, true) {
                complain("another run uses these tokens; waiting for its end");
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// The file's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The tokens that are kept, if there are any.
    ///
    /// # Errors
    /// When others can read the file, or it is not one of ours.
    pub fn read(&self, now: SystemTime) -> Result<Option<TokenResponse>, Failure> {
        let flags = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or_default();
        let file = match OpenOptions::new().read(true).custom_flags(flags).open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unusable(&self.path, &error)),
        };
        let about = file.metadata().map_err(|error| unusable(&self.path, &error))?;
        if about.mode() & 0o077 != 0 {
            return Err(Failure::usage(format!(
                "{} holds tokens and can be read by others (mode {:03o}): delete it and sign in again with --login, or chmod 600 it if \
                 nobody has",
                self.path.display(),
                about.mode() & 0o777
            )));
        }
        let mut text = String::new();
        let read = file.take(MAX_SIZE).read_to_string(&mut text);
        let text = Secret::new(text);
        read.map_err(|error| unusable(&self.path, &error))?;
        let response = TokenResponse::from_secret_json(&text, now).map_err(|error| {
            let path = self.path.display();
            Failure::usage(format!("{path}: {}; delete it and sign in again with --login", explain::chain(&error)))
        })?;
        Ok(Some(response))
    }

    /// Replaces the file. When this returns the tokens are on the disk.
    ///
    /// # Errors
    /// When they may not be. The file is the old or the new one then, never a part of one.
    pub fn write(&self, tokens: &Secret) -> io::Result<()> {
        let mut new = self.path.clone().into_os_string();
        new.push(".new");
        // Of a run that was killed; this one has the lock.
        match fs::remove_file(&new) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        file.write_all(tokens.expose_secret().as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, &self.path)?;
        // The name is durable with its folder.
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()
    }

    /// Removes the file; false if there was none.
    ///
    /// # Errors
    /// When it is still there.
    pub fn remove(&self) -> Result<bool, Failure> {
        match fs::remove_file(&self.path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(unusable(&self.path, &error)),
        }
    }
}

fn folder(environment: &Environment) -> Result<PathBuf, Failure> {
    let set = |name: &str| environment(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = set("XDG_STATE_HOME").or_else(|| set("HOME").map(|home| home.join(".local/state")));
    let base = base.ok_or_else(|| {
        Failure::usage("there is no place for tokens: set XDG_STATE_HOME or HOME, or give --state FILE")
    })?;
    Ok(base.join("tower-auth-fetch"))
}

/// Makes the folder, or sees to it that nobody else can look into it.
fn private_folder(folder: &Path) -> Result<(), Failure> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| unusable(folder, &error))?;
    let mode = fs::symlink_metadata(folder).map_err(|error| unusable(folder, &error))?.mode();
    if mode & 0o077 != 0 {
        return Err(Failure::usage(format!(
            "{} is for tokens and open to others (mode {:03o}): chmod 700 it",
            folder.display(),
            mode & 0o777
        )));
    }
    Ok(())
}

/// A name that differs for whatever makes the tokens differ. It tells none of the values.
fn name(filled: &FilledProvider, scopes: &[String]) -> String {
    let (id, method) = (filled.spec().id(), filled.method());
    let mut text = String::new();
    let mut add = |name: &str, value: &str| text.push_str(&format!("{name:?}={value:?}\n"));
    for url in ["base_url", "authorize_url", "token_url"] {
        add(url, filled.url(url).unwrap_or_default());
    }
    // Secrets may change while the grant stays; a code is used once.
    for field in method.fields().iter().filter(|field| !field.is_secret() && field.scope() != FieldScope::Once) {
        if let Some(value) = filled.value(field.name()) {
            add(field.name(), value.expose_secret());
        }
    }
    scopes.iter().for_each(|scope| add("scope", scope));
    let digest: String =
        digest(&SHA256, text.as_bytes()).as_ref()[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    let key: String = method.key().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    format!("{id}.{key}.{digest}.json")
}

fn unusable(path: &Path, error: &io::Error) -> Failure {
    Failure::usage(format!("{} cannot be used for tokens: {error}", path.display()))
}
