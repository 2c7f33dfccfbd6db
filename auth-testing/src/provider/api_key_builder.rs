use std::io;

use http::HeaderName;
use tower_auth_core::Clock;

use super::ApiKeyProvider;
use crate::listen::{Port, Wire};

/// Describes an [`ApiKeyProvider`].
#[derive(Debug)]
#[must_use = "a description does nothing before `listen`"]
pub struct ApiKeyProviderBuilder {
    /// Where keys are expected; `None`: `Authorization: Bearer`.
    pub(super) header: Option<HeaderName>,
    pub(super) display_name: String,
    pub(super) clock: Clock,
    port: u16,
}

impl ApiKeyProviderBuilder {
    pub(super) fn new() -> Self {
        Self { header: None, display_name: "Emulated API".to_owned(), clock: Clock::system(), port: 0 }
    }

    /// The header that keys come in as they are, such as `x-api-key`, in place of `Authorization: Bearer …`.
    pub fn header(mut self, name: HeaderName) -> Self {
        self.header = Some(name);
        self
    }

    /// What people call it, in its description.
    pub fn display_name(mut self, name: impl Into<String>) -> Self {
        self.display_name = name.into();
        self
    }

    /// Where it takes the time of delays from.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// The port, in place of a free one.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Takes the port and serves, on the current runtime.
    ///
    /// # Errors
    /// When the port cannot be had.
    ///
    /// # Panics
    /// Outside of a tokio runtime with I/O and time enabled.
    pub async fn listen(self) -> io::Result<ApiKeyProvider> {
        let port = Port::bind_at(Wire::Plain, self.port).await?;
        Ok(ApiKeyProvider::serve(self, port))
    }
}
