//! The admin token: made at the first start, kept in a file that nobody else can read; in memory there is only its hash.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flatrender_api::http::{Principal, Verifier, same};
use rand::TryRngCore;
use sha2::{Digest, Sha256};

/// What every admin token begins with, so that it is recognised where it should not be.
const PREFIX: &str = "fra_";
/// Random bytes of a new token.
const RANDOM_BYTES: usize = 32;
/// Shortest token that is taken from a file, prefix included: 192 bits.
const SHORTEST: usize = PREFIX.len() + 32;
/// Longest.
const LONGEST: usize = 1024;

/// Knows the admin token by its hash.
pub struct AdminToken {
    hash: [u8; 32],
}

/// Why there is no admin token.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// The file can't be used.
    #[error("{doing} the admin token's file {}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// Others can read it.
    #[error(
        "use the admin token's file {}: other users can read it (its mode is {mode:03o}); \
         make it private with chmod 600, or remove it and a new one is made",
        path.display()
    )]
    Open {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// It holds no token.
    #[error(
        "use the admin token's file {}: it does not hold \"fra_\" and at least 32 letters, digits, \"-\" or \"_\"; \
         remove it and a new one is made",
        path.display()
    )]
    Unusable {
        /// The file.
        path: PathBuf,
    },
    /// The system gives no randomness.
    #[error("make an admin token")]
    Random(#[source] rand::rand_core::OsError),
}

impl AdminToken {
    /// Reads the token's file, or makes it with a new token.
    ///
    /// # Errors
    /// [`CredentialError`].
    pub fn open(path: &Path) -> Result<Self, CredentialError> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => make(path)?,
            Err(source) => {
                return Err(CredentialError::Io {
                    doing: "read",
                    path: path.into(),
                    source,
                });
            }
        };
        assert_private(path)?;
        let text = text.trim();
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        let body = text.strip_prefix(PREFIX);
        let fits = (SHORTEST..=LONGEST).contains(&text.len())
            && body.is_some_and(|body| body.bytes().all(letter));
        if !fits {
            return Err(CredentialError::Unusable { path: path.into() });
        }
        Ok(Self { hash: hash(text) })
    }
}

impl Verifier for AdminToken {
    fn verify(&self, token: &str) -> Option<Principal> {
        same(&self.hash, &hash(token)).then(|| Principal::admin("admin"))
    }
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// Writes a new token beside its place and renames it: the file is whole or absent, and never readable by others.
fn make(path: &Path) -> Result<String, CredentialError> {
    let mut random = [0; RANDOM_BYTES];
    rand::rngs::OsRng
        .try_fill_bytes(&mut random)
        .map_err(CredentialError::Random)?;
    let token = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random));
    let beside = path.with_extension("new");
    let io = |doing| {
        let path = path.to_owned();
        move |source| CredentialError::Io {
            doing,
            path,
            source,
        }
    };
    match std::fs::remove_file(&beside) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(io("make")(error));
        }
        _ => {}
    }
    let mut file = create_private(&beside).map_err(io("create"))?;
    writeln!(file, "{token}")
        .and_then(|()| file.sync_all())
        .map_err(io("write"))?;
    std::fs::rename(&beside, path).map_err(io("put in place"))?;
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(io("sync the folder of"))?;
    }
    Ok(token)
}

fn create_private(path: &Path) -> std::io::Result<File> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(unix)]
fn assert_private(path: &Path) -> Result<(), CredentialError> {
    use std::os::unix::fs::PermissionsExt;
    let meta = std::fs::metadata(path).map_err(|source| CredentialError::Io {
        doing: "look at",
        path: path.into(),
        source,
    })?;
    let mode = meta.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(CredentialError::Open {
            path: path.into(),
            mode,
        });
    }
    Ok(())
}

#[cfg(not(unix))]
fn assert_private(_: &Path) -> Result<(), CredentialError> {
    Ok(()) // a new file inherits the rights of its folder, which belongs to one account
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_made_once_and_known_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin-token");
        let made = AdminToken::open(&path).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let token = text.trim();
        assert!(
            token.starts_with("fra_") && token.len() == 4 + 43,
            "{token}"
        );
        let known = AdminToken::open(&path).unwrap();
        assert_eq!(made.hash, known.hash);
        assert!(known.verify(token).is_some());
        assert!(known.verify(&token[..token.len() - 1]).is_none());
        assert!(known.verify("").is_none());
        let other = AdminToken::open(&folder.path().join("other")).unwrap();
        assert!(other.verify(token).is_none());
    }

    #[cfg(unix)]
    #[test]
    fn a_token_that_others_can_read_or_guess_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin-token");
        AdminToken::open(&path).unwrap();
        let mode =
            |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        mode(0o640);
        let error = AdminToken::open(&path).err().unwrap().to_string();
        assert!(error.contains("its mode is 640"), "{error}");
        mode(0o600);
        for text in [
            "",
            "fra_",
            "fra_short",
            "hunter2hunter2hunter2hunter2hunter2hunter2",
        ] {
            std::fs::write(&path, text).unwrap();
            let error = AdminToken::open(&path).err().unwrap();
            assert!(
                matches!(error, CredentialError::Unusable { .. }),
                "{text}: {error}"
            );
        }
    }
}
