//! Where the footage of a project came from: the path that the project names, and the file of the package that stands for it.
//!
//! A project keeps the paths of the machine that saved it. Who packs writes down which packaged file each path became, so that
//! who renders can relink without guessing. The links are a file of the package: they count in its digest.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::error::Refused;
use crate::name::PackageName;

/// Their file, at the top of the package.
pub const LINKS_FILE: &str = "flatrender-links.json";

/// The version that is written and read.
const VERSION: u32 = 1;

/// What the file holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Links {
    /// 1.
    pub version: u32,
    /// The project by its name in the package.
    pub project: String,
    /// One for each path that the project names.
    pub links: Vec<Link>,
}

/// One path and its file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// The path as the project has it.
    pub path: String,
    /// It is a path of Windows.
    pub windows: bool,
    /// The file of the package, or with `sequence` the folder.
    pub file: String,
    /// `path` and `file` are folders: an image sequence.
    pub sequence: bool,
}

impl Links {
    /// Links of a project, sorted.
    #[must_use]
    pub fn new(project: &PackageName, mut links: Vec<Link>) -> Self {
        links.sort();
        links.dedup();
        Self {
            version: VERSION,
            project: project.as_str().to_owned(),
            links,
        }
    }

    /// The bytes of the file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("texts and numbers only");
        bytes.push(b'\n');
        bytes
    }

    /// Reads the file and holds it against the package.
    pub(crate) fn read(
        bytes: &[u8],
        project: &PackageName,
        files: &[PackageName],
    ) -> Result<Self, Refused> {
        let wrong = |why: String| Refused::Links { why };
        let links: Self =
            serde_json::from_slice(bytes).map_err(|error| wrong(error.to_string()))?;
        if links.version != VERSION {
            return Err(wrong(format!(
                "version {}, only {VERSION} is read",
                links.version
            )));
        }
        if links.project != project.as_str() {
            return Err(wrong(format!("they are of project {:?}", links.project)));
        }
        let known: HashSet<&str> = files.iter().map(PackageName::as_str).collect();
        let folders: HashSet<&str> = files
            .iter()
            .flat_map(|name| {
                let name = name.as_str();
                name.match_indices('/').map(|(at, _)| &name[..at])
            })
            .collect();
        let mut paths = HashSet::new();
        for link in &links.links {
            let there = match link.sequence {
                true => folders.contains(link.file.as_str()),
                false => known.contains(link.file.as_str()),
            };
            if !there {
                return Err(wrong(format!("{:?} is not in the package", link.file)));
            }
            if link.path.is_empty() || !paths.insert(link.path.as_str()) {
                return Err(wrong(format!(
                    "path {:?} is empty or there twice",
                    link.path
                )));
            }
        }
        Ok(links)
    }
}
