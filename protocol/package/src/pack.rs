//! Writes packages. Names are checked as they are for reading, times are fixed, so that the same files added in the same order
//! give the same bytes. What is written is still to be read by [`crate::Archive`]: the writer is no judge.

use std::io::{Read, Seek, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::error::{PackageError, Refused};
use crate::kind::{self, FileKind};
use crate::links::{LINKS_FILE, Links};
use crate::name::PackageName;
use crate::rules::Rules;

const PIECE_BYTES: usize = 256 << 10;

/// A package that is being written.
pub struct Packer<W: Write + Seek> {
    zip: ZipWriter<W>,
    rules: Rules,
    /// Nothing is compressed: for content so even that it would look like a bomb.
    stored: bool,
}

impl<W: Write + Seek> Packer<W> {
    /// An empty package. `stored`: nothing is compressed.
    pub fn new(writer: W, rules: Rules, stored: bool) -> Self {
        Self {
            zip: ZipWriter::new(writer).set_auto_large_file(),
            rules,
            stored,
        }
    }

    /// Adds a file; `pieces` is told of every piece's bytes and may stop. Returns its bytes.
    ///
    /// # Errors
    /// When its kind may not be in a package, or reading or writing fails.
    pub fn add(
        &mut self,
        name: &PackageName,
        mut from: impl Read,
        pieces: &mut dyn FnMut(u64) -> bool,
    ) -> Result<u64, PackageError> {
        let kind =
            kind::admit(name, &self.rules).map_err(|why| PackageError::of(name.as_str(), why))?;
        let pack = |source| PackageError::Pack { source };
        let write = |source: std::io::Error| PackageError::Pack {
            source: source.into(),
        };
        self.zip
            .start_file(name.as_str(), self.options(kind, name))
            .map_err(pack)?;
        let mut piece = vec![0; PIECE_BYTES];
        let mut bytes = 0;
        loop {
            let count = match from.read(&mut piece) {
                Ok(0) => return Ok(bytes),
                Ok(count) => count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(source) => {
                    return Err(PackageError::Source {
                        entry: name.as_str().to_owned(),
                        source,
                    });
                }
            };
            bytes += count as u64;
            if bytes > self.rules.limits.file_bytes {
                let why = Refused::FileTooLarge {
                    bytes,
                    limit: self.rules.limits.file_bytes,
                };
                return Err(PackageError::of(name.as_str(), why));
            }
            self.zip.write_all(&piece[..count]).map_err(write)?;
            if !pieces(count as u64) {
                return Err(PackageError::Stopped);
            }
        }
    }

    /// Adds the file of links.
    ///
    /// # Errors
    /// When writing fails.
    pub fn add_links(&mut self, links: &Links) -> Result<(), PackageError> {
        let name = PackageName::new(LINKS_FILE, &self.rules.limits)
            .map_err(|fault| PackageError::of(LINKS_FILE, Refused::Name(fault)))?;
        self.add(&name, links.to_bytes().as_slice(), &mut |_| true)?;
        Ok(())
    }

    /// Writes the directory and gives the writer back.
    ///
    /// # Errors
    /// When writing fails.
    pub fn finish(self) -> Result<W, PackageError> {
        self.zip
            .finish()
            .map_err(|source| PackageError::Pack { source })
    }

    fn options(&self, kind: FileKind, name: &PackageName) -> SimpleFileOptions {
        let method = match !self.stored && packs_well(kind, &name.extension()) {
            true => CompressionMethod::Deflated,
            false => CompressionMethod::Stored,
        };
        SimpleFileOptions::default()
            .compression_method(method)
            .last_modified_time(DateTime::default())
            .unix_permissions(0o644)
    }
}

/// Whether compressing is worth the time: most pictures, films and sounds are compressed already.
fn packs_well(kind: FileKind, extension: &str) -> bool {
    match kind {
        FileKind::Project
        | FileKind::Font
        | FileKind::Model
        | FileKind::Data
        | FileKind::Script
        | FileKind::Program => true,
        FileKind::Image => matches!(
            extension,
            "ai" | "bmp"
                | "cin"
                | "dpx"
                | "eps"
                | "hdr"
                | "iff"
                | "psb"
                | "psd"
                | "rgb"
                | "sgi"
                | "svg"
                | "tga"
                | "tif"
                | "tiff"
        ),
        FileKind::Audio => matches!(extension, "aif" | "aifc" | "aiff" | "bwf" | "wav"),
        FileKind::Video => false,
    }
}
