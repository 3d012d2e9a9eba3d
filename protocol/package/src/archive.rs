//! A package as one reads it: opened (names and sizes judged, no content read), then checked or unpacked in one pass over its
//! bytes, which gives the manifest.

use std::io::{Read, Seek};
use std::path::Path;

use crate::content;
use crate::directory;
use crate::entries::{self, Entry, Plan};
use crate::error::{PackageError, Refused};
use crate::fonts::{self, Font};
use crate::kind::{self, FileKind, HEAD_BYTES};
use crate::links::{LINKS_FILE, Link, Links};
use crate::manifest::{Manifest, PackagedFile};
use crate::name::PackageName;
use crate::rules::Rules;
use crate::unpack::Folder;

/// Is told how many unpacked bytes were read in all so far; says whether to go on.
pub type Progress<'a> = &'a mut dyn FnMut(u64) -> bool;

/// A package whose names and sizes are good. Its content is not yet.
pub struct Archive<R> {
    reader: R,
    rules: Rules,
    plan: Plan,
}

impl<R: Read + Seek> Archive<R> {
    /// Reads directory and headers, and refuses what can be refused by them.
    ///
    /// # Errors
    /// [`PackageError`] with the entry and what is wrong with it.
    pub fn open(mut reader: R, rules: &Rules) -> Result<Self, PackageError> {
        let placed = directory::read(&mut reader, &rules.limits)?;
        let plan = entries::plan(placed, rules)?;
        Ok(Self {
            reader,
            rules: rules.clone(),
            plan,
        })
    }

    /// The project's name in the package.
    #[must_use]
    pub fn project(&self) -> &PackageName {
        &self.plan.project
    }

    /// Unpacked bytes of all files: where progress ends.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.plan.bytes()
    }

    /// Files that are left out: what macOS and Windows leave beside files.
    #[must_use]
    pub fn ignored(&self) -> &[PackageName] {
        &self.plan.ignored
    }

    /// Reads and judges every byte, and writes nothing.
    ///
    /// # Errors
    /// [`PackageError`] with the entry and what is wrong with it.
    pub fn check(&mut self, progress: Progress<'_>) -> Result<Manifest, PackageError> {
        self.pass(None, progress)
    }

    /// Reads and judges every byte while unpacking into `folder`, which must not exist. It appears whole or not at all.
    ///
    /// # Errors
    /// [`PackageError`] with the entry and what is wrong with it; nothing is left on the disk then.
    pub fn unpack(
        &mut self,
        folder: &Path,
        progress: Progress<'_>,
    ) -> Result<Manifest, PackageError> {
        let filling = Folder::begin(folder)?;
        let manifest = self.pass(Some(&filling), progress)?;
        filling.finish()?;
        Ok(manifest)
    }

    /// The bytes of one small file, such as the project, checked.
    ///
    /// # Errors
    /// When there is no such file, it has more than `limit` bytes, or its content is refused.
    pub fn read_file(&mut self, name: &str, limit: u64) -> Result<Vec<u8>, PackageError> {
        let files = self.plan.files.iter();
        let Some(entry) = files.into_iter().find(|entry| entry.name.as_str() == name) else {
            let why = Refused::ProjectNotThere {
                name: name.to_owned(),
                known: vec![self.plan.project.to_string()],
            };
            return Err(why.into());
        };
        let bytes = entry.placed.record.unpacked;
        if bytes > limit {
            return Err(PackageError::of(
                name,
                Refused::FileTooLarge { bytes, limit },
            ));
        }
        let mut held = Vec::new();
        content::read(&mut self.reader, &entry.placed, &mut |piece| {
            held.extend_from_slice(piece);
            Ok(())
        })?;
        Ok(held)
    }

    fn pass(
        &mut self,
        folder: Option<&Folder>,
        progress: Progress<'_>,
    ) -> Result<Manifest, PackageError> {
        let Self {
            reader,
            rules,
            plan,
        } = self;
        let names: Vec<PackageName> = plan.files.iter().map(|file| file.name.clone()).collect();
        let mut found = Found::default();
        let mut done = 0;
        for entry in &plan.files {
            let file = one(reader, entry, rules, folder, &mut |bytes| {
                done += bytes;
                progress(done)
            })?;
            found
                .take(entry, &file.held, &plan.project, &names)
                .map_err(|why| PackageError::of(&entry.placed.label(), why))?;
            found.files.push(file.packaged);
        }
        Ok(Manifest::new(
            plan.project.clone(),
            found.files,
            found.fonts,
            found.links,
        ))
    }
}

/// A file that was read.
struct ReadFile {
    packaged: PackagedFile,
    /// All of its bytes, where what they say is wanted.
    held: Vec<u8>,
}

#[derive(Default)]
struct Found {
    files: Vec<PackagedFile>,
    fonts: Vec<Font>,
    links: Vec<Link>,
}

impl Found {
    /// What a file's content says about the package.
    fn take(
        &mut self,
        entry: &Entry,
        held: &[u8],
        project: &PackageName,
        names: &[PackageName],
    ) -> Result<(), Refused> {
        if entry.kind == FileKind::Font {
            let faces = fonts::postscript_names(held).map_err(|why| Refused::Font { why })?;
            for (index, postscript_name) in (0..).zip(faces) {
                self.fonts.push(Font {
                    file: entry.name.clone(),
                    index,
                    postscript_name,
                });
            }
        }
        if entry.name.as_str() == LINKS_FILE {
            self.links = Links::read(held, project, names)?.links;
        }
        Ok(())
    }
}

fn one<R: Read + Seek>(
    reader: &mut R,
    entry: &Entry,
    rules: &Rules,
    folder: Option<&Folder>,
    progress: &mut dyn FnMut(u64) -> bool,
) -> Result<ReadFile, PackageError> {
    let bytes = entry.placed.record.unpacked;
    let whole = entry.kind == FileKind::Font || entry.name.as_str() == LINKS_FILE;
    let mut filling = folder.map(|folder| folder.file(&entry.name)).transpose()?;
    // the beginning of every file; all of those whose content is read (their size is bounded by the rules)
    let keep = match whole {
        true => usize::try_from(bytes).unwrap_or(usize::MAX),
        false => HEAD_BYTES,
    };
    let mut held = Vec::new();
    let mut judged = false;
    let judge = |held: &[u8]| {
        kind::admit_content(entry.kind, &held[..held.len().min(HEAD_BYTES)], rules)
            .map_err(|why| PackageError::of(&entry.placed.label(), why))
    };
    let digest = content::read(reader, &entry.placed, &mut |piece| {
        let room = keep.saturating_sub(held.len()).min(piece.len());
        held.extend_from_slice(&piece[..room]);
        // before it lies on the disk
        if !judged && held.len() >= HEAD_BYTES {
            judge(&held)?;
            judged = true;
        }
        if let Some(filling) = &mut filling {
            filling.write(piece)?;
        }
        match progress(piece.len() as u64) {
            true => Ok(()),
            false => Err(PackageError::Stopped),
        }
    })?;
    if !judged {
        judge(&held)?;
    }
    Ok(ReadFile {
        packaged: PackagedFile {
            name: entry.name.clone(),
            kind: entry.kind,
            bytes,
            digest,
        },
        held,
    })
}
