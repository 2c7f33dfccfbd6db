use std::path::{Path, PathBuf};

use tower_auth::core::ProviderSpec;

use crate::failure::Failure;
use crate::values::mistakes;

/// The folder of provider files that stands beside this program in its repository.
const CATALOGUE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../providers");

/// Reads the provider file `name`: a path or, if there is no such file, the id of one in `folder`, or else in `providers/` here or
/// in the catalogue of the repository.
///
/// # Errors
/// When there is none, and every mistake in it.
pub fn provider(name: &str, folder: Option<&str>) -> Result<ProviderSpec, Failure> {
    let path = Path::new(name);
    // What is not a name of the catalogue can only be meant as a path; reading it says what is wrong.
    if path.is_file() || !is_id(name) {
        return read(path);
    }
    let folders = match folder {
        Some(folder) => vec![PathBuf::from(folder)],
        None => vec![PathBuf::from("providers"), PathBuf::from(CATALOGUE)],
    };
    let files =
        folders.iter().flat_map(|folder| ["toml", "json"].map(|ending| folder.join(format!("{name}.{ending}"))));
    match files.into_iter().find(|file| file.is_file()) {
        Some(file) => read(&file),
        None => Err(Failure::usage(format!(
            "--provider {name}: there is no such file, nor a provider of this id in {}; --providers DIR names another folder",
            folder.unwrap_or("providers/ or the catalogue")
        ))),
    }
}

fn read(path: &Path) -> Result<ProviderSpec, Failure> {
    ProviderSpec::from_file(path).map_err(|errors| mistakes(&errors))
}

fn is_id(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}
