//! The project of a submission: a project file, or a package whose zip is read and judged whole before any node sees it. What
//! was judged once is known by its blob and not judged again.

use std::collections::HashSet;
use std::fs::File;
use std::io::BufReader;

use flatrender_aep::{FileRef, Project};
use flatrender_package::{
    Archive, Limits, Link, Manifest, PackageError, PackageName, Rules, shown,
};
use flatrender_protocol::message::BlobRef;
use flatrender_protocol::rest::UploadedFile;
use flatrender_protocol::{Layer, Source};
use serde::Deserialize;

use super::{Farm, SubmitError, Wrong, chain, file_name};
use crate::blobs::{Area, BlobError};
use crate::store;
use crate::store::packages::{self, PackageRow};

/// Largest project file that is read.
const MAX_PROJECT: u64 = flatrender_aep::MAX_PROJECT_BYTES;
/// What a zip begins with.
const ZIP: &[u8] = b"PK\x03\x04";
/// Zips that are project files themselves: After Effects' own kinds.
const ZIPPED_PROJECTS: [&str; 2] = [".mogrt", ".aegraphic"];

/// What is rendered from, read and judged.
pub(in crate::farm) struct Template {
    pub(in crate::farm) row: PackageRow,
    pub(in crate::farm) project: Project,
    pub(super) content: Option<Content>,
}

/// What of a package's manifest a submission goes by.
#[derive(Deserialize)]
pub(super) struct Content {
    files: Vec<ContentFile>,
    links: Vec<Link>,
}

#[derive(Deserialize)]
struct ContentFile {
    name: String,
}

impl Template {
    /// The folder that nodes make of it.
    pub(in crate::farm) fn source(&self) -> Source {
        let blob = self.row.blob.clone();
        let layer = match &self.content {
            None => Layer::File {
                blob,
                name: self.row.project_path.clone(),
            },
            Some(_) => Layer::Package {
                blob,
                content: self.row.digest,
            },
        };
        Source {
            layers: vec![layer],
            project: self.row.project_path.clone(),
        }
    }

    /// The folder that the project lies in, with a slash at its end; empty at the top.
    pub(super) fn folder(&self) -> &str {
        let path = &self.row.project_path;
        path.rfind('/').map_or("", |at| &path[..=at])
    }

    /// Whether paths must be set anew before anything is rendered.
    pub(in crate::farm) fn has_links(&self) -> bool {
        self.content
            .as_ref()
            .is_some_and(|content| !content.links.is_empty())
    }

    /// Whether it has a file of this path.
    pub(super) fn has(&self, path: &str) -> bool {
        let content = self.content.iter().flat_map(|content| &content.files);
        key(path).is_some_and(|wanted| {
            content
                .filter_map(|file| key(&file.name))
                .any(|there| there == wanted)
        })
    }

    /// Says where it has the files that a project names: by a link, or beside the project as After Effects looks for them.
    pub(super) fn finder(&self) -> Finder<'_> {
        let content = self.content.as_ref();
        let files = content.iter().flat_map(|content| &content.files);
        let links = content.iter().flat_map(|content| &content.links);
        let mut places = HashSet::new();
        for place in files.filter_map(|file| key(&file.name)) {
            places.extend(
                place
                    .match_indices('/')
                    .map(|(at, _)| place[..at].to_owned()),
            );
            places.insert(place);
        }
        Finder {
            folder: self.folder(),
            links: links.map(|link| link.path.as_str()).collect(),
            places,
        }
    }
}

/// Where a package has footage.
pub(super) struct Finder<'a> {
    folder: &'a str,
    links: HashSet<&'a str>,
    /// Files and folders.
    places: HashSet<String>,
}

impl Finder<'_> {
    pub(super) fn has(&self, file: &FileRef) -> bool {
        self.links.contains(file.path.as_str())
            || self
                .beside(file)
                .is_some_and(|path| self.places.contains(&path))
    }

    fn beside(&self, file: &FileRef) -> Option<String> {
        let (up, below) = file.beside_project()?;
        let mut parts: Vec<&str> = self
            .folder
            .split('/')
            .filter(|part| !part.is_empty())
            .collect();
        let up = usize::try_from(up).ok()?;
        parts.truncate(parts.len().checked_sub(up)?);
        parts.extend(below);
        key(&parts.join("/"))
    }
}

/// What two names have in common that are one file where case and Unicode form do not count.
pub(super) fn key(path: &str) -> Option<String> {
    let name = PackageName::new(path, &Limits::default()).ok()?;
    Some(name.collision_key())
}

/// A package as its zip has it.
struct Opened {
    path: String,
    project: Vec<u8>,
    /// None when it was judged before.
    manifest: Option<Manifest>,
}

fn open(file: File, known: bool) -> Result<Opened, PackageError> {
    let mut archive = Archive::open(BufReader::new(file), &Rules::default())?;
    let path = archive.project().to_string();
    let project = archive.read_file(&path, MAX_PROJECT)?;
    let manifest = match known {
        true => None,
        false => Some(archive.check(&mut |_| true)?),
    };
    Ok(Opened {
        path,
        project,
        manifest,
    })
}

impl Farm {
    /// Reads the project of a submission, whatever it is in.
    pub(in crate::farm) async fn template(
        &self,
        file: &UploadedFile,
        wrong: &mut Wrong,
    ) -> Result<Option<Template>, SubmitError> {
        file_name("/project/file_name", &file.file_name, wrong);
        let Some(bytes) = self.blobs.claim(file.digest).await? else {
            wrong.not_uploaded("/project/digest", file.digest);
            return Ok(None);
        };
        let blob = BlobRef {
            digest: file.digest,
            bytes,
        };
        let name = file.file_name.to_lowercase();
        let zipped = self.beginning(&blob, ZIP.len()).await? == ZIP;
        if zipped && !ZIPPED_PROJECTS.iter().any(|end| name.ends_with(end)) {
            return self.package(file, blob, wrong).await;
        }
        if bytes > MAX_PROJECT {
            let detail = format!("{bytes} bytes; at most {MAX_PROJECT} are read");
            wrong.say("/project", "too_large", detail);
            return Ok(None);
        }
        let bytes = self
            .blobs
            .read(Area::Farm, blob.digest, MAX_PROJECT)
            .await?;
        let Some(project) = parse(bytes.into(), &file.file_name, wrong).await else {
            return Ok(None);
        };
        let row = PackageRow {
            digest: blob.digest,
            blob,
            file_name: file.file_name.clone(),
            project_path: file.file_name.clone(),
            content: None,
        };
        Ok(Some(Template {
            row,
            project,
            content: None,
        }))
    }

    async fn package(
        &self,
        file: &UploadedFile,
        blob: BlobRef,
        wrong: &mut Wrong,
    ) -> Result<Option<Template>, SubmitError> {
        let limit = Limits::default().packed_bytes;
        if blob.bytes > limit {
            let detail = format!(
                "the package has {} bytes; at most {limit} are taken",
                blob.bytes
            );
            wrong.say("/project", "too_large", detail);
            return Ok(None);
        }
        let mut tx = store::begin(&self.worker).await?;
        let known = packages::of_blob(&mut tx, blob.digest).await?;
        store::commit(tx).await?;
        let known = known.filter(|row| row.content.is_some());
        let zip = self.blobs.file(Area::Farm, blob.digest).await?;
        let judged = known.is_some();
        // Gigabytes are hashed here: few at once, or submissions starve the rest of the machine.
        let _turn = self.packages.acquire().await;
        let opened = tokio::task::spawn_blocking(move || open(zip, judged)).await;
        let opened = match opened {
            Ok(Ok(opened)) => opened,
            Ok(Err(error)) => {
                self.package_refused(&error, file, wrong)?;
                return Ok(None);
            }
            Err(_) => {
                let detail = "the package made its reader fail; please report it";
                wrong.say("/project", "unreadable", detail);
                return Ok(None);
            }
        };
        let Some(project) = parse(opened.project, &opened.path, wrong).await else {
            return Ok(None);
        };
        let row = match (known, &opened.manifest) {
            (Some(row), _) => row,
            (None, Some(manifest)) => PackageRow {
                digest: manifest.digest,
                blob,
                file_name: file.file_name.clone(),
                project_path: opened.path,
                content: serde_json::to_value(manifest).ok(),
            },
            (None, None) => return Ok(None),
        };
        let content = row.content.clone().unwrap_or_default();
        let content =
            serde_json::from_value(content).map_err(|_| store::StoreError::Unreadable {
                what: "packages.content",
                value: row.digest.to_string(),
            })?;
        Ok(Some(Template {
            row,
            project,
            content: Some(content),
        }))
    }

    /// What is wrong with the package is the submitter's to mend; what is wrong with the disk is not.
    fn package_refused(
        &self,
        error: &PackageError,
        file: &UploadedFile,
        wrong: &mut Wrong,
    ) -> Result<(), SubmitError> {
        if error.refused().is_none() {
            let source = std::io::Error::other(chain(error));
            return Err(BlobError::Disk(source).into());
        }
        let detail = format!(
            "package {}: {}; {}",
            shown(&file.file_name),
            chain(error),
            error.remedy()
        );
        wrong.say("/project", "bad_package", detail);
        Ok(())
    }
}

async fn parse(bytes: Vec<u8>, name: &str, wrong: &mut Wrong) -> Option<Project> {
    let parsed = tokio::task::spawn_blocking(move || flatrender_aep::parse(&bytes)).await;
    match parsed {
        Ok(Ok(project)) if project.damaged => {
            let first = project.warnings.first();
            let detail = format!(
                "\"{name}\" is cut or damaged: {}; save it again in After Effects, or upload it again",
                first.map_or("bytes are missing", String::as_str)
            );
            wrong.say("/project", "damaged", detail);
            None
        }
        Ok(Ok(project)) => Some(project),
        Ok(Err(error)) => {
            let detail = format!("\"{name}\" can't be read: {}", chain(&error));
            wrong.say("/project", "unreadable", detail);
            None
        }
        Err(_) => {
            let detail = "the project made its reader fail; please report it";
            wrong.say("/project", "unreadable", detail);
            None
        }
    }
}
