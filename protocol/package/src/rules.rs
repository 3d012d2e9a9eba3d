//! What a package may be: sizes, counts and kinds. One struct, so that every bound can be read in one place.

/// Bounds on a package. All hold while bytes flow: nothing is trusted because a header says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the zip itself.
    pub packed_bytes: u64,
    /// Bytes of all files together, unpacked.
    pub unpacked_bytes: u64,
    /// Bytes of one file, unpacked.
    pub file_bytes: u64,
    /// Entries of the zip: files and folders.
    pub entries: u64,
    /// Bytes of the zip's directory, which is held in memory.
    pub directory_bytes: u64,
    /// Unpacked bytes for each packed one, of a file and of the whole.
    pub ratio: u64,
    /// Up to so many unpacked bytes the ratio is not judged: ten seconds of silence pack a thousand to one, and hurt nobody.
    pub ratio_free_bytes: u64,
    /// Parts of a name between slashes.
    pub depth: usize,
    /// UTF-8 bytes of one part: what Linux file systems take.
    pub part_bytes: usize,
    /// UTF-16 units of a whole name: Windows takes 259 with the folder the package lies in.
    pub path_units: usize,
    /// Bytes of one font file, which is held in memory to read its names.
    pub font_bytes: u64,
    /// Bytes of the package's links, which are held in memory.
    pub links_bytes: u64,
}

impl Default for Limits {
    /// A template of the service: 2 GiB packed, 8 GiB unpacked, 5,000 entries, 100 to 1.
    fn default() -> Self {
        Self {
            packed_bytes: 2 << 30,
            unpacked_bytes: 8 << 30,
            file_bytes: 4 << 30,
            entries: 5_000,
            directory_bytes: 8 << 20,
            ratio: 100,
            ratio_free_bytes: 64 << 20,
            depth: 12,
            part_bytes: 255,
            path_units: 160,
            font_bytes: 64 << 20,
            links_bytes: 4 << 20,
        }
    }
}

/// How a package is judged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    /// Bounds.
    pub limits: Limits,
    /// The project by its name in the package; needed when there are several.
    pub project: Option<String>,
    /// Scripts (`.jsx`, `.js`, …) may be in it. They are not run by being there.
    pub allow_scripts: bool,
    /// Programs and libraries may be in it, by extension or by content.
    pub allow_programs: bool,
}
