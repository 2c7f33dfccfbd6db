//! Tells applications of events: kept first, sent then, until they are answered.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Method, Request};
use serde::{Deserialize, Serialize};

use super::lanes::{Errand, Reached};
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

/// How long one attempt may take.
const TIMEOUT: Duration = Duration::from_secs(15);

/// What became of one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    Taken,
    Refused,
    /// Nobody answered.
    Nowhere,
}

/// A message on its way.
pub(super) struct Delivery {
    message: Message,
    webhook: Webhook,
}

impl Errand for Delivery {
    const KIND: JobKind = JobKind::Webhook;
    const GIVE_UP_AFTER: Duration = Duration::from_secs(3 * 24 * 60 * 60);

    async fn open(store: &Inner, job: &Job) -> Result<Option<(String, Self)>, StoreError> {
        let message = match store.message(job) {
            Ok(message) => message,
            Err(error) => {
                tracing::error!(error = %error, "a message to a webhook cannot be read");
                store.end_job(job).await?;
                return Ok(None);
            }
        };
        if let Some(webhook) = store.settings.webhooks.iter().find(|webhook| webhook.url == message.url) {
            return Ok(Some((message.url.clone(), Self { webhook: webhook.clone(), message })));
        }
        // Another process may know it: one of another version, while they are replaced one by one.
        if store.age_of(job).await? < Self::GIVE_UP_AFTER {
            store.backend.retry_job(job.id, job.fence, Duration::from_secs(60)).await?;
        } else {
            tracing::warn!(to = site(&message.url), "nobody knows a webhook any more; a message is dropped");
            store.end_job(job).await?;
        }
        Ok(None)
    }

    async fn carry_out(self, store: Arc<Inner>, job: Job) -> Result<Reached, StoreError> {
        let age = store.age_of(&job).await?;
        let sent = store.send(&self.webhook, &self.message).await;
        if sent == Sent::Taken {
            store.end_job(&job).await?;
        } else if age < Self::GIVE_UP_AFTER {
            let wait = Duration::from_secs(5 << job.attempts.clamp(0, 10)).mul_f64(0.75 + 0.5 * fastrand::f64());
            store.backend.retry_job(job.id, job.fence, wait).await?;
        } else {
            self.give_up(&job);
            store.end_job(&job).await?;
        }
        Ok(if sent == Sent::Nowhere { Reached::No } else { Reached::Yes })
    }

    fn give_up(&self, _: &Job) {
        tracing::error!(
            to = site(&self.message.url),
            id = self.message.id,
            "a webhook has not answered for three days; the message is dropped"
        );
    }
}

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

    async fn send(&self, webhook: &Webhook, message: &Message) -> Sent {
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
        let Ok(request) = request else { return Sent::Nowhere };
        let sent = self.webhooks_http().send(request);
        tokio::select! {
            answer = sent => match answer {
                Ok(response) if response.status().is_success() => Sent::Taken,
                Ok(response) => {
                    tracing::warn!(to = site(&message.url), status = response.status().as_u16(), "a webhook did not take an event");
                    Sent::Refused
                }
                Err(error) => {
                    tracing::warn!(to = site(&message.url), error = %error, "a webhook was not reached");
                    Sent::Nowhere
                }
            },
            () = self.clock.sleep(TIMEOUT) => Sent::Nowhere,
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
