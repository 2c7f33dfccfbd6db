use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tower_auth_tonic::core::{
    SourceRequest, Token, TokenCache, TokenError, TokenErrorKind, TokenResponse, TokenSource,
};

/// Answers `token-1`, `token-2`, … of an hour's life, after a delay.
#[derive(Clone, Default)]
pub struct Numbered {
    calls: Arc<AtomicUsize>,
    delay: Duration,
}

impl Numbered {
    pub fn after(delay: Duration) -> Self {
        Self { delay, ..Self::default() }
    }

    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    pub fn cache(&self) -> TokenCache {
        TokenCache::new(self.clone())
    }
}

impl TokenSource for Numbered {
    async fn fetch(&self, _: SourceRequest) -> Result<TokenResponse, TokenError> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        tokio::time::sleep(self.delay).await;
        let token = Token::new(format!("token-{call}")).unwrap();
        Ok(TokenResponse::new(token).expires_in(Duration::from_secs(3_600)))
    }
}

/// A cache over a source that fails in this way.
pub fn failing(kind: TokenErrorKind) -> TokenCache {
    TokenCache::new(move |_: SourceRequest| async move {
        Err::<TokenResponse, _>(TokenError::new(kind, "the token endpoint said no"))
    })
}
