//! The folder that an attempt renders from, laid into its scratch: a package unpacked and checked once more, files copied to
//! their places. Nothing of it is shared, so whatever a renderer writes beside its project harms nobody.

use std::fs;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use flatrender_package::{Archive, Limits, PackageError, PackageName, Rules};
use flatrender_protocol::message::OutcomeClass;
use flatrender_protocol::{Digest, Layer, Source};

use super::Uplink;
use super::attempt::Room;
use super::fetch::{Failure, pinned};
use crate::cache::Pinned;
use crate::in_words;

/// Why the folder can't be made.
#[derive(Debug, thiserror::Error)]
enum LayError {
    #[error("unpack the package")]
    Package(#[from] PackageError),
    #[error("the package {found} came where {wanted} was leased")]
    Content { wanted: Digest, found: Digest },
    #[error("lay {name}")]
    Name {
        name: String,
        #[source]
        source: flatrender_package::NameFault,
    },
    #[error("a package can only be the first layer")]
    Order,
    #[error("{doing} {path}")]
    Io {
        doing: &'static str,
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
}

/// Set when nobody waits for the folder any more.
struct GivenUp(Arc<AtomicBool>);

impl Drop for GivenUp {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Makes the folder `scratch/project`, which must not exist, and answers where the project is in it.
pub(super) async fn lay<U: Uplink>(
    room: &Room<U>,
    source: &Source,
    scratch: &Path,
) -> Result<PathBuf, Failure> {
    let mut blobs = Vec::with_capacity(source.layers.len());
    for layer in &source.layers {
        blobs.push(pinned(room, layer.blob()).await?);
    }
    let (source, folder) = (source.clone(), scratch.join("project"));
    let given_up = Arc::new(AtomicBool::new(false));
    let watched = GivenUp(given_up.clone());
    let laid = tokio::task::spawn_blocking(move || fill(&source, &blobs, &folder, &given_up)).await;
    drop(watched);
    match laid {
        Ok(Ok(project)) => Ok(project),
        // What was leased can't be laid on any machine, but for this one's disk.
        Ok(Err(error @ LayError::Io { .. })) => Err(Failure::node(&error)),
        Ok(Err(error)) => Err(Failure {
            class: OutcomeClass::Template,
            message: in_words(&error),
        }),
        Err(error) => Err(Failure::node(&error)),
    }
}

fn fill(
    source: &Source,
    blobs: &[Pinned],
    folder: &Path,
    given_up: &AtomicBool,
) -> Result<PathBuf, LayError> {
    let io = |doing, path: &Path| {
        let path = path.to_owned();
        move |source| LayError::Io {
            doing,
            path,
            source,
        }
    };
    for (index, (layer, pinned)) in source.layers.iter().zip(blobs).enumerate() {
        match layer {
            Layer::Package { content, .. } if index == 0 => {
                let zip = fs::File::open(pinned.path()).map_err(io("open", pinned.path()))?;
                let mut archive = Archive::open(BufReader::new(zip), &Rules::default())?;
                let manifest =
                    archive.unpack(folder, &mut |_| !given_up.load(Ordering::Relaxed))?;
                if manifest.digest != *content {
                    return Err(LayError::Content {
                        wanted: *content,
                        found: manifest.digest,
                    });
                }
            }
            Layer::Package { .. } => return Err(LayError::Order),
            Layer::File { name, .. } => {
                let path = folder.join(checked(name)?);
                let above = path.parent().unwrap_or(folder);
                fs::create_dir_all(above).map_err(io("make", above))?;
                if path.symlink_metadata().is_ok() {
                    fs::remove_file(&path).map_err(io("replace", &path))?;
                }
                fs::copy(pinned.path(), &path).map_err(io("write", &path))?;
            }
        }
    }
    Ok(folder.join(checked(&source.project)?))
}

/// A path that stays in the folder, whoever sent it.
fn checked(name: &str) -> Result<PathBuf, LayError> {
    let name = PackageName::new(name, &Limits::default()).map_err(|source| LayError::Name {
        name: name.to_owned(),
        source,
    })?;
    Ok(name.as_str().split('/').collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_laid_outside_the_folder() {
        for name in ["../a.aep", "/etc/a.aep", "a/../../b.aep", "C:\\a.aep", ""] {
            assert!(checked(name).is_err(), "{name}");
        }
        assert_eq!(
            checked("(Footage)/a.png").unwrap(),
            Path::new("(Footage)").join("a.png")
        );
    }
}
