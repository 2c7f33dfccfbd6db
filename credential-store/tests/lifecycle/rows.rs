//! Rows that somebody else than the store has changed.

use tower_auth_core::{TokenCache, TokenErrorKind};
use tower_auth_store::{CredentialId, CredentialStore, ListQuery, NewConnection, Owner, StoreError, StoreErrorKind};

use crate::support::*;

const COLUMNS: [&str; 5] = ["owner_sealed", "label", "data_key", "secrets", "tokens"];

/// What comes of reading `column` of a credential.
async fn read(store: &CredentialStore, who: &Owner, id: CredentialId, column: &str) -> Result<(), StoreErrorKind> {
    match column {
        "owner_sealed" => {
            let all = store.list_all(ListQuery::new()).await.unwrap().credentials;
            let owned = all.into_iter().find(|owned| owned.credential.id == id).unwrap();
            owned.owner.map(drop).ok_or(StoreErrorKind::Damaged)
        }
        "label" => {
            assert_eq!(store.list(who, ListQuery::new()).await.unwrap().credentials.len(), 1, "the rest is listed");
            store.get(who, id).await.map(drop).map_err(|error| error.kind())
        }
        _ => match TokenCache::new(store.stored(who, id)).token().await {
            Ok(_) => Ok(()),
            Err(error) => Err(StoreError::find(&error).unwrap().kind()),
        },
    }
}

/// A credential of alice's and one of bob's, with tokens, values and names.
async fn two(database: &Database) -> (CredentialStore, [(Owner, CredentialId); 2]) {
    let provider = provider(|builder| builder).await;
    let toml = format!("{}\n[[auth.fields]]\nname = \"note\"\nrequired = false\n", {
        let toml = provider.provider_toml("acme");
        let (head, tail) = toml.split_once("[[auth.verify]]").unwrap();
        format!("{head}[[auth.fields]]\nname = \"region\"\nrequired = false\n\n[[auth.verify]]{tail}")
            .trim_end()
            .to_owned()
    });
    let toml = toml.replace("\n[[auth.fields]]\nname = \"note\"\nrequired = false\n", "\n");
    let store = builder(database.open().await, &ring()).connector(described(&toml, &provider)).open().await.unwrap();
    let mut made = Vec::new();
    for name in ["alice", "bob"] {
        let who = owner(name);
        let tokens = tower_auth_core::TokenResponse::new(tower_auth_core::Token::new(format!("at-{name}")).unwrap())
            .expires_in(std::time::Duration::from_secs(3600))
            .with_refresh_token(format!("rt-{name}"));
        let new = NewConnection::new("acme").value("region", "eu").label(name);
        let info = store.import(&who, new, tokens, std::time::SystemTime::now()).await.unwrap();
        made.push((who, info.id));
    }
    let [one, two]: [_; 2] = made.try_into().unwrap();
    (store, [one, two])
}

// THREAT-S1
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_pair_of_cells_that_is_swapped_is_refused_and_nothing_is_deleted() {
    for database in Database::all().await {
        let (store, credentials) = two(&database).await;
        let mut cells = Vec::new();
        for (who, id) in &credentials {
            for column in COLUMNS {
                cells.push((who, *id, column, database.cell(*id, column).await));
            }
        }
        let mut pairs = 0;
        for (at, first) in cells.iter().enumerate() {
            for second in &cells[at + 1..] {
                database.set_cell(first.1, first.2, &second.3).await;
                database.set_cell(second.1, second.2, &first.3).await;
                for (who, id, column, _) in [first, second] {
                    let outcome = read(&store, who, *id, column).await;
                    assert_eq!(outcome, Err(StoreErrorKind::Damaged), "{column}: {} and {}", first.2, second.2);
                }
                database.set_cell(first.1, first.2, &first.3).await;
                database.set_cell(second.1, second.2, &second.3).await;
                pairs += 1;
            }
        }
        assert_eq!(pairs, 45);
        // A whole row under another's name, and another owner's digest.
        let (alice, bob) = (&credentials[0], &credentials[1]);
        for (what, column) in [("owner", "owner"), ("key", "data_key")] {
            let (own, other) = (database.cell(alice.1, column).await, database.cell(bob.1, column).await);
            database.set_cell(alice.1, column, &other).await;
            if what == "owner" {
                // Found by bob then, and of no use to him.
                assert_eq!(read(&store, &bob.0, alice.1, "tokens").await, Err(StoreErrorKind::Damaged));
                assert_eq!(read(&store, &alice.0, alice.1, "tokens").await, Err(StoreErrorKind::NotFound));
            } else {
                assert_eq!(read(&store, &alice.0, alice.1, "tokens").await, Err(StoreErrorKind::Damaged));
            }
            database.set_cell(alice.1, column, &own).await;
        }
        assert_eq!(database.number("SELECT COUNT(*) FROM {credentials} WHERE deleted_at IS NULL").await, 2);
        for (who, id) in &credentials {
            for column in COLUMNS {
                assert_eq!(read(&store, who, *id, column).await, Ok(()), "{column}");
            }
        }
        store.close().await;
        database.end().await;
    }
}

// THREAT-S2
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cell_with_one_changed_bit_or_cut_is_damaged_and_stays() {
    let database = Database::sqlite();
    let (store, credentials) = two(&database).await;
    let (alice, id) = &credentials[0];
    for column in COLUMNS {
        let cell = database.cell(*id, column).await;
        let length = cell.len() / 2;
        for at in (0..length).step_by(if length > 100 { 7 } else { 3 }).chain([length - 1]) {
            let mut bytes: Vec<u8> =
                (0..length).map(|index| u8::from_str_radix(&cell[2 * index..2 * index + 2], 16).unwrap()).collect();
            bytes[at] ^= 1 << (at % 8);
            let changed: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            database.set_cell(*id, column, &changed).await;
            let outcome = read(&store, alice, *id, column).await;
            // A key id that was changed names a key that is not there.
            let is_key = column == "data_key" && outcome == Err(StoreErrorKind::Broken);
            assert!(outcome == Err(StoreErrorKind::Damaged) || is_key, "{column} {at}: {outcome:?}");
        }
        for cut in [0, 1, 2, length / 2, length - 1] {
            database.set_cell(*id, column, &cell[..2 * cut]).await;
            assert_eq!(read(&store, alice, *id, column).await, Err(StoreErrorKind::Damaged), "{column} {cut}");
        }
        database.set_cell(*id, column, &cell).await;
        assert_eq!(read(&store, alice, *id, column).await, Ok(()));
    }
    let error = {
        database.set_cell(*id, "tokens", "00").await;
        token(&store, alice, *id).await.unwrap_err()
    };
    assert_eq!((error.code(), error.is_transient(), error.needs_reconnect()), ("store.damaged", false, false));
    assert_eq!(error.clone().to_string(), "what is stored cannot be opened [store.damaged]");
}

// THREAT-S2: tokens of an earlier generation are no tokens of this one.
#[tokio::test]
async fn old_tokens_do_not_come_back_as_new_ones() {
    let database = Database::sqlite();
    let (store, credentials) = two(&database).await;
    let (alice, id) = &credentials[0];
    database.run("UPDATE {credentials} SET generation = generation + 1").await;
    assert_eq!(read(&store, alice, *id, "tokens").await, Err(StoreErrorKind::Damaged));
    database.run("UPDATE {credentials} SET generation = generation - 1, secrets_version = secrets_version + 1").await;
    assert_eq!(read(&store, alice, *id, "secrets").await, Err(StoreErrorKind::Damaged));
    let error = TokenCache::new(store.stored(alice, *id)).token().await.unwrap_err();
    assert_eq!(error.kind(), TokenErrorKind::Refused);
}
