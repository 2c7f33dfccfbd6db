use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Response, StatusCode, Uri};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tower_auth_core::ScopeSet;
use tower_auth_core::jose::{Jws, MAX_TOKEN_LEN};

use super::AuthorizationServer;
use super::answer::{Refusal, json_response};
use super::assertion::is_signed_by;
use super::caller::Caller;
use super::grants::Basis;
use super::received::Received;
use super::shared::{Shared, Standing};
use super::token_endpoint::Issue;

/// The name of the grant.
pub(super) const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

/// The types of tokens that are understood (RFC 8693 section 3).
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const REFRESH_TOKEN: &str = "urn:ietf:params:oauth:token-type:refresh_token";
const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

/// Whom a token that is exchanged speaks of.
struct Party {
    subject: String,
    /// `None`: it does not say.
    scope: Option<ScopeSet>,
    act: Option<Value>,
    may_act: Option<Value>,
}

impl Shared {
    /// The token exchange grant (RFC 8693 section 2).
    pub(super) fn token_exchange(&self, client: &Caller, request: &Received) -> Result<Response<Bytes>, Refusal> {
        let missing = |name: &str| Refusal::invalid_request(format!("{name} is missing"));
        let subject_token = request.param("subject_token").ok_or_else(|| missing("subject_token"))?;
        let subject_type = request.param("subject_token_type").ok_or_else(|| missing("subject_token_type"))?;
        let subject = self.party(client, subject_token, subject_type)?;
        let actor = match (request.param("actor_token"), request.param("actor_token_type")) {
            (None, None) => None,
            (Some(token), Some(kind)) => Some(self.party(client, token, kind)?),
            _ => return Err(Refusal::invalid_request("actor_token and actor_token_type go together")),
        };
        if let Some(actor) = &actor {
            let named = subject.may_act.as_ref().map(|may| may.get("sub").and_then(Value::as_str));
            if named.is_some_and(|named| named != Some(actor.subject.as_str())) {
                return Err(Refusal::invalid_request("the actor may not act for the subject"));
            }
        }
        let wanted = request.param("requested_token_type").unwrap_or(ACCESS_TOKEN);
        let issued = [ACCESS_TOKEN, REFRESH_TOKEN, ID_TOKEN, JWT].into_iter().find(|known| *known == wanted);
        let issued = issued.ok_or_else(|| Refusal::invalid_request("requested_token_type is not known"))?;
        let resources: Vec<_> = request.params.iter().filter(|(name, _)| name == "resource").collect();
        if !resources.iter().all(|(_, value)| is_resource(value)) {
            return Err(Refusal::new("invalid_target", "a resource is no absolute URI without fragment"));
        }
        let audience = self.requested_audience(&request.params)?;
        let asked = self.requested_scope(client, &request.params)?;
        let scope = match subject.scope {
            Some(own) if request.param("scope").is_none() => own,
            Some(own) if !own.contains_all(&asked) => {
                return Err(Refusal::new("invalid_scope", "the subject token does not permit one of the scopes"));
            }
            _ => asked,
        };
        let act = match actor {
            // The newest actor stands outside, those before it inside (RFC 8693 section 4.1).
            Some(actor) => {
                let mut act = json!({ "sub": actor.subject });
                if let Some(before) = subject.act {
                    act["act"] = before;
                }
                Some(act)
            }
            None => subject.act,
        };
        if let Some(scripted) = self.next_exchange() {
            return Ok(json_response(StatusCode::OK, scripted));
        }
        let client_id = client.id.clone();
        let basis = Basis { client_id, subject: subject.subject, scope, audience, act, ..Basis::default() };
        if issued == ACCESS_TOKEN {
            return Ok(self.issue(client, Issue { basis, issued_type: Some(issued), ..Issue::default() }));
        }
        Ok(self.other_token(client, basis, issued))
    }

    /// An answer with a token that is no access token: its type is `N_A` (RFC 8693 section 2.2.1).
    fn other_token(&self, client: &Caller, basis: Basis, issued: &'static str) -> Response<Bytes> {
        let token = if issued == REFRESH_TOKEN {
            let family = self.grants().new_family();
            self.new_refresh_token(client, family, basis)
        } else {
            let mut mint = self.minter.token().typ("JWT").subject(&basis.subject).client_id(&client.id);
            mint = match &basis.audience[..] {
                [] => mint.audience(&client.audience),
                [only] => mint.audience(only),
                several => mint.audiences(several.iter().map(String::as_str)),
            };
            if let Some(act) = &basis.act {
                mint = mint.claim("act", act);
            }
            mint.lifetime(client.lifetime).sign()
        };
        let members = BTreeMap::from([
            ("access_token", json!(token)),
            ("issued_token_type", json!(issued)),
            ("token_type", json!("N_A")),
            ("expires_in", json!(client.lifetime.as_secs())),
        ]);
        self.token_answer(client, members)
    }

    /// Whom a token speaks of: one of this server, or a JWT of a trusted issuer.
    fn party(&self, client: &Caller, token: &str, kind: &str) -> Result<Party, Refusal> {
        let refused = |why: &str| Refusal::invalid_request(why);
        let party = match kind {
            ACCESS_TOKEN => match self.standing(token) {
                Standing::Active(worth) => Some(Party {
                    subject: worth.subject,
                    scope: Some(worth.scope).filter(|scope| !scope.is_empty()),
                    act: worth.act,
                    may_act: worth.may_act,
                }),
                Standing::Inactive => self.foreign(token),
            },
            REFRESH_TOKEN => {
                let now = self.clock().wall();
                let grants = self.grants();
                let grant = grants.ledger.live(token, now).filter(|grant| grant.basis.client_id == client.id);
                grant.map(|grant| Party {
                    subject: grant.basis.subject.clone(),
                    scope: Some(grant.basis.scope.clone()),
                    act: grant.basis.act.clone(),
                    may_act: None,
                })
            }
            ID_TOKEN | JWT => self.foreign(token),
            _ => return Err(refused("the type of a token is not known")),
        };
        party.ok_or_else(|| refused("a token is not valid"))
    }

    /// A JWT of a trusted issuer, or of this one.
    fn foreign(&self, token: &str) -> Option<Party> {
        let mut buffer = Vec::new();
        let jws = Jws::parse(token, MAX_TOKEN_LEN, &mut buffer).ok()?;
        let claims = jws.claims().ok()?;
        let iss = claims.iss.as_deref()?;
        let minter = if iss == self.minter.issuer() { &self.minter } else { self.trusted(iss)? };
        self.check_times(&claims).ok()?;
        is_signed_by(&jws, minter).then_some(())?;
        let more: BTreeMap<String, Value> = serde_json::from_slice(claims.raw).ok()?;
        let scope = claims.scope.as_ref().map(|scope| scope.tokens().collect::<Vec<_>>().join(" "));
        Some(Party {
            subject: claims.sub.map(Cow::into_owned)?,
            scope: scope.map(|scope| ScopeSet::parse_lenient(&scope, ' ')),
            act: more.get("act").cloned(),
            may_act: more.get("may_act").cloned(),
        })
    }
}

fn is_resource(text: &str) -> bool {
    // A URN has no authority, which `http::Uri` wants.
    let is_urn = text.starts_with("urn:") && text.len() > 4;
    !text.contains('#') && (is_urn || text.parse::<Uri>().is_ok_and(|uri| uri.scheme().is_some()))
}

/// What token exchange answers.
impl AuthorizationServer {
    /// The next exchange that passes every check is answered with this JSON text. Several queue up.
    ///
    /// ```
    /// use tower_auth_testing::AuthorizationServer;
    ///
    /// let server = AuthorizationServer::builder().client("gateway", "secret").build()?;
    /// let saml = "urn:ietf:params:oauth:token-type:saml2";
    /// server.script_exchange(format!(r#"{{"access_token":"PHNhbWw…","issued_token_type":"{saml}","token_type":"N_A"}}"#));
    /// # Ok::<(), tower_auth_core::ConfigError>(())
    /// ```
    ///
    /// # Panics
    /// When `json` is no JSON.
    pub fn script_exchange(&self, json: impl Into<String>) {
        let json = json.into();
        assert!(serde_json::from_str::<&RawValue>(&json).is_ok(), "a scripted answer is JSON");
        self.shared().script_exchange(json);
    }
}
