use std::collections::HashMap;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgPool};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tower_auth_store::KeyRing;

use crate::ports::free_ports;

/// Two processes of the example on one PostgreSQL database, and one address in front of them.
pub(crate) struct Replicas {
    pub(crate) url: String,
    pub(crate) api_key: String,
    front: Front,
    processes: Vec<Child>,
    admin: PgPool,
    database: String,
}

/// Gives requests to one replica and the other in turn, but the end of each login to the one that did not begin it.
#[derive(Clone)]
struct Front {
    replicas: [u16; 2],
    client: Client<HttpConnector, Full<Bytes>>,
    turn: Arc<AtomicUsize>,
    /// Which replica began a login, by its state.
    begun: Arc<Mutex<HashMap<String, usize>>>,
    ended_elsewhere: Arc<AtomicUsize>,
}

impl Replicas {
    /// `None` where there is no server and a test may be skipped.
    #[allow(clippy::disallowed_methods, reason = "the environment says where the server is")]
    pub(crate) async fn start() -> Option<Self> {
        let Ok(server) = std::env::var("DATABASE_URL") else {
            assert!(std::env::var_os("TOWER_AUTH_REQUIRE").is_none(), "DATABASE_URL is not set");
            println!("skipped: DATABASE_URL is not set");
            return None;
        };
        let admin = PgPool::connect(&server).await.unwrap();
        let database = format!("connect_{}", std::process::id());
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!("CREATE DATABASE {database}"))).execute(&admin).await.unwrap();
        let own = server.parse::<PgConnectOptions>().unwrap().database(&database).to_url_lossy().to_string();

        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (first, providers) = (free_ports(), free_ports());
        let replicas = [first, first + 1];
        let key = format!("k1:{}", KeyRing::generate_key().expose_secret());
        let mut processes = Vec::new();
        let mut said = Vec::new();
        // One after the other: the second finds the providers of the first.
        for port in replicas {
            let mut process = Command::new(env!("CARGO_BIN_EXE_connect"))
                .args(["--listen", &format!("127.0.0.1:{port}"), "--public-url", &url])
                .args(["--providers", &providers.to_string()])
                .env("DATABASE_URL", &own)
                .env("STORE_KEYS", &key)
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .kill_on_drop(true)
                .spawn()
                .unwrap();
            let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
            said.push(lines.next_line().await.unwrap().unwrap());
            if said.len() == 1 {
                said.push(lines.next_line().await.unwrap().unwrap());
            }
            processes.push(process);
        }
        let api_key = said[1].rsplit(' ').next().unwrap().to_owned();
        let front = Front {
            replicas,
            client: Client::builder(TokioExecutor::new()).build_http(),
            turn: Arc::default(),
            begun: Arc::default(),
            ended_elsewhere: Arc::default(),
        };
        let router = Router::new().fallback(forward).with_state(front.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Some(Self { url, api_key, front, processes, admin, database })
    }

    /// How many logins ended on the replica that did not begin them.
    pub(crate) fn ended_elsewhere(&self) -> usize {
        self.front.ended_elsewhere.load(Ordering::SeqCst)
    }

    /// Ends both, and drops the database.
    pub(crate) async fn stop(mut self) {
        for process in &mut self.processes {
            process.kill().await.unwrap();
        }
        let drop = format!("DROP DATABASE {} WITH (FORCE)", self.database);
        sqlx::raw_sql(sqlx::AssertSqlSafe(drop)).execute(&self.admin).await.unwrap();
    }
}

async fn forward(State(front): State<Front>, request: Request) -> Response {
    let uri = request.uri().to_string();
    let begun = state_of(&uri).and_then(|state| front.begun.lock().unwrap().remove(state));
    let replica = match begun {
        Some(begun) => {
            front.ended_elsewhere.fetch_add(1, Ordering::SeqCst);
            1 - begun
        }
        None => front.turn.fetch_add(1, Ordering::SeqCst) % 2,
    };
    let (mut parts, body) = request.into_parts();
    parts.uri = Uri::try_from(format!("http://127.0.0.1:{}{uri}", front.replicas[replica])).unwrap();
    let body = body.collect().await.unwrap().to_bytes();
    let Ok(response) = front.client.request(http::Request::from_parts(parts, Full::new(body))).await else {
        return StatusCode::BAD_GATEWAY.into_response();
    };
    let location = response.headers().get(http::header::LOCATION).and_then(|value| value.to_str().ok());
    if let Some(state) = location.and_then(state_of) {
        front.begun.lock().unwrap().insert(state.to_owned(), replica);
    }
    response.map(Body::new)
}

fn state_of(uri: &str) -> Option<&str> {
    uri.split(['?', '&']).find_map(|pair| pair.strip_prefix("state="))
}
