//! Tells applications of events: kept first, sent then, until they are answered.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Method, Request};
use serde::{Deserialize, Serialize};

use super::store::Inner;
use crate::backend::{Job, JobKind, NewJob};
use crate::error::{StoreError, StoreErrorKind};
use crate::event::{CredentialEvent, Webhook};

/// A message that waits, sealed: it names a user.
#[derive(Serialize, Deserialize)]
struct Message {
    id: String,
    url: String,
    body: String,
}

/// For how long an address that does not answer is tried.
const GIVE_UP_AFTER: Duration = Duration::from_secs(3 * 24 * 60 * 60);

/// How long one attempt may take before another process takes it over, and the attempt itself.
const LEASE: Duration = Duration::from_secs(60);
const TIMEOUT: Duration = Duration::from_secs(15);

impl Inner {
    /// The messages that tell of an event.
    pub(super) fn messages(&self, event: &CredentialEvent) -> Vec<NewJob> {
        let wanting = self.settings.webhooks.iter().filter(|webhook| webhook.wants(event.kind));
        let message = |webhook: &Webhook| {
            let message = Message {
                id: format!("msg_{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..)),
                url: webhook.url.clone(),
                body: serde_json::to_string(event).expect("an event can be written"),
            };
            let text = serde_json::to_vec(&message).expect("texts can be written");
            let payload = self.vault.seal_note("jobs.webhook", &event.credential.to_string(), &text);
            NewJob { kind: JobKind::Webhook, credential: event.credential, payload }
        };
        wanting.map(message).collect()
    }

    /// Sends messages that are due, all at once: an address that does not answer holds no other up. How many there were.
    pub(super) async fn hooks_due(self: &Arc<Self>) -> Result<usize, StoreError> {
        let jobs = self.backend.claim_jobs(JobKind::Webhook, 20, LEASE).await?;
        let count = jobs.len();
        let mut messages = tokio::task::JoinSet::new();
        for job in jobs {
            let own = Arc::clone(self);
            messages.spawn(async move { own.send_message(job).await });
        }
        while let Some(sent) = messages.join_next().await {
            sent.unwrap_or(Ok(()))?;
        }
        Ok(count)
    }

    async fn send_message(&self, job: Job) -> Result<(), StoreError> {
        let message = match self.message(&job) {
            Ok(message) => message,
            Err(error) => {
                tracing::error!(error = %error, "a message to a webhook cannot be read");
                self.backend.finish_job(job.id, job.fence).await?;
                return Ok(());
            }
        };
        let Some(webhook) = self.settings.webhooks.iter().find(|webhook| webhook.url == message.url) else {
            // Another process may know it: one of another version, while they are replaced one by one.
            if self.backend.now().await?.since(job.created_at) < GIVE_UP_AFTER {
                self.backend.retry_job(job.id, job.fence, Duration::from_secs(60)).await?;
            } else {
                tracing::warn!(to = site(&message.url), "nobody knows a webhook any more; a message is dropped");
                self.backend.finish_job(job.id, job.fence).await?;
            }
            return Ok(());
        };
        let now = self.backend.now().await?;
        if self.is_delivered(webhook, &message).await {
            self.backend.finish_job(job.id, job.fence).await?;
        } else if now.since(job.created_at) < GIVE_UP_AFTER {
            let wait = Duration::from_secs(5 << job.attempts.clamp(0, 10)).mul_f64(0.75 + 0.5 * fastrand::f64());
            self.backend.retry_job(job.id, job.fence, wait).await?;
        } else {
            tracing::error!(
                to = site(&message.url),
                id = message.id,
                "a webhook has not answered for three days; the message is dropped"
            );
            self.backend.finish_job(job.id, job.fence).await?;
        }
        Ok(())
    }

    async fn is_delivered(&self, webhook: &Webhook, message: &Message) -> bool {
        let since = self.clock.wall().duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap_or_default();
        let timestamp = since.as_secs();
        let signature = webhook.sign(&message.id, timestamp, message.body.as_bytes());
        let request = Request::builder()
            .method(Method::POST)
            .uri(&message.url)
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", &message.id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signature)
            .body(Bytes::from(message.body.clone()));
        let Ok(request) = request else { return false };
        let sent = self.webhooks_http().send(request);
        tokio::select! {
            answer = sent => match answer {
                Ok(response) if response.status().is_success() => true,
                Ok(response) => {
                    tracing::warn!(to = site(&message.url), status = response.status().as_u16(), "a webhook did not take an event");
                    false
                }
                Err(error) => {
                    tracing::warn!(to = site(&message.url), error = %error, "a webhook was not reached");
                    false
                }
            },
            () = self.clock.sleep(TIMEOUT) => false,
        }
    }

    fn message(&self, job: &Job) -> Result<Message, StoreError> {
        let text = self.vault.open_note("jobs.webhook", &job.credential.to_string(), &job.payload)?;
        serde_json::from_slice(&text).map_err(|_| StoreError::new(StoreErrorKind::Damaged, "a message cannot be read"))
    }
}

/// Whose address it is: path and query may hold a secret.
fn site(url: &str) -> &str {
    let end = url.find("://").map_or(0, |at| at + 3);
    url[end..].find(['/', '?', '#']).map_or(url, |length| &url[..end + length])
}
