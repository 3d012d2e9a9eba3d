//! What is in a package, and its name: the digest of its normalised content (`docs/decisions/0004-packages.md`).

use flatrender_protocol::digest::Digest;
use serde::Serialize;

use crate::fonts::Font;
use crate::kind::FileKind;
use crate::links::Link;
use crate::name::PackageName;

/// The version of the manifest and of the digest's rule.
const VERSION: u32 = 1;
/// What the digest's bytes begin with: another rule would give another digest.
const DOMAIN: &[u8] = b"flatrender package 1\n";

/// Everything about a package that its content says. The same content gives the same manifest, however it was zipped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Manifest {
    /// 1.
    pub version: u32,
    /// The package's name everywhere.
    pub digest: Digest,
    /// The project.
    pub project: PackageName,
    /// All files, sorted by name.
    pub files: Vec<PackagedFile>,
    /// Faces of its font files, sorted by file.
    pub fonts: Vec<Font>,
    /// Where its footage came from, if who packed it wrote it down.
    pub links: Vec<Link>,
    /// Sums.
    pub totals: Totals,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PackagedFile {
    /// Its normalised name.
    pub name: PackageName,
    /// What it is.
    pub kind: FileKind,
    /// Its size.
    pub bytes: u64,
    /// The digest of its bytes.
    pub digest: Digest,
}

/// Sums over the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// How many.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
}

impl Manifest {
    /// Of these files; fonts and links come from their content.
    pub(crate) fn new(
        project: PackageName,
        mut files: Vec<PackagedFile>,
        mut fonts: Vec<Font>,
        links: Vec<Link>,
    ) -> Self {
        files.sort_by(|a, b| a.name.cmp(&b.name));
        fonts.sort();
        Self {
            version: VERSION,
            digest: content_digest(&files),
            project,
            totals: Totals {
                files: files.len(),
                bytes: files.iter().map(|file| file.bytes).sum(),
            },
            files,
            fonts,
            links,
        }
    }

    /// A file by its name.
    #[must_use]
    pub fn file(&self, name: &str) -> Option<&PackagedFile> {
        self.files
            .binary_search_by(|file| file.name.as_str().cmp(name))
            .ok()
            .map(|at| &self.files[at])
    }
}

/// BLAKE3 over the files in the order of their names' bytes. Lengths stand in front, so that no two lists of files give the
/// same bytes.
fn content_digest(files: &[PackagedFile]) -> Digest {
    let mut hasher = blake3::Hasher::new();
    hasher.update(DOMAIN);
    hasher.update(&(files.len() as u64).to_le_bytes());
    for file in files {
        let name = file.name.as_str().as_bytes();
        hasher.update(&(name.len() as u64).to_le_bytes());
        hasher.update(name);
        hasher.update(&file.bytes.to_le_bytes());
        hasher.update(file.digest.as_bytes());
    }
    hasher.finalize().into()
}
