use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::connection::{Expected, serve};
use crate::Clock;
use crate::clock::race;
use crate::oauth::AuthorizationCallback;

/// How many connections are served at once. When one more comes the oldest is closed: whoever opens many and sends nothing
/// keeps the browser out no longer than that.
const MAX_CONNECTIONS: usize = 64;

/// How long to wait after a failed accept: too many open files, for example.
const PAUSE: Duration = Duration::from_millis(100);

/// A port of a loopback address, open for one answer.
pub(crate) struct Listener {
    listener: TcpListener,
    authority: String,
}

impl Listener {
    /// Opens `port` (0: a free one) of `127.0.0.1`, or of `[::1]` where that is not to be had (RFC 8252 section 7.3).
    pub(crate) async fn open(port: u16) -> io::Result<Self> {
        let addresses = [SocketAddr::from((Ipv4Addr::LOCALHOST, port)), SocketAddr::from((Ipv6Addr::LOCALHOST, port))];
        let listener = TcpListener::bind(&addresses[..]).await?;
        let authority = listener.local_addr()?.to_string();
        Ok(Self { listener, authority })
    }

    /// Address and port, as a URL and `Host` have them.
    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    /// Answers to `localhost` instead of to the address, for servers that know redirect URIs of that name only.
    #[cfg(feature = "provider")]
    pub(crate) fn named_localhost(mut self) -> Self {
        let port = self.authority.rsplit(':').next().unwrap_or_default();
        self.authority = format!("localhost:{port}");
        self
    }

    /// Waits for the one request whose URI `read` takes for the answer, at exactly `path`. Everything else is told that nothing is
    /// here. The port is closed with the future, and when it ends.
    pub(crate) async fn answer<F>(self, path: &str, clock: &Clock, read: F) -> AuthorizationCallback
    where
        F: Fn(&str) -> Option<AuthorizationCallback> + Send + Sync + 'static,
    {
        let (sender, mut receiver) = mpsc::channel(1);
        let expected = Arc::new(Expected::new(&self.authority, path, read));
        let mut connections = Connections::default();
        let accept = async {
            loop {
                match self.listener.accept().await {
                    Ok((stream, _)) => {
                        connections.spawn(relay(stream, Arc::clone(&expected), clock.clone(), sender.clone()));
                    }
                    Err(_) => clock.sleep(PAUSE).await,
                }
            }
        };
        match race(async { receiver.recv().await }, accept).await.flatten() {
            Some(callback) => callback,
            // There is always a sender, and the loop never ends.
            None => std::future::pending().await,
        }
    }
}

/// Serves one connection and passes on what it brought, when the browser has got its page.
async fn relay(stream: TcpStream, expected: Arc<Expected>, clock: Clock, sender: mpsc::Sender<AuthorizationCallback>) {
    if let Some(callback) = serve(stream, expected, &clock).await {
        let _ = sender.send(callback).await;
    }
}

/// The connections that are served now; they end with this.
#[derive(Default)]
struct Connections {
    tasks: JoinSet<()>,
    oldest_first: VecDeque<tokio::task::AbortHandle>,
}

impl Connections {
    fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        while self.tasks.try_join_next().is_some() {}
        self.oldest_first.retain(|task| !task.is_finished());
        if self.oldest_first.len() >= MAX_CONNECTIONS {
            if let Some(oldest) = self.oldest_first.pop_front() {
                oldest.abort();
            }
        }
        let handle = self.tasks.spawn(task);
        self.oldest_first.push_back(handle);
    }
}
