//! Where the real projects are: a folder that is not part of the repository.

use std::path::PathBuf;

/// The folder with the sample projects, or a printed skip.
pub fn folder(test: &str) -> Option<PathBuf> {
    let Some(root) = std::env::var_os("FLATRENDER_SAMPLES") else {
        eprintln!("SKIP: {test}: FLATRENDER_SAMPLES is not set");
        return None;
    };
    Some(PathBuf::from(root).join("aep"))
}

/// The samples by name, with their bytes and the truth about them.
pub fn all(test: &str) -> Option<Vec<(String, Vec<u8>, serde_json::Value)>> {
    let folder = folder(test)?;
    let truth = std::fs::read(folder.join("truth.json")).expect("read truth.json");
    let truth: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(&truth).expect("truth.json is an object");
    let load = |(name, truth): (String, serde_json::Value)| {
        let bytes = std::fs::read(folder.join(&name)).expect("read a sample");
        (name, bytes, truth)
    };
    Some(truth.into_iter().map(load).collect())
}
