use std::collections::HashMap;

use bytes::Bytes;
use fetch::{Answer, Call, Origins, Session, Setup};
use http::{HeaderMap, Method};
use tower_auth::core::{ProviderSpec, ProviderValues};
use tower_auth_testing::TestClock;

use super::Server;

/// A session in this process whose tokens live by the test's clock.
pub(crate) fn session(spec: &ProviderSpec, values: &[(&str, &str)], servers: &[&Server], time: &TestClock) -> Session {
    let origins: Vec<_> = servers.iter().map(|server| server.origin.clone()).collect();
    let origins = Origins::allow_plaintext(&origins).unwrap();
    let environment: HashMap<_, _> =
        values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let values = ProviderValues::new().env(move |name| environment.get(name).cloned());
    let filled = spec.fill(&values).unwrap();
    Session::open(filled, Setup { origins, clock: time.clock(), ..Setup::new() }).unwrap()
}

/// Calls a path below the base URL.
pub(crate) async fn get(session: &Session, path: &str) -> Answer {
    let uri = session.resolve(path).unwrap();
    session.send(&Call { method: Method::GET, uri, headers: HeaderMap::new(), body: Bytes::new() }).await.unwrap()
}
