use std::time::Duration;

use sqlx::postgres::{PgListener, PgPool, PgPoolOptions};

use super::error::failed;
use crate::backend::{BackendError, BackendErrorKind, BackendFuture, Changes};
use crate::model::CredentialId;

/// Changes as PostgreSQL announces them: ids alone.
pub(super) struct Announced {
    listener: PgListener,
    /// The store's pool: when that is closed, listening ends too.
    pool: PgPool,
}

impl Announced {
    pub(super) async fn new(pool: &PgPool, channel: &str) -> Result<Self, BackendError> {
        // A connection of its own: one of the pool would be missing there, and `close` would wait for it.
        let own = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(Duration::from_secs(5))
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_lazy_with((*pool.connect_options()).clone());
        let mut listener = PgListener::connect_with(&own).await.map_err(|error| failed("listen", error))?;
        // Whoever waits is told that something may have been missed, and looks.
        listener.eager_reconnect(false);
        listener.listen(channel).await.map_err(|error| failed("listen", error))?;
        Ok(Self { listener, pool: pool.clone() })
    }
}

impl Changes for Announced {
    fn next(&mut self) -> BackendFuture<'_, CredentialId> {
        Box::pin(async {
            loop {
                let mut closed = self.pool.close_event();
                let announced = closed.do_until(self.listener.try_recv()).await.flatten();
                let announced = announced.map_err(|error| failed("listen", error))?;
                let Some(announced) = announced else {
                    return Err(BackendError::new(BackendErrorKind::Unavailable, "the connection that listens broke"));
                };
                // Whatever else somebody sends there means nothing.
                if let Ok(id) = announced.payload().parse() {
                    return Ok(id);
                }
            }
        })
    }
}
