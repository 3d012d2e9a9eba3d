//! Answers for: what a TIFF file says about its first picture (TIFF revision 6.0, sections 2, 8 and 18), with everything it
//! refers to checked to lie inside the file. Must not: decode pixels, allocate by what the file claims.

use crate::error::PictureError;
use crate::limits::FileFormat;
use crate::picture::{Alpha, Depth};

const IMAGE_WIDTH: u16 = 256;
const IMAGE_LENGTH: u16 = 257;
const BITS_PER_SAMPLE: u16 = 258;
const COMPRESSION: u16 = 259;
const PHOTOMETRIC: u16 = 262;
const STRIP_OFFSETS: u16 = 273;
const ORIENTATION: u16 = 274;
const SAMPLES_PER_PIXEL: u16 = 277;
const ROWS_PER_STRIP: u16 = 278;
const STRIP_BYTE_COUNTS: u16 = 279;
const PLANAR_CONFIGURATION: u16 = 284;
const PREDICTOR: u16 = 317;
const TILE_WIDTH: u16 = 322;
const TILE_LENGTH: u16 = 323;
const TILE_OFFSETS: u16 = 324;
const TILE_BYTE_COUNTS: u16 = 325;
const EXTRA_SAMPLES: u16 = 338;
const SAMPLE_FORMAT: u16 = 339;

/// A tile larger than this in memory is of no use to anybody.
const MOST_TILE_BYTES: u64 = 64 << 20;

/// How strips and tiles are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Lzw,
    Deflate,
    PackBits,
}

/// Where the bytes of a strip or tile are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Block {
    pub start: usize,
    pub end: usize,
}

/// What a TIFF file says about its first picture.
#[derive(Debug)]
pub(super) struct Directory {
    pub width: u32,
    pub height: u32,
    /// Eight or sixteen.
    pub depth: Depth,
    /// 1 … 4, alpha included.
    pub channels: u8,
    pub alpha: Alpha,
    pub white_is_zero: bool,
    pub compression: Compression,
    /// Samples are differences to the pixel on their left.
    pub predictor: bool,
    pub big_endian: bool,
    /// Blocks are tiles and not strips.
    pub tiled: bool,
    /// Blocks hold one channel each, all of the first before all of the second.
    pub planar: bool,
    /// The width of a strip is that of the picture.
    pub block_width: u32,
    pub block_height: u32,
    pub blocks: Vec<Block>,
}

impl Directory {
    pub(super) fn pixel_bytes(&self) -> usize {
        usize::from(self.channels) * self.depth.sample_bytes()
    }

    pub(super) fn has_alpha(&self) -> bool {
        self.alpha != Alpha::None
    }

    /// Whether the blocks are runs of whole rows.
    pub(super) fn is_strips(&self) -> bool {
        !self.tiled && (!self.planar || self.channels == 1)
    }
}

/// One entry: its values lie in `values`, `count` of them, all inside the file.
#[derive(Clone, Copy)]
struct Entry<'a> {
    tag: u16,
    kind: u16,
    count: usize,
    values: &'a [u8],
}

struct Reader<'a> {
    bytes: &'a [u8],
    big_endian: bool,
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8]) -> Result<Self, PictureError> {
        let big_endian = match bytes.get(..4) {
            Some(b"II*\0") => false,
            Some(b"MM\0*") => true,
            Some(b"II+\0" | b"MM\0+") => {
                return Err(PictureError::Unsupported {
                    format: FileFormat::Tiff,
                    what: "BigTIFF".into(),
                    way_out: "a frame of less than 4 GiB needs no such file",
                });
            }
            other => {
                return Err(PictureError::UnknownFormat {
                    begins: hex::encode(other.unwrap_or(bytes)),
                });
            }
        };
        Ok(Self { bytes, big_endian })
    }

    /// `length` bytes from `start` on, or what is not there.
    fn slice(&self, start: usize, length: usize, what: &str) -> Result<&'a [u8], PictureError> {
        start
            .checked_add(length)
            .and_then(|end| self.bytes.get(start..end))
            .ok_or_else(|| {
                PictureError::torn(
                    self.bytes,
                    format!("{what} needs {length} bytes at {start}"),
                )
            })
    }

    fn u16(&self, bytes: &[u8]) -> u16 {
        let bytes = [bytes[0], bytes[1]];
        if self.big_endian {
            u16::from_be_bytes(bytes)
        } else {
            u16::from_le_bytes(bytes)
        }
    }

    fn u32(&self, bytes: &[u8]) -> u32 {
        let bytes = [bytes[0], bytes[1], bytes[2], bytes[3]];
        if self.big_endian {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        }
    }

    fn entries(&self) -> Result<Vec<Entry<'a>>, PictureError> {
        let at = self.u32(self.slice(4, 4, "the header")?) as usize;
        let count = usize::from(self.u16(self.slice(at, 2, "the directory")?));
        let table = self.slice(at + 2, count * 12 + 4, "the directory")?;
        table[..count * 12]
            .chunks_exact(12)
            .map(|raw| self.entry(raw))
            .collect()
    }

    fn entry(&self, raw: &'a [u8]) -> Result<Entry<'a>, PictureError> {
        let (tag, kind) = (self.u16(raw), self.u16(&raw[2..]));
        let count = self.u32(&raw[4..]) as usize;
        let size: usize = match kind {
            1 | 2 | 6 | 7 => 1,
            3 | 8 => 2,
            4 | 9 | 11 | 13 => 4,
            5 | 10 | 12 => 8,
            // Readers skip fields of a type they don't know (TIFF 6.0, section 2).
            _ => {
                return Ok(Entry {
                    tag,
                    kind,
                    count: 0,
                    values: &[],
                });
            }
        };
        let length = count
            .checked_mul(size)
            .ok_or_else(|| PictureError::damaged(format!("field {tag} claims {count} values")))?;
        let values = if length <= 4 {
            &raw[8..8 + length]
        } else {
            self.slice(
                self.u32(&raw[8..]) as usize,
                length,
                &format!("field {tag}"),
            )?
        };
        Ok(Entry {
            tag,
            kind,
            count,
            values,
        })
    }

    /// The value of number `index` of an entry of whole numbers.
    fn number(&self, entry: &Entry<'_>, index: usize) -> Result<u32, PictureError> {
        if index >= entry.count {
            return Err(PictureError::damaged(format!(
                "field {} has {} values, and number {} is needed",
                entry.tag,
                entry.count,
                index + 1
            )));
        }
        match entry.kind {
            1 => Ok(u32::from(entry.values[index])),
            3 => Ok(u32::from(self.u16(&entry.values[index * 2..]))),
            4 => Ok(self.u32(&entry.values[index * 4..])),
            kind => Err(PictureError::damaged(format!(
                "field {} is of type {kind}, not a whole number",
                entry.tag
            ))),
        }
    }
}

/// The entries with the ways to ask for them.
struct Fields<'a> {
    reader: Reader<'a>,
    entries: Vec<Entry<'a>>,
}

impl<'a> Fields<'a> {
    fn find(&self, tag: u16) -> Option<&Entry<'a>> {
        self.entries.iter().find(|entry| entry.tag == tag)
    }

    fn need(&self, tag: u16, name: &str) -> Result<&Entry<'a>, PictureError> {
        self.find(tag)
            .ok_or_else(|| PictureError::damaged(format!("its directory has no {name}")))
    }

    fn one_or(&self, tag: u16, default: u32) -> Result<u32, PictureError> {
        self.find(tag)
            .map_or(Ok(default), |entry| self.reader.number(entry, 0))
    }
}

/// Reads the directory; `check_size` sees width and height before anything else is believed.
pub(super) fn read(
    bytes: &[u8],
    check_size: impl FnOnce(u32, u32) -> Result<(), PictureError>,
) -> Result<Directory, PictureError> {
    let reader = Reader::new(bytes)?;
    let entries = reader.entries()?;
    let fields = Fields { reader, entries };
    let width = fields
        .reader
        .number(fields.need(IMAGE_WIDTH, "width")?, 0)?;
    let height = fields
        .reader
        .number(fields.need(IMAGE_LENGTH, "height")?, 0)?;
    check_size(width, height)?;
    let planar = planar(&fields)?;
    let compression = compression(&fields)?;
    let (is_color, white_is_zero, channels) = colors(&fields)?;
    let depth = depth(&fields, channels)?;
    let predictor = match (fields.one_or(PREDICTOR, 1)?, compression) {
        (1, _) => false,
        // Some readers undo the differences then and some don't: what the picture is, nobody knows.
        (2, Compression::None | Compression::PackBits) => {
            return Err(unsupported("differences without LZW or Deflate".into()));
        }
        (2, _) => true,
        (other, _) => return Err(unsupported(format!("predictor {other}"))),
    };
    let (tiled, block_width, block_height) = block_size(&fields, width, height)?;
    let planes = if planar { usize::from(channels) } else { 1 };
    let needed = width.div_ceil(block_width) as usize * height.div_ceil(block_height) as usize;
    Ok(Directory {
        width,
        height,
        depth,
        channels,
        alpha: alpha(&fields, is_color, channels)?,
        white_is_zero,
        compression,
        predictor,
        big_endian: fields.reader.big_endian,
        tiled,
        planar,
        block_width,
        block_height,
        blocks: blocks(&fields, tiled, needed * planes)?,
    })
}

/// Whether blocks are tiles, and how wide and high they are.
fn block_size(
    fields: &Fields<'_>,
    width: u32,
    height: u32,
) -> Result<(bool, u32, u32), PictureError> {
    if fields.find(TILE_WIDTH).is_none() {
        return match fields.one_or(ROWS_PER_STRIP, height)? {
            0 => Err(PictureError::damaged("its strips have no rows")),
            rows => Ok((false, width, rows.min(height))),
        };
    }
    let across = fields.one_or(TILE_WIDTH, 0)?;
    let down = fields.one_or(TILE_LENGTH, 0)?;
    let bytes = u64::from(across) * u64::from(down);
    if across == 0 || down == 0 {
        return Err(PictureError::damaged("its tiles have no pixels"));
    }
    // At most four channels of two bytes.
    if bytes > MOST_TILE_BYTES / 8 {
        return Err(unsupported(format!("its tiles are {across}×{down} pixels")));
    }
    Ok((true, across, down))
}

fn unsupported(what: String) -> PictureError {
    PictureError::Unsupported {
        format: FileFormat::Tiff,
        what,
        way_out: "use RGB or RGB + alpha, uncompressed or LZW, as After Effects writes it",
    }
}

fn planar(fields: &Fields<'_>) -> Result<bool, PictureError> {
    match fields.one_or(ORIENTATION, 1)? {
        1 => {}
        other => return Err(unsupported(format!("it is turned (orientation {other})"))),
    }
    match fields.one_or(PLANAR_CONFIGURATION, 1)? {
        1 => Ok(false),
        2 => Ok(true),
        other => Err(unsupported(format!("planar configuration {other}"))),
    }
}

fn compression(fields: &Fields<'_>) -> Result<Compression, PictureError> {
    match fields.one_or(COMPRESSION, 1)? {
        1 => Ok(Compression::None),
        5 => Ok(Compression::Lzw),
        8 | 32946 => Ok(Compression::Deflate),
        32773 => Ok(Compression::PackBits),
        other => Err(unsupported(format!("compression {other}"))),
    }
}

/// Whether there are colours, whether gray counts from white, and how many channels there are.
fn colors(fields: &Fields<'_>) -> Result<(bool, bool, u8), PictureError> {
    let samples = fields.one_or(SAMPLES_PER_PIXEL, 1)?;
    let photometric = fields
        .reader
        .number(fields.need(PHOTOMETRIC, "colour space")?, 0)?;
    match (photometric, samples) {
        (0 | 1, 1 | 2) => Ok((false, photometric == 0, samples as u8)),
        (2, 3 | 4) => Ok((true, false, samples as u8)),
        (0..=2, _) => Err(unsupported(format!("{samples} channels"))),
        (other, _) => Err(unsupported(format!("colour space {other}"))),
    }
}

fn depth(fields: &Fields<'_>, channels: u8) -> Result<Depth, PictureError> {
    let depths = fields.find(BITS_PER_SAMPLE);
    let bits = depths.map_or(Ok(1), |entry| fields.reader.number(entry, 0))?;
    if let Some(entry) = depths.filter(|entry| entry.count > 1) {
        for index in 0..usize::from(channels) {
            if fields.reader.number(entry, index)? != bits {
                return Err(unsupported("its channels differ in depth".into()));
            }
        }
    }
    let format = fields.one_or(SAMPLE_FORMAT, 1)?;
    match (bits, format) {
        (8, 1) => Ok(Depth::Eight),
        (16, 1) => Ok(Depth::Sixteen),
        (bits, 3) => Err(PictureError::UnsupportedDepth {
            found: format!("{bits} bits (floating point)"),
        }),
        (bits, _) => Err(PictureError::UnsupportedDepth {
            found: format!("{bits} bits"),
        }),
    }
}

fn alpha(fields: &Fields<'_>, is_color: bool, channels: u8) -> Result<Alpha, PictureError> {
    if channels == if is_color { 3 } else { 1 } {
        return Ok(Alpha::None);
    }
    Ok(match fields.one_or(EXTRA_SAMPLES, 0)? {
        1 => Alpha::Premultiplied,
        2 => Alpha::Straight,
        _ => Alpha::Unsaid,
    })
}

fn blocks(fields: &Fields<'_>, tiled: bool, needed: usize) -> Result<Vec<Block>, PictureError> {
    let (name, offsets, counts) = if tiled {
        (
            "tile",
            fields.need(TILE_OFFSETS, "tile offsets")?,
            fields.need(TILE_BYTE_COUNTS, "tile sizes")?,
        )
    } else {
        (
            "strip",
            fields.need(STRIP_OFFSETS, "strip offsets")?,
            fields.need(STRIP_BYTE_COUNTS, "strip sizes")?,
        )
    };
    let reader = &fields.reader;
    // The counts are checked against the file before the allocation: their values lie inside it.
    if offsets.count < needed || counts.count < needed {
        return Err(PictureError::damaged(format!(
            "{needed} {name}s are needed, and {} are named",
            offsets.count.min(counts.count)
        )));
    }
    (0..needed)
        .map(|index| {
            let start = reader.number(offsets, index)? as usize;
            let length = reader.number(counts, index)? as usize;
            reader.slice(start, length, &format!("{name} {index}"))?;
            Ok(Block {
                start,
                end: start + length,
            })
        })
        .collect()
}
