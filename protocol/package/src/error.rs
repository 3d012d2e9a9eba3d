//! Why a package is refused: which entry, what is wrong with it, and what to do. Texts are for the person who packed it.

use std::io;
use std::path::PathBuf;

use crate::name::shown;

/// What stops the reading or writing of a package.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// The package as a whole is not one we take.
    #[error("{why}")]
    Archive {
        /// What is wrong.
        why: Refused,
    },
    /// One entry is not one we take.
    #[error("entry {}: {why}", shown(entry))]
    Entry {
        /// Its name as the archive has it, not escaped.
        entry: String,
        /// What is wrong.
        why: Refused,
    },
    /// The zip itself could not be read.
    #[error("read the package")]
    Read {
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file could not be written.
    #[error("write {}", path.display())]
    Write {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The folder to unpack into is there already, or can't be.
    #[error("unpack to {}: {why}", path.display())]
    Target {
        /// The folder.
        path: PathBuf,
        /// What is in the way.
        why: &'static str,
    },
    /// A file that is being packed could not be read.
    #[error("read what becomes {}", shown(entry))]
    Source {
        /// Its name in the package.
        entry: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The zip could not be written.
    #[error("write the package")]
    Pack {
        /// What the zip writer said.
        #[source]
        source: zip::result::ZipError,
    },
    /// Who asked for it wants no more of it.
    #[error("stopped before the end")]
    Stopped,
}

impl PackageError {
    /// The entry it is about, as the archive has it.
    #[must_use]
    pub fn entry(&self) -> Option<&str> {
        match self {
            Self::Entry { entry, .. } | Self::Source { entry, .. } => Some(entry),
            Self::Archive { .. }
            | Self::Read { .. }
            | Self::Write { .. }
            | Self::Target { .. }
            | Self::Pack { .. }
            | Self::Stopped => None,
        }
    }

    /// What is wrong with the package; `None` if it is the machine's fault or ours.
    #[must_use]
    pub fn refused(&self) -> Option<&Refused> {
        match self {
            Self::Archive { why } | Self::Entry { why, .. } => Some(why),
            Self::Read { .. }
            | Self::Write { .. }
            | Self::Target { .. }
            | Self::Source { .. }
            | Self::Pack { .. }
            | Self::Stopped => None,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Archive { why } | Self::Entry { why, .. } => why.remedy(),
            Self::Read { .. } => "try again; is the disk or the connection sound?",
            Self::Write { .. } | Self::Pack { .. } => {
                "is there room on the disk, and may this user write there?"
            }
            Self::Target { .. } => "name a folder that does not exist yet",
            Self::Source { .. } => "is the file still there, and may this user read it?",
            Self::Stopped => "start it again",
        }
    }

    pub(crate) fn of(entry: &str, why: Refused) -> Self {
        Self::Entry {
            entry: entry.to_owned(),
            why,
        }
    }

    pub(crate) fn read(source: io::Error) -> Self {
        Self::Read { source }
    }
}

impl From<Refused> for PackageError {
    fn from(why: Refused) -> Self {
        Self::Archive { why }
    }
}

/// What is wrong with a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameFault {
    /// Nothing at all.
    #[error("the name is empty")]
    Empty,
    /// `a//b`.
    #[error("a part of the name is empty")]
    EmptyPart,
    /// `/etc/passwd`.
    #[error("the name begins at the root of a disk")]
    Absolute,
    /// `C:\…`.
    #[error("the name begins with a drive")]
    Drive,
    /// `\\server\…`.
    #[error("the name begins with a server")]
    Server,
    /// `..`.
    #[error("the name climbs out of its folder (..)")]
    Climbs,
    /// `.`.
    #[error("a part of the name is a single point")]
    Here,
    /// `a\b`.
    #[error("the name has a backslash")]
    Backslash,
    /// `a.txt:stream`.
    #[error("the name has a colon, which opens a hidden stream on Windows")]
    Stream,
    /// `<>"|?*`.
    #[error("the name has a character that Windows refuses: {letter}")]
    Forbidden {
        /// The character.
        letter: char,
    },
    /// Controls and what can't be seen.
    #[error("the name has a control or invisible character (U+{code:04X})")]
    Control {
        /// Its code point.
        code: u32,
    },
    /// `name.` or `name `.
    #[error("a part of the name ends with a point or a space, which Windows drops")]
    Trailing,
    /// ` name`.
    #[error("a part of the name begins with a space")]
    Leading,
    /// `aux.jsx`.
    #[error("{part} is the name of a device on Windows")]
    Device {
        /// The part.
        part: String,
    },
    /// Longer than a file system takes.
    #[error("a part of the name has {bytes} bytes, at most {limit} are taken")]
    PartTooLong {
        /// Its UTF-8 bytes.
        bytes: usize,
        /// [`crate::Limits::part_bytes`].
        limit: usize,
    },
    /// Longer than Windows takes.
    #[error("the name has more than {limit} characters")]
    PathTooLong {
        /// [`crate::Limits::path_units`].
        limit: usize,
    },
    /// Folders in folders in folders.
    #[error("the name has {depth} parts, at most {limit} are taken")]
    TooDeep {
        /// How many.
        depth: usize,
        /// [`crate::Limits::depth`].
        limit: usize,
    },
}

/// What is wrong with a package or an entry of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The first bytes are those of something else.
    #[error("not a zip: {looks}")]
    NotAZip {
        /// What it looks like.
        looks: String,
    },
    /// No end record where the file ends.
    #[error("the end of the zip is missing, or something follows it")]
    NoEnd,
    /// More than one end record fits.
    #[error("the zip has two ends that both could be meant")]
    TwoEnds,
    /// Parts on several disks.
    #[error("the zip is one part of several")]
    ManyDisks,
    /// Bytes before the first entry.
    #[error("{bytes} bytes stand before the first entry")]
    InFront {
        /// How many.
        bytes: u64,
    },
    /// The directory contradicts itself.
    #[error("the directory of the zip is broken: {what}")]
    Directory {
        /// What does not fit.
        what: &'static str,
    },
    /// The zip is larger than we take.
    #[error("{bytes} bytes, at most {limit} are taken")]
    TooLargePacked {
        /// How large.
        bytes: u64,
        /// [`crate::Limits::packed_bytes`].
        limit: u64,
    },
    /// More entries than we take.
    #[error("{entries} entries, at most {limit} are taken")]
    TooManyEntries {
        /// How many it says.
        entries: u64,
        /// [`crate::Limits::entries`].
        limit: u64,
    },
    /// Neither in the rules nor found.
    #[error("no project in it: none of its {files} files is an .aep, .aepx or .aet")]
    NoProject {
        /// Files it has.
        files: usize,
    },
    /// Several, and none named.
    #[error("{} projects in it: {}", names.len(), listed(names))]
    SeveralProjects {
        /// Their names.
        names: Vec<String>,
    },
    /// The one that was named is not there.
    #[error("the project {} is not in it; it has {}", shown(name), listed(known))]
    ProjectNotThere {
        /// The one asked for.
        name: String,
        /// Those that are.
        known: Vec<String>,
    },
    /// All files together are too large.
    #[error("unpacks to {bytes} bytes or more, at most {limit} are taken")]
    TooLargeUnpacked {
        /// How far we got, or what the headers say.
        bytes: u64,
        /// [`crate::Limits::unpacked_bytes`].
        limit: u64,
    },
    /// A fault of its name.
    #[error("{0}")]
    Name(NameFault),
    /// Not UTF-8.
    #[error("the name is not UTF-8")]
    NameNotUtf8,
    /// A second name in an extra field.
    #[error("it has a second name, {}", shown(other))]
    SecondName {
        /// The other one.
        other: String,
    },
    /// Twice the same name.
    #[error("the name is there twice")]
    Twice,
    /// One file on some systems.
    #[error(
        "{} is the same name where case or Unicode form do not count",
        shown(other)
    )]
    Collides {
        /// The other name.
        other: String,
    },
    /// A file where another entry has a folder.
    #[error("{} is both a file and a folder", shown(name))]
    FileAndFolder {
        /// The name that is both.
        name: String,
    },
    /// Links, devices, pipes, sockets.
    #[error("{what}, not a regular file")]
    Special {
        /// What it is.
        what: &'static str,
    },
    /// A folder with bytes, or a file that says it is a folder.
    #[error("it says it is a folder and is not one")]
    FalseFolder,
    /// A password is needed.
    #[error("it is encrypted")]
    Encrypted,
    /// A way of packing that we do not read.
    #[error("it is packed by method {method}{}", method_name(*method))]
    Method {
        /// The number of the method.
        method: u16,
    },
    /// Flags that change what the bytes mean.
    #[error("its header has flags that are not understood ({flags:#06x})")]
    Flags {
        /// All flags.
        flags: u16,
    },
    /// Directory and entry disagree.
    #[error("the directory and the entry do not agree on its {field}")]
    HeadersDiffer {
        /// On what.
        field: &'static str,
    },
    /// Bytes of the entry are outside the file or in the directory.
    #[error("its bytes are not where the directory says")]
    OutOfBounds,
    /// Shares bytes with another one.
    #[error("it overlaps {}", shown(other))]
    Overlaps {
        /// The other one.
        other: String,
    },
    /// A file is too large.
    #[error("{bytes} bytes, at most {limit} are taken of one file")]
    FileTooLarge {
        /// What the header says.
        bytes: u64,
        /// [`crate::Limits::file_bytes`], `font_bytes` or `links_bytes`.
        limit: u64,
    },
    /// A bomb.
    #[error("unpacks to {unpacked} bytes from {packed}: more than {limit} to 1")]
    Ratio {
        /// Bytes unpacked so far, or as the headers say.
        unpacked: u64,
        /// Bytes packed.
        packed: u64,
        /// [`crate::Limits::ratio`].
        limit: u64,
    },
    /// More or fewer bytes than its header says.
    #[error("it says {said} bytes and has {}", if *more { "more" } else { "fewer" })]
    FalseSize {
        /// What its header says.
        said: u64,
        /// More came than that.
        more: bool,
    },
    /// Packed bytes that give nothing.
    #[error("its packed bytes are broken, or some are left over")]
    Broken,
    /// The checksum does not fit.
    #[error("its checksum is not that of its bytes")]
    Checksum,
    /// An extension nobody knows.
    #[error("{}", no_kind(extension))]
    Extension {
        /// The extension, without its point.
        extension: String,
    },
    /// A script.
    #[error("it is a script ({extension})")]
    Script {
        /// The extension, or `#!`.
        extension: String,
    },
    /// A program.
    #[error("it is a program ({what})")]
    Program {
        /// Which kind, or the extension.
        what: String,
    },
    /// An archive in the archive.
    #[error("it is an archive in the archive ({what})")]
    ArchiveInside {
        /// Which kind.
        what: String,
    },
    /// Named a project, and none.
    #[error("it is named a project and does not begin like one")]
    NotAProject,
    /// A font nothing can read.
    #[error("no font can be read from it: {why}")]
    Font {
        /// What the font reader said.
        why: String,
    },
    /// The package's own file of links is wrong.
    #[error("the links of the package can't be used: {why}")]
    Links {
        /// What is wrong.
        why: String,
    },
}

impl Refused {
    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::NotAZip { .. } => "send a .zip, or let flatctl package make write one",
            Self::NoEnd | Self::Checksum | Self::Broken => {
                "the file was cut or damaged on its way: send it again, or pack it again"
            }
            Self::TwoEnds
            | Self::Directory { .. }
            | Self::SecondName { .. }
            | Self::FalseFolder
            | Self::Flags { .. }
            | Self::HeadersDiffer { .. }
            | Self::OutOfBounds
            | Self::Overlaps { .. }
            | Self::FalseSize { .. } => {
                "no packing program writes this; unpack it where you trust it and pack it again"
            }
            Self::ManyDisks => "join the parts into one zip",
            Self::InFront { .. } => "send a plain zip, not one that unpacks itself",
            Self::TooLargePacked { .. }
            | Self::TooManyEntries { .. }
            | Self::TooLargeUnpacked { .. }
            | Self::FileTooLarge { .. } => {
                "leave out what the composition does not show; make a film of a long image sequence"
            }
            Self::NoProject { .. } => "put the .aep into the zip, beside its (Footage) folder",
            Self::SeveralProjects { .. } | Self::ProjectNotThere { .. } => {
                "name the one that is meant, or leave the others out"
            }
            Self::Name(fault) => fault.remedy(),
            Self::NameNotUtf8 => {
                "pack it with a program that writes names in UTF-8 (macOS, 7-Zip with -mcu=on, flatctl package make)"
            }
            Self::Twice | Self::Collides { .. } | Self::FileAndFolder { .. } => {
                "rename one of the two, and relink it in the project"
            }
            Self::Special { .. } => "put the file itself in its place",
            Self::Encrypted => "pack it without a password",
            Self::Method { .. } => "pack it with Deflate, or without compression",
            Self::Ratio { .. } => "store the file without compression, or leave it out",
            Self::Extension { .. } => {
                "leave it out; if After Effects reads it, ask for its kind to be added"
            }
            Self::Script { .. } => "leave it out; scripts need an operator's leave",
            Self::Program { .. } => "leave it out; plug-ins are installed on nodes, not sent",
            Self::ArchiveInside { .. } => "unpack it, and put in only what the project shows",
            Self::NotAProject => "save the project again in After Effects, and pack that",
            Self::Font { .. } => "put in a .ttf, .otf or .ttc that opens on your machine",
            Self::Links { .. } => "make the package again with flatctl package make",
        }
    }
}

impl NameFault {
    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Empty
            | Self::EmptyPart
            | Self::Absolute
            | Self::Drive
            | Self::Server
            | Self::Climbs
            | Self::Here
            | Self::Backslash => {
                "no packing program writes this from a folder; pack the collected folder itself, with / between parts"
            }
            Self::Stream
            | Self::Forbidden { .. }
            | Self::Control { .. }
            | Self::Trailing
            | Self::Leading
            | Self::Device { .. } => "rename the file, and relink it in the project",
            Self::PartTooLong { .. } | Self::PathTooLong { .. } | Self::TooDeep { .. } => {
                "shorten the names of file and folders, and relink it in the project"
            }
        }
    }
}

fn method_name(method: u16) -> &'static str {
    match method {
        1..=6 => " (of the time before Deflate)",
        9 => " (Deflate64, as Windows writes for large files)",
        12 => " (bzip2)",
        14 => " (LZMA)",
        20 | 93 => " (Zstandard)",
        95 => " (xz)",
        97 => " (WavPack)",
        98 => " (PPMd)",
        // numbers are the archive's, not ours
        _ => "",
    }
}

fn no_kind(extension: &str) -> String {
    match extension {
        "" => "a file without an extension: what is it?".to_owned(),
        _ => format!("a package holds no .{} files", extension.escape_debug()),
    }
}

fn listed(names: &[String]) -> String {
    const NAMED: usize = 5;
    let mut text: Vec<String> = names.iter().take(NAMED).map(|name| shown(name)).collect();
    if names.len() > NAMED {
        text.push(format!("{} more", names.len() - NAMED));
    }
    if text.is_empty() {
        return "none".to_owned();
    }
    text.join(", ")
}
