//! A gRPC server on a loopback port: the health service, an echo of streams, and in front of both a gate that does what a test says.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "each test binary uses a part of it")]

pub mod echo;
pub mod gate;
pub mod tokens;

use std::net::SocketAddr;

use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tonic_health::pb::HealthCheckRequest;

use self::echo::Echo;
use self::gate::Gate;

/// Starts a server that lets through what `gate` lets through.
pub async fn serve(gate: &Gate) -> SocketAddr {
    let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = incoming.local_addr().unwrap();
    let (_, health) = tonic_health::server::health_reporter();
    let server = Server::builder().layer(gate.clone()).add_service(health).add_service(Echo);
    tokio::spawn(server.serve_with_incoming(incoming));
    address
}

pub fn origin(address: SocketAddr) -> String {
    format!("http://{address}")
}

pub async fn channel(address: SocketAddr) -> Channel {
    Endpoint::from_shared(origin(address)).unwrap().connect().await.unwrap()
}

/// Asks for the health of the server itself.
pub fn health() -> HealthCheckRequest {
    HealthCheckRequest { service: String::new() }
}
