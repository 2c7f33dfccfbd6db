use super::client::{describe, invalid, scopes};
use super::connection::Connection;
use crate::error::ConfigError;
use crate::provider::kind::{AuthKind, UrlKey};
use crate::{DeviceCode, DeviceLogin};

impl Connection {
    /// A person's login by a code that they enter in a browser elsewhere (RFC 8628), for a description with `device_url` or `issuer`.
    /// [Accept](Self::accept) what it yields.
    ///
    /// ```no_run
    /// # async fn example(connection: tower_auth_core::Connection) -> Result<(), Box<dyn std::error::Error>> {
    /// let response = connection.device_login()?.login(|authorization| println!("{}", authorization.prompt())).await?;
    /// connection.accept(response).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// When the method is not `oauth2_code`, or nobody says where device codes come from.
    pub fn device_login(&self) -> Result<DeviceLogin, ConfigError> {
        let inner = &self.0;
        let filled = &inner.filled;
        if filled.method().kind() != AuthKind::OAuth2Code {
            return Err(invalid("only a method of the kind oauth2_code has device codes"));
        }
        if filled.url_of(UrlKey::Device).is_none() && filled.url_of(UrlKey::Issuer).is_none() {
            return Err(invalid("nobody says where device codes come from: device_url and issuer are missing"));
        }
        let mut wanted = scopes(filled, &inner.clock).map_err(|error| invalid(error.to_string()))?;
        wanted.extend(inner.scopes.iter().cloned());
        DeviceCode::over(describe(filled, &inner.options)?).scopes(wanted).build()
    }
}
