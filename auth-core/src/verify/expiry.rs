use std::future::Future;
use std::time::Duration;

use super::Principal;
use crate::Clock;

/// How long it may take to notice that the time of day was set, or that the machine slept.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

impl Principal {
    /// Ends when the credential expires; never, if it does not say when. For what outlives the request that it was
    /// verified for: a WebSocket, a stream of events.
    ///
    /// ```
    /// use tower_auth_core::{Clock, Verified};
    ///
    /// # async fn next_message() -> Option<String> { None }
    /// async fn serve(caller: Verified) {
    ///     let mut expiry = std::pin::pin!(caller.expiry(&Clock::system()));
    ///     loop {
    ///         tokio::select! {
    ///             () = &mut expiry => break,
    ///             message = next_message() => match message {
    ///                 Some(_message) => {}
    ///                 None => break,
    ///             },
    ///         }
    ///     }
    /// }
    /// ```
    ///
    /// # Panics
    /// With the system clock, outside a tokio runtime that has its timer enabled.
    pub fn expiry(&self, clock: &Clock) -> impl Future<Output = ()> + Send + use<> {
        let (expires_at, clock) = (self.expires_at(), clock.clone());
        async move {
            let Some(expires_at) = expires_at else { return std::future::pending().await };
            while let Ok(left) = expires_at.duration_since(clock.wall()) {
                if left.is_zero() {
                    return;
                }
                clock.sleep(left.min(LONGEST_SLEEP)).await;
            }
        }
    }
}
