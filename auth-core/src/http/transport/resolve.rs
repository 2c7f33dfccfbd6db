use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::vec;

use hyper_util::client::legacy::connect::dns::Name;
use tower_service::Service;

use super::AddressPolicy;
use super::connect::forbidden_address;
use crate::error::BoxError;

/// From a host name to its addresses.
#[derive(Clone)]
pub(super) struct Lookup(Arc<dyn Fn(String) -> Addresses + Send + Sync>);

type Addresses = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Resolves names, and hands on only those addresses that may be connected to: they are the ones that are connected to,
/// so a second, different answer of the name server changes nothing.
#[derive(Clone)]
pub(super) struct GuardedResolver {
    lookup: Lookup,
    policy: Arc<AddressPolicy>,
}

impl Lookup {
    pub(super) fn system() -> Self {
        Self::new(|host| async move {
            // The port is of no consequence here.
            Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect())
        })
    }

    pub(super) fn new<F, R>(lookup: F) -> Self
    where
        F: Fn(String) -> R + Send + Sync + 'static,
        R: Future<Output = io::Result<Vec<IpAddr>>> + Send + 'static,
    {
        Self(Arc::new(move |host| Box::pin(lookup(host))))
    }
}

impl GuardedResolver {
    pub(super) fn new(lookup: Lookup, policy: Arc<AddressPolicy>) -> Self {
        Self { lookup, policy }
    }
}

impl Service<Name> for GuardedResolver {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let answer = (self.lookup.0)(name.as_str().to_owned());
        let policy = Arc::clone(&self.policy);
        Box::pin(async move {
            let mut addresses = answer.await?;
            if addresses.is_empty() {
                return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address").into());
            }
            addresses.retain(|address| policy.permits(name.as_str(), *address));
            if addresses.is_empty() {
                return Err(forbidden_address(name.as_str()).into());
            }
            let sockets: Vec<_> = addresses.into_iter().map(|address| SocketAddr::new(address, 0)).collect();
            Ok(sockets.into_iter())
        })
    }
}
