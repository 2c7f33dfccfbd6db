use std::future::Future;
use std::pin::Pin;

use super::UsedProof;
use crate::error::BoxError;

/// Remembers which proofs were used, for a fleet of services that answer for one URL: a proof that one of them has
/// accepted is then refused by all.
///
/// A closure from [`UsedProof`] to a future is a store. Of Redis it asks one command, `SET key 1 NX PXAT time`, which
/// answers whether the key was new:
///
/// ```
/// use tower_auth_core::{DpopProofs, UsedProof};
///
/// # async fn set_if_absent(_: [u8; 32], _: std::time::SystemTime) -> Result<bool, std::io::Error> { Ok(true) }
/// let proofs = DpopProofs::new("https://api.example.com")?
///     .replay_store(|proof: UsedProof| async move { Ok(set_if_absent(*proof.key(), proof.expires_at()).await?) });
/// # Ok::<(), tower_auth_core::ConfigError>(())
/// ```
///
/// # Security
/// Noting and asking must be one step: of a thousand requests with one proof, the store says `true` to one.
///
/// A store is for one service. Two verifiers that both judge one request ([`Verifier::all_of`](crate::Verifier::all_of)) need a store
/// each, or names that tell their keys apart: the second would take the proof for one that was used.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not remember used proofs",
    note = "a store implements `ReplayStore`, or is a closure `|proof: UsedProof| async {{ … }}` that returns \
            `Result<bool, BoxError>` and can be sent between threads"
)]
pub trait ReplayStore: Send + Sync + 'static {
    /// Notes that `proof` is used, to be remembered until it [expires](UsedProof::expires_at). `true` if it was not
    /// noted before.
    ///
    /// # Errors
    /// Whatever keeps the store from saying so; its text is logged, and must not hold a secret. The request is then refused with
    /// [`LookupUnavailable`](crate::RejectionKind::LookupUnavailable) (503).
    ///
    /// # Cancel safety
    /// The future may be dropped at any time. A proof that was noted and not answered for is lost: its sender needs a
    /// new one for each request anyway.
    fn note(&self, proof: UsedProof) -> impl Future<Output = Result<bool, BoxError>> + Send;
}

impl<F, Fut> ReplayStore for F
where
    F: Fn(UsedProof) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<bool, BoxError>> + Send,
{
    fn note(&self, proof: UsedProof) -> impl Future<Output = Result<bool, BoxError>> + Send {
        self(proof)
    }
}

type NoteFuture<'a> = Pin<Box<dyn Future<Output = Result<bool, BoxError>> + Send + 'a>>;

/// [`ReplayStore`] with its type erased.
pub(super) trait ErasedReplayStore: Send + Sync {
    fn note_boxed(&self, proof: UsedProof) -> NoteFuture<'_>;
}

impl<S: ReplayStore> ErasedReplayStore for S {
    fn note_boxed(&self, proof: UsedProof) -> NoteFuture<'_> {
        Box::pin(self.note(proof))
    }
}
