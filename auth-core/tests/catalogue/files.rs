use tower_auth_core::ProviderSpecs;

use crate::FOLDER;

#[test]
fn every_file_is_read_without_a_mistake() {
    let specs = ProviderSpecs::from_folder(FOLDER).unwrap_or_else(|errors| panic!("{errors}"));
    assert!(specs.iter().count() >= 40);
}
