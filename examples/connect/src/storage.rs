//! Where the credentials are, and the keys.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use tower_auth_store::{Connector, CredentialStore, KeyRing, PostgresOptions, SqliteOptions};

use crate::args::Args;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The store that the command line and the environment name.
///
/// # Errors
/// When the database or the keys cannot be used.
pub async fn open(args: &Args, connectors: Vec<Connector>, redirects: &[String]) -> Result<CredentialStore, Failure> {
    let keys = keys(&args.database)?;
    let builder = match &args.database_url {
        Some(url) => CredentialStore::builder(PostgresOptions::url(url)?.open().await?, keys),
        None => CredentialStore::builder(SqliteOptions::file(&args.database).open().await?, keys),
    };
    let builder = connectors.into_iter().fold(builder, |builder, connector| builder.connector(connector));
    let builder = redirects.iter().fold(builder, |builder, uri| builder.allow_redirect(uri));
    Ok(builder.open().await?)
}

/// The keys of the environment, or of a file beside the database that is made at the first start.
fn keys(database: &Path) -> Result<KeyRing, Failure> {
    if std::env::var_os("STORE_KEYS").is_some() {
        return Ok(KeyRing::env("STORE_KEYS")?);
    }
    let file = database.with_file_name("connect.keys");
    if !file.exists() {
        make(&file)?;
        tracing::warn!(file = %file.display(), "made a key for the store: for anything but a demonstration keep it elsewhere");
    }
    Ok(KeyRing::file(&file)?)
}

/// Readable by its owner alone.
fn make(file: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let made =
        options.open(file).and_then(|mut text| writeln!(text, "key-1:{}", KeyRing::generate_key().expose_secret()));
    match made {
        // Another process was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => {
            let _ = fs::remove_file(file);
            Err(error)
        }
        Ok(()) => Ok(()),
    }
}
