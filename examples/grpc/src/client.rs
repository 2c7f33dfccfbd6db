//! The client: a token on each call, and a new one where the old one is dead.

use std::fmt::Write;

use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tower::ServiceBuilder;
use tower_auth_testing::AuthorizationServer;
use tower_auth_tonic::core::{BoxError, ClientCredentials, ConfigError, Token, TokenCache, TokenResponse};
use tower_auth_tonic::{GrpcAuth, GrpcAuthLayer, SkipAuth};

use crate::service::AUDIENCE;

type Client = HealthClient<GrpcAuth<Channel>>;

/// Calls the service as nobody, as a client without the scope, as one with it, and as one whose token is dead. Returns what
/// happened, line by line.
///
/// # Errors
/// When something is answered that should not be.
pub(crate) async fn run(origin: &str, login: &AuthorizationServer) -> Result<String, BoxError> {
    let endpoint = Endpoint::from_shared(origin.to_owned())?;
    let visitor = client(&endpoint, &tokens(login, "visitor")?).await?;
    let operator = client(&endpoint, &tokens(login, "operator")?).await?;

    // Somebody hands over a token that the service does not accept any more. The call is refused, and made again with a new one.
    let renewed = tokens(login, "operator")?;
    renewed.publish(TokenResponse::new(Token::new("dead")?));
    let surprised = client(&endpoint, &renewed).await?;

    let probed = visitor.clone().check(without_token()).await.map(drop);
    let mut report = String::new();
    note(&mut report, "nobody probes", probed, Code::Ok)?;
    note(&mut report, "nobody watches", watch(&visitor, without_token()).await, Code::Unauthenticated)?;
    note(&mut report, "the visitor watches", watch(&visitor, request()).await, Code::PermissionDenied)?;
    note(&mut report, "the operator watches", watch(&operator, request()).await, Code::Ok)?;
    note(&mut report, "the same with a dead token", watch(&surprised, request()).await, Code::Ok)?;
    Ok(report)
}

/// A client of the service that shows these tokens.
async fn client(endpoint: &Endpoint, tokens: &TokenCache) -> Result<Client, BoxError> {
    let auth = GrpcAuthLayer::new(tokens, endpoint.uri().to_string())?;
    Ok(HealthClient::new(ServiceBuilder::new().layer(auth).service(endpoint.connect().await?)))
}

/// The tokens of a client, for the service.
fn tokens(login: &AuthorizationServer, client: &str) -> Result<TokenCache, ConfigError> {
    ClientCredentials::new(login.token_url(), client, "secret").audience(AUDIENCE).allow_loopback_http().cached()
}

fn request() -> Request<HealthCheckRequest> {
    Request::new(HealthCheckRequest::default())
}

/// A request that goes out as nobody's.
fn without_token() -> Request<HealthCheckRequest> {
    let mut request = request();
    request.extensions_mut().insert(SkipAuth);
    request
}

async fn watch(client: &Client, request: Request<HealthCheckRequest>) -> Result<(), Status> {
    client.clone().watch(request).await?.into_inner().message().await.map(drop)
}

fn note(report: &mut String, what: &str, outcome: Result<(), Status>, expected: Code) -> Result<(), BoxError> {
    let code = outcome.as_ref().err().map_or(Code::Ok, Status::code);
    let said = outcome.as_ref().err().map_or("", Status::message);
    writeln!(report, "{what:28} {code:?} {said}")?;
    if code == expected { Ok(()) } else { Err(format!("{what}: {code:?} in place of {expected:?}").into()) }
}
