//! What can be wrong with a project file, said in words for the person who sent it.
//! Nothing here prints a cause: the caller walks the chain.

use std::path::PathBuf;

/// Why a file gave no project at all. A file that is only damaged in part gives a project with warnings instead.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file could not be opened or read.
    #[error("read {}", path.display())]
    Io {
        /// The file asked for.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The file, or what its archive inflates to, is larger than we read.
    #[error("too large: {bytes} bytes, at most {limit} are read")]
    TooLarge {
        /// How large it is, or how far we got.
        bytes: u64,
        /// The limit, [`crate::MAX_PROJECT_BYTES`].
        limit: u64,
    },
    /// The first bytes are those of something else.
    #[error("not an After Effects project: {found}")]
    NotAProject {
        /// What the file is or looks like.
        found: String,
    },
    /// An archive (a .mogrt) that holds no After Effects project, or more than one.
    #[error("no After Effects project to read in the archive: {why}")]
    NoProjectInArchive {
        /// What it holds instead.
        why: String,
    },
    /// The archive itself can't be read.
    #[error("the archive is damaged: {why}")]
    Archive {
        /// What could not be done.
        why: String,
        /// What the archive reader said.
        #[source]
        source: zip::result::ZipError,
    },
    /// The container is right, but the list of project items is not in it.
    #[error("an After Effects project without its items: there is no `Fold` list{hint}")]
    NoItems {
        /// Empty, or a clause that says what else is wrong with the file.
        hint: String,
    },
    /// More parts than any real project has: refused so that a small file can't cost much.
    #[error("more than {limit} {what}: refused")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
}

/// Why a composition can't be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompError {
    /// No composition has this name.
    #[error("composition {name:?} is not in the project, {}", known_names(known))]
    NotFound {
        /// The name asked for.
        name: String,
        /// The names there are, in project order.
        known: Vec<String>,
    },
}

const SHOWN_NAMES: usize = 12;

fn known_names(known: &[String]) -> String {
    if known.is_empty() {
        return "which has none".to_owned();
    }
    let shown: Vec<String> = known
        .iter()
        .take(SHOWN_NAMES)
        .map(|name| format!("{name:?}"))
        .collect();
    let more = known.len().saturating_sub(SHOWN_NAMES);
    let tail = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    format!("it has {}{tail}", shown.join(", "))
}
