//! Ports for the providers.

/// Of two free ports next to each other, the first.
#[allow(clippy::unwrap_used, reason = "a test fails by it")]
pub(crate) fn free_ports() -> u16 {
    loop {
        let first = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = first.local_addr().unwrap().port();
        if std::net::TcpListener::bind(("127.0.0.1", port.wrapping_add(1))).is_ok() {
            return port;
        }
    }
}
