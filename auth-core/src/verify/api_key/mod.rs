//! API keys.

mod api_key_record;
mod api_key_verifier;
mod api_keys;
mod key_text;
mod lookup;
mod new_api_key;
mod place;

pub use self::api_key_record::ApiKeyRecord;
pub use self::api_key_verifier::ApiKeyVerifier;
pub use self::lookup::ApiKeyLookup;
pub use self::new_api_key::NewApiKey;

pub(super) use self::api_keys::ApiKeys;
pub(super) use self::place::Place;
