use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::HeaderMap;
use tower_auth_core::{
    Basic, BasicVerifier, PasswordCost, PasswordHash, Rejection, RejectionKind, Secret, UserAccount, Verified, Verifier,
};

/// The cheapest hash there is.
pub fn cheap() -> PasswordCost {
    PasswordCost::argon2id(8, 1, 1).unwrap()
}

pub fn hash(password: &str) -> PasswordHash {
    PasswordHash::hash_with(&Secret::from(password), cheap()).unwrap()
}

pub fn text(password: &str) -> String {
    hash(password).expose_hash().to_owned()
}

pub fn account(password: &str) -> UserAccount {
    UserAccount::new(hash(password))
}

/// A builder that hashes cheaply.
pub fn builder() -> BasicVerifier {
    BasicVerifier::new().password_cost(cheap())
}

pub fn pair(user: &str, password: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let text = Basic::new(user, password).unwrap().header_text();
    headers.insert("authorization", text.expose_secret().parse().unwrap());
    headers
}

pub async fn verdict(verifier: &Verifier, user: &str, password: &str) -> Result<Verified, Rejection> {
    verifier.verify(&pair(user, password)).await
}

pub async fn enters(verifier: &Verifier, user: &str, password: &str) -> bool {
    match verdict(verifier, user, password).await {
        Ok(_) => true,
        Err(refusal) if refusal.kind() == RejectionKind::BadPassword => false,
        Err(other) => panic!("{other}"),
    }
}

/// Whether the pair need not be hashed.
pub fn is_remembered(verifier: &Verifier, user: &str, password: &str) -> bool {
    let verification = verifier.verify(&pair(user, password));
    let waiting = verification.is_waiting();
    // Polled once, so that nothing goes on behind the test's back.
    let mut verification = Box::pin(verification);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let polled = std::future::Future::poll(verification.as_mut(), &mut context);
    !waiting && polled.is_ready()
}

/// A folder that is gone when the test ends.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("tower-auth-basic-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
