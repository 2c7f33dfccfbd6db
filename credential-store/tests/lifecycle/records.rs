//! A process that dies at any call of its database, or whose call fails: a change and what tells of it are there together, or neither is.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use http::StatusCode;
use tokio::sync::Notify;
use tower_auth_core::Secret;
use tower_auth_store::{
    Backend as _, CredentialId, CredentialStore, EventKind, KeyRing, NewConnection, Owner, SqlBackend, Webhook,
};
use tower_auth_testing::{ApiKeyProvider, Endpoint, Fault, OAuthProvider, TestClock};

use crate::faulty::{Faulty, Hook, When, down};
use crate::support::*;

/// Every kind of change, by what owners or the store do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Create,
    Rename,
    LogRequests,
    Verify,
    VerifyRefused,
    ApiRefuses,
    Reconnect,
    Revoke,
    Delete,
    Refresh,
    Recover,
    RefreshFails,
    RefreshRefused,
    ConnectorFails,
    End,
    EndSoon,
    RotateKeys,
}

impl Deed {
    /// What stands on the audit trail then, if anything.
    fn action(self) -> Option<&'static str> {
        Some(match self {
            Self::Create => "create",
            Self::Rename => "rename",
            Self::LogRequests => "log_requests",
            Self::Verify | Self::VerifyRefused => "test",
            Self::ApiRefuses | Self::RefreshRefused => "needs_reauth",
            Self::Reconnect => "reconnect",
            Self::Revoke => "revoke",
            Self::Delete => "delete",
            Self::Refresh => "refreshed",
            Self::Recover => "recovered",
            Self::RefreshFails | Self::ConnectorFails => "refresh_failed",
            Self::End => "ended",
            Self::EndSoon => "ends_soon",
            Self::RotateKeys => return None,
        })
    }

    fn is_told(self) -> bool {
        !matches!(self, Self::Rename | Self::LogRequests)
    }

    fn is_ordered(self) -> bool {
        matches!(self, Self::Revoke | Self::Delete)
    }

    /// Whether it is the store's own work, which goes on elsewhere.
    fn is_swept(self) -> bool {
        matches!(self, Self::End | Self::EndSoon)
    }

    fn fault(self) -> Option<Fault> {
        match self {
            Self::RefreshFails => Some(Fault::status(StatusCode::SERVICE_UNAVAILABLE)),
            Self::RefreshRefused => Some(Fault::oauth_error(StatusCode::BAD_REQUEST, "invalid_grant")),
            Self::ConnectorFails => Some(Fault::oauth_error(StatusCode::UNAUTHORIZED, "invalid_client")),
            _ => None,
        }
    }
}

/// What becomes of the process at a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It dies right after the database has done it: nothing it calls is done from then on.
    Dies,
    /// That one call fails before it reaches the database.
    Fails,
    /// That one call fails after the database has done it.
    AnswerIsLost,
}

/// Where it happens.
struct Trap {
    fate: Fate,
    /// At the call of this number, once it is set.
    nth: usize,
    is_set: AtomicBool,
    calls: AtomicUsize,
    is_sprung: AtomicBool,
    sprung: Notify,
    sweeps_alone: bool,
}

impl Trap {
    fn new(fate: Fate, nth: usize, deed: Deed) -> Arc<Self> {
        Arc::new(Self {
            fate,
            nth,
            is_set: AtomicBool::new(false),
            calls: AtomicUsize::new(0),
            is_sprung: AtomicBool::new(false),
            sprung: Notify::new(),
            sweeps_alone: deed.is_swept(),
        })
    }

    fn is_sprung(&self) -> bool {
        self.is_sprung.load(Ordering::SeqCst)
    }

    /// Whether it happens at this call.
    fn springs(&self, call: &str, when: When) -> bool {
        // Of work in the background, which has no order, that one part.
        let counts = !self.sweeps_alone || ["ended", "ending", "set_status", "set_warned"].contains(&call);
        if !self.is_set.load(Ordering::SeqCst) || !counts || self.is_sprung() {
            return false;
        }
        let number = match when {
            When::Before => self.calls.fetch_add(1, Ordering::SeqCst),
            When::After => self.calls.load(Ordering::SeqCst) - 1,
        };
        number == self.nth && (when == When::Before) == (self.fate == Fate::Fails)
    }

    fn hook(self: &Arc<Self>) -> Hook {
        let own = Arc::clone(self);
        Arc::new(move |call, when| {
            let own = Arc::clone(&own);
            let (is_dead, springs) = (own.fate == Fate::Dies && own.is_sprung(), own.springs(call, when));
            own.is_sprung.fetch_or(springs, Ordering::SeqCst);
            Box::pin(async move {
                if springs {
                    own.sprung.notify_one();
                }
                match is_dead || springs {
                    true if own.fate == Fate::Dies => pending().await,
                    true => Err(down()),
                    false => Ok(()),
                }
            })
        })
    }
}

struct World {
    database: Database,
    backend: SqlBackend,
    old: KeyRing,
    new: KeyRing,
    api: ApiKeyProvider,
    provider: OAuthProvider,
    clock: TestClock,
}

/// What is seen from outside.
#[derive(Clone, Debug, PartialEq)]
struct Seen {
    state: String,
    entries: i64,
    messages: i64,
    orders: i64,
}

impl World {
    async fn new(database: Database) -> Self {
        let (old, new) = (KeyRing::generate_key(), KeyRing::generate_key());
        Self {
            backend: database.open().await,
            database,
            old: KeyRing::new("old", &old).unwrap(),
            new: KeyRing::new("new", &new).unwrap().and("old", &old).unwrap(),
            api: ApiKeyProvider::builder().listen().await.unwrap(),
            provider: provider(|builder| builder).await,
            clock: TestClock::at(std::time::SystemTime::now()),
        }
    }

    /// A store that tells everything to an address where nobody is.
    async fn store(&self, backend: impl tower_auth_store::Backend, deed: Deed) -> CredentialStore {
        use EventKind::*;
        let all = [
            Created,
            Verified,
            Refreshed,
            RefreshFailed,
            Recovered,
            NeedsReauth,
            EndsSoon,
            Ended,
            Reconnected,
            Revoked,
            Deleted,
            KeyRotated,
        ];
        let secret = Secret::from("a secret of the webhook, long enough");
        let webhook = Webhook::new("http://127.0.0.1:9/", &secret).unwrap().only(all);
        let keys = if deed == Deed::RotateKeys { &self.new } else { &self.old };
        let builder = builder(backend, keys)
            .connector(acme(&self.provider))
            .connector(keyed(&self.api))
            .sweep_interval(Duration::from_millis(20))
            .webhook(webhook);
        let builder = if deed == Deed::ApiRefuses { builder.clock(self.clock.clock()) } else { builder };
        builder.open().await.unwrap()
    }

    /// A credential that the deed can be done with.
    async fn prepare(&self, setup: &CredentialStore, who: &Owner, deed: Deed) -> (CredentialId, Secret) {
        if deed == Deed::RotateKeys {
            // It is done to all that are there.
            self.database.run("DELETE FROM {credentials}").await;
        }
        let key = self.api.issue("alice");
        let new = NewConnection::new("keyed").value("api_key", key.clone());
        let id = match deed {
            // There is none of this owner yet.
            Deed::Create => CredentialId::generate().unwrap(),
            Deed::Rename
            | Deed::LogRequests
            | Deed::Verify
            | Deed::VerifyRefused
            | Deed::ApiRefuses
            | Deed::Reconnect => setup.create(who, new).await.unwrap().id,
            _ => import(setup, &self.provider, who, "alice").await.id,
        };
        let end = match deed {
            Deed::End => "renews = 0, expires_at = 1",
            Deed::EndSoon => "renews = 0, expires_at = (SELECT MAX(updated_at) FROM {credentials}) + 3600000",
            Deed::Recover => "status = 'degraded'",
            _ => "expires_at = expires_at",
        };
        self.database.run(&format!("UPDATE {{credentials}} SET {end} WHERE id = '{id}'")).await;
        match deed {
            Deed::VerifyRefused | Deed::ApiRefuses => assert!(self.api.delete(&key)),
            Deed::ConnectorFails => drop(self.database.run("DELETE FROM {connectors}").await),
            _ => {}
        }
        self.provider.clear_faults();
        if let Some(fault) = deed.fault() {
            self.provider.fault(Endpoint::Token, fault.always());
        }
        (id, key)
    }

    async fn act(&self, store: &CredentialStore, who: &Owner, id: CredentialId, deed: Deed) {
        let new = || NewConnection::new("keyed").value("api_key", self.api.issue("alice"));
        // Whatever comes of it for the caller.
        match deed {
            Deed::Create => drop(store.create(who, new()).await),
            Deed::Rename => drop(store.rename(who, id, "another name").await),
            Deed::LogRequests => drop(store.set_request_log(who, id, true).await),
            Deed::Verify | Deed::VerifyRefused => drop(store.test(who, id).await),
            Deed::ApiRefuses => {
                for _ in 0..6 {
                    let cache = store.tokens(who, id).unwrap();
                    if let Ok(current) = cache.current().await {
                        cache.invalidate(current.generation);
                        let _ = cache.token().await;
                    }
                    self.clock.tick(Duration::from_secs(31));
                }
            }
            Deed::Reconnect => drop(store.reconnect(who, id, new()).await),
            Deed::Revoke => drop(store.revoke(who, id).await),
            Deed::Delete => drop(store.delete(who, id).await),
            Deed::RotateKeys => drop(store.rotate_keys(|_| {}).await),
            Deed::End | Deed::EndSoon => {
                let wanted = self.entries(deed).await + 1;
                let running = tokio::spawn(store.run());
                eventually(Duration::from_secs(20), "it is not told", || async { self.entries(deed).await == wanted })
                    .await;
                running.abort();
            }
            _ => drop(token(store, who, id).await),
        }
    }

    async fn entries(&self, deed: Deed) -> i64 {
        let action = deed.action().unwrap_or_default();
        self.database.number(&format!("SELECT COUNT(*) FROM {{audit}} WHERE action = '{action}'")).await
    }

    async fn see(&self, setup: &CredentialStore, who: &Owner, id: CredentialId, deed: Deed) -> Seen {
        let count = self.backend.count(setup.digest_of(who)).await.unwrap();
        let faults = self.backend.connector_faults().await.unwrap().len();
        let row = self.backend.find(id).await.unwrap().map(|row| {
            (
                row.label,
                row.status,
                row.reason,
                row.generation,
                row.secrets_version,
                row.logs_requests,
                row.last_success_at,
                row.key_id,
            )
        });
        let warned = format!("SELECT COUNT(*) FROM {{credentials}} WHERE id = '{id}' AND warned_at IS NOT NULL");
        let jobs =
            async |kind| self.database.number(&format!("SELECT COUNT(*) FROM {{jobs}} WHERE kind = '{kind}'")).await;
        let state = match deed {
            // What is told is the fault, not each failure.
            Deed::ConnectorFails => format!("{faults}"),
            _ => format!("{count} {row:?} {}", self.database.number(&warned).await),
        };
        Seen { state, entries: self.entries(deed).await, messages: jobs("webhook").await, orders: jobs("revoke").await }
    }

    /// Lets it happen at the call of that number; false if there were not so many.
    async fn happens(&self, setup: &CredentialStore, deed: Deed, fate: Fate, nth: usize) -> bool {
        let case = format!("{deed:?} {fate:?} {nth}");
        let who = owner(&format!("{case} {:08x}", fastrand::u32(..)));
        let (id, _) = self.prepare(setup, &who, deed).await;
        let before = self.see(setup, &who, id, deed).await;
        let (trap, backend) = (Trap::new(fate, nth, deed), self.database.open().await);
        let store = self.store(Faulty::new(backend.clone(), trap.hook()), deed).await;
        trap.is_set.store(true, Ordering::SeqCst);
        let death = async {
            match fate {
                Fate::Dies => trap.sprung.notified().await,
                _ => pending().await,
            }
        };
        tokio::select! {
            () = self.act(&store, &who, id, deed) => {}
            () = death => {}
        }
        match fate {
            Fate::Dies => backend.close().await,
            _ => store.close().await,
        }
        let mut after = self.see(setup, &who, id, deed).await;
        if fate == Fate::Dies && deed.is_swept() && after.entries == before.entries {
            // Another process finds it.
            assert_eq!(after, before, "{case}: it is told to nobody");
            let other = self.store(self.database.open().await, deed).await;
            self.act(&other, &who, id, deed).await;
            other.close().await;
            after = self.see(setup, &who, id, deed).await;
        }
        let is_changed = after.state != before.state;
        let (entries, messages) = (after.entries - before.entries, after.messages - before.messages);
        let wanted = i64::from(is_changed);
        // A failure whose note may or may not be written is noted once more; it is told again then.
        let most = match (deed, fate) {
            (Deed::RefreshFails | Deed::RefreshRefused, Fate::AnswerIsLost) => 2 * wanted,
            _ => wanted,
        };
        let told = (wanted..=most, wanted..=most);
        assert!(deed.action().is_none() || told.0.contains(&entries), "{case}: {before:?} {after:?}");
        let told = if deed.is_told() { told.1 } else { 0..=0 };
        assert!(told.contains(&messages), "{case}: {before:?} {after:?}");
        let orders = if deed.is_ordered() { wanted } else { 0 };
        assert_eq!(after.orders - before.orders, orders, "{case}");
        // Whoever watches may see it before the call is over.
        let is_reached = trap.calls.load(Ordering::SeqCst) > nth;
        assert!(is_reached || is_changed, "{case}: nothing happened");
        is_reached
    }
}

async fn are_told_if_and_only_if_they_happen(deeds: &[Deed]) {
    for deed in deeds {
        for database in Database::all().await {
            let world = World::new(database).await;
            let setup = builder(world.database.open().await, &world.old)
                .connector(acme(&world.provider))
                .connector(keyed(&world.api))
                .open()
                .await
                .unwrap();
            for fate in [Fate::Dies, Fate::Fails, Fate::AnswerIsLost] {
                let mut nth = 0;
                while world.happens(&setup, *deed, fate, nth).await {
                    nth += 1;
                }
                assert!(nth > 1, "{deed:?}");
            }
            setup.close().await;
            world.backend.close().await;
            world.database.end().await;
        }
    }
}

// THREAT-S12
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_owners_do_is_told_if_and_only_if_it_happens() {
    use Deed::*;
    are_told_if_and_only_if_they_happen(&[
        Create,
        Rename,
        LogRequests,
        Verify,
        VerifyRefused,
        Reconnect,
        Revoke,
        Delete,
        RotateKeys,
    ])
    .await;
}

// THREAT-S12
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_store_does_is_told_if_and_only_if_it_happens() {
    use Deed::*;
    are_told_if_and_only_if_they_happen(&[
        Refresh,
        Recover,
        RefreshFails,
        RefreshRefused,
        ConnectorFails,
        ApiRefuses,
        End,
        EndSoon,
    ])
    .await;
}
