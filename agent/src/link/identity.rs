//! What the machine is to the farm, in the folder `identity` of the data folder: its key (readable by the owner alone), its
//! certificate, the farm's CA, its id and name, and where the controllers are.

use std::io;
use std::path::{Path, PathBuf};

use flatrender_protocol::NodeId;
use flatrender_protocol::link::AgentIdentity;
use serde::{Deserialize, Serialize};

use crate::work::durable;

/// Why the identity can't be had.
#[derive(Debug, thiserror::Error)]
pub enum IdentityFileError {
    /// There is none.
    #[error(
        "find an identity in {folder}: this machine is not enrolled; enrol it with: flatrender-agent enrol TOKEN"
    )]
    NotEnrolled {
        /// Where it would be.
        folder: PathBuf,
    },
    /// A file of it can't be read or written.
    #[error("use {path}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// An enrolled machine.
#[derive(Clone)]
pub struct Identity {
    /// Its id.
    pub node: NodeId,
    /// Its name when it was enrolled.
    pub name: String,
    /// `host:port` of the controllers.
    pub controllers: Vec<String>,
    /// Its certificates and key.
    pub certificates: AgentIdentity,
}

#[derive(Serialize, Deserialize)]
struct Card {
    version: u32,
    node: NodeId,
    name: String,
    controllers: Vec<String>,
}

fn wrong(path: &Path) -> impl FnOnce(io::Error) -> IdentityFileError {
    let path = path.to_owned();
    move |source| IdentityFileError::File { path, source }
}

impl Identity {
    /// Reads it.
    ///
    /// # Errors
    /// [`IdentityFileError`].
    pub fn load(folder: &Path) -> Result<Self, IdentityFileError> {
        let path = folder.join("identity.json");
        let card: Card = durable::read_json(&path)
            .map_err(wrong(&path))?
            .ok_or_else(|| IdentityFileError::NotEnrolled {
                folder: folder.to_owned(),
            })?;
        let read = |name: &str| {
            let path = folder.join(name);
            std::fs::read(&path).map_err(wrong(&path))
        };
        Ok(Self {
            node: card.node,
            name: card.name,
            controllers: card.controllers,
            certificates: AgentIdentity {
                authority: read("authority.der")?,
                certificate: read("certificate.der")?,
                key: read("key.der")?,
            },
        })
    }

    /// Writes it; the card last, so that a half-written identity is none.
    ///
    /// # Errors
    /// [`IdentityFileError`].
    pub fn store(&self, folder: &Path) -> Result<(), IdentityFileError> {
        make_private(folder).map_err(wrong(folder))?;
        let write = |name: &str, bytes: &[u8]| {
            let path = folder.join(name);
            durable::write(&path, &[bytes]).map_err(wrong(&path))
        };
        let key = folder.join("key.der");
        write_private(&key, &self.certificates.key).map_err(wrong(&key))?;
        write("certificate.der", &self.certificates.certificate)?;
        write("authority.der", &self.certificates.authority)?;
        let path = folder.join("identity.json");
        let card = Card {
            version: 1,
            node: self.node,
            name: self.name.clone(),
            controllers: self.controllers.clone(),
        };
        durable::write_json(&path, &card).map_err(wrong(&path))
    }
}

/// A folder that only its owner may enter.
fn make_private(folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// A file that only its owner may read, from its first byte on.
fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::io::Write;
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
