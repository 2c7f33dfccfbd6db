use std::path::PathBuf;
use std::time::Duration;

use super::{SourceRequest, TokenSource};
use crate::{Secret, Token, TokenError, TokenErrorKind, TokenResponse};

/// A token in a file that somebody else keeps fresh: a projected Kubernetes service-account token, a Docker secret.
///
/// The file is read again every 60 seconds and when its token is refused, in the background, while the last
/// one read still serves. One line break at its end is dropped.
#[derive(Clone, Debug)]
pub struct FileToken {
    path: PathBuf,
    reread: Duration,
}

impl FileToken {
    /// The file at `path`.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), reread: Duration::from_secs(60) }
    }

    /// Sets how often the file is read again; 60 seconds if not set.
    #[must_use]
    pub fn reread_every(mut self, period: Duration) -> Self {
        self.reread = period;
        self
    }
}

impl TokenSource for FileToken {
    /// Reads the file on the runtime's threads for blocking work.
    async fn fetch(&self, _: SourceRequest) -> Result<TokenResponse, TokenError> {
        let path = self.path.clone();
        let read = tokio::task::spawn_blocking(move || Secret::file(path).and_then(Token::new));
        let token = match read.await {
            Ok(Ok(token)) => token,
            Ok(Err(error)) => return Err(self.failed().with_source(error)),
            Err(_) => return Err(self.failed()),
        };
        Ok(TokenResponse::new(token).refresh_in(self.reread))
    }
}

impl FileToken {
    /// Transient, since whoever writes the file may be replacing it at this moment.
    fn failed(&self) -> TokenError {
        TokenError::new(
            TokenErrorKind::Unreachable,
            format!("the token file {} does not hold a usable token", self.path.display()),
        )
    }
}
