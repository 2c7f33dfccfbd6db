use std::collections::BTreeSet;

use bytes::Bytes;
use http::{Method, Response};
use serde_json::json;
use tower_auth_core::jose::Algorithm;

use super::Quirk;
use super::answer::{public_json, wrong_method};
use super::device::DEVICE_CODE;
use super::received::Received;
use super::shared::Shared;
use super::token_endpoint::overridden;
use crate::dpop::ALGORITHMS;

impl Shared {
    /// The key set.
    pub(super) fn jwks(&self, request: &Received) -> Response<Bytes> {
        if request.head.method != Method::GET {
            return wrong_method("GET");
        }
        public_json(self.minter.jwks())
    }

    /// The metadata of RFC 8414 section 2; with `openid` what OpenID Discovery section 3 wants beside it.
    pub(super) fn metadata(&self, request: &Received, openid: bool) -> Response<Bytes> {
        if request.head.method != Method::GET {
            return wrong_method("GET");
        }
        let base = self.base();
        let algorithms = self.minter.keys().algorithm_names();
        let methods = self.auth_method_names();
        let mut members = vec![
            ("issuer", json!(self.minter.issuer())),
            ("token_endpoint", json!(format!("{base}/token"))),
            ("jwks_uri", json!(format!("{base}/jwks"))),
            ("introspection_endpoint", json!(format!("{base}/introspect"))),
            ("revocation_endpoint", json!(format!("{base}/revoke"))),
            ("authorization_endpoint", json!(format!("{base}/authorize"))),
            ("pushed_authorization_request_endpoint", json!(format!("{base}/par"))),
            ("require_pushed_authorization_requests", json!(self.parts.policy.requires_pushed)),
            ("device_authorization_endpoint", json!(format!("{base}/device"))),
            ("response_types_supported", json!(["code"])),
            ("response_modes_supported", json!(["query"])),
            ("code_challenge_methods_supported", json!(["S256"])),
            (
                "grant_types_supported",
                json!(["authorization_code", "client_credentials", "refresh_token", DEVICE_CODE]),
            ),
            ("token_endpoint_auth_methods_supported", json!(methods)),
        ];
        members.push(("dpop_signing_alg_values_supported", json!(ALGORITHMS)));
        if methods.contains("client_secret_jwt") || methods.contains("private_key_jwt") {
            let names: Vec<_> = Algorithm::ALL.iter().map(|algorithm| algorithm.name()).collect();
            members.push(("token_endpoint_auth_signing_alg_values_supported", json!(names)));
        }
        if !self.quirks.has(Quirk::UnannouncedIss) {
            members.push(("authorization_response_iss_parameter_supported", json!(true)));
        }
        if openid {
            members.extend([
                ("subject_types_supported", json!(["public"])),
                ("id_token_signing_alg_values_supported", json!(algorithms)),
            ]);
        }
        let members = members.into_iter().map(|(name, value)| (name.to_owned(), value.to_string()));
        public_json(overridden(members, &self.parts.metadata))
    }

    /// The registered names of what the clients may use.
    fn auth_method_names(&self) -> BTreeSet<&'static str> {
        self.clients().values().flat_map(|client| client.auth.iter()).filter_map(|method| method.name()).collect()
    }
}
