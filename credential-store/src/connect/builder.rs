use std::fmt;
use std::time::Duration;

use tower_auth_core::ConfigError;

use super::connect::{Connect, Settings};
use super::public_url::PublicUrl;
use crate::store::CredentialStore;

/// Configures a [`Connect`]. Every option has a default.
#[must_use = "a builder does nothing until `build` is called"]
pub struct ConnectBuilder {
    store: CredentialStore,
    base_url: String,
    settings: Settings,
}

impl ConnectBuilder {
    pub(super) fn new(store: CredentialStore, base_url: String) -> Self {
        Self { store, base_url, settings: Settings::default() }
    }

    /// The name of the application, as people know it.
    pub fn application(mut self, name: impl Into<String>) -> Self {
        self.settings.application = Some(name.into());
        self
    }

    /// Lets pages of this origin show the pages in a frame. Nobody may if not set.
    ///
    /// It must be of the same site as the base URL, such as `https://app.example.com` for `https://connect.example.com`: browsers keep the session's cookie
    /// from frames in pages of other sites, and the page in it would say that it has expired. Those open it in a window.
    pub fn allow_frame(mut self, origin: impl Into<String>) -> Self {
        self.settings.frames.push(origin.into());
        self
    }

    /// Lets forms lead to this origin: for providers on plain `http` whose address users fill in, in tests. Those on `https` need no leave, nor do those
    /// whose address is known.
    pub fn allow_form_target(mut self, origin: impl Into<String>) -> Self {
        self.settings.form_targets.push(origin.into());
        self
    }

    /// How often one owner may connect, test or reconnect within `window`, in each process; 30 times in ten minutes if not set. It keeps
    /// people from trying out stolen secrets.
    pub fn limit_attempts(mut self, count: u32, window: Duration) -> Self {
        self.settings.attempts = count;
        self.settings.window = window;
        self
    }

    /// The pages and the API, to be mounted.
    ///
    /// # Errors
    /// When the base URL is not an `https` URL with a plain path; plain `http` is for loopback addresses.
    pub fn build(self) -> Result<Connect, ConfigError> {
        Ok(Connect::of(self.store, PublicUrl::new(&self.base_url)?, self.settings))
    }
}

impl fmt::Debug for ConnectBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectBuilder")
            .field("base_url", &self.base_url)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
