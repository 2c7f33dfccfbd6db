use std::fmt;
use std::sync::Arc;

use crate::source::ErasedSource;
use crate::{RefreshCause, Secret, SourceRequest, TokenError, TokenSource};

/// Where a token comes from that a grant hands in.
#[derive(Clone)]
pub(super) enum Supply {
    #[cfg(feature = "verify")]
    Fixed(Secret),
    Source(Arc<dyn ErasedSource>),
}

impl Supply {
    pub(super) fn source(source: impl TokenSource) -> Self {
        Self::Source(Arc::new(source))
    }

    /// The token for one attempt; `what` names it in errors.
    pub(super) async fn fetch(&self, what: &str, request: &SourceRequest) -> Result<Secret, TokenError> {
        let source = match self {
            #[cfg(feature = "verify")]
            Self::Fixed(token) => return Ok(token.clone()),
            Self::Source(source) => source,
        };
        let request = SourceRequest::new(RefreshCause::First, None, request.deadline());
        match source.fetch_boxed(request).await {
            Ok(response) => Ok(response.token().secret().clone()),
            Err(error) => {
                let message = format!("the {what} could not be had from its source");
                Err(TokenError::new(error.kind(), message).with_source(error))
            }
        }
    }
}

impl fmt::Debug for Supply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            #[cfg(feature = "verify")]
            Self::Fixed(_) => "Fixed",
            Self::Source(_) => "Source",
        })
    }
}
