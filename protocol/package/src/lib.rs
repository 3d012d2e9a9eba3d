//! Packages: a project with its footage and fonts in one zip, named by the digest of its content.
//!
//! [`Archive`] reads a package that a stranger made: every name, size and checksum is checked against [`Rules`] before or while
//! bytes flow, memory is bounded, and what is unpacked lies inside one new folder or nowhere. [`Packer`] writes packages. The
//! digest says what is in a package and nothing about how it was zipped (`docs/decisions/0004-packages.md`).
//!
//! It knows nothing of After Effects beyond file extensions, and no network.

mod archive;
mod content;
mod directory;
mod entries;
mod error;
mod fonts;
mod kind;
mod links;
mod manifest;
mod name;
mod pack;
mod record;
mod rules;
mod unpack;

pub use archive::{Archive, Progress};
pub use error::{NameFault, PackageError, Refused};
pub use fonts::{Font, postscript_names};
pub use kind::{EXTENSIONS, FileKind, PROGRAM_EXTENSIONS, SCRIPT_EXTENSIONS, kind_of};
pub use links::{LINKS_FILE, Link, Links};
pub use manifest::{Manifest, PackagedFile, Totals};
pub use name::{PackageName, shown};
pub use pack::Packer;
pub use rules::{Limits, Rules};
