//! The directory of a zip, and that it tells the truth about the entries: one end, every record, every local header, no two
//! entries on the same bytes. After this, an entry's packed bytes are where [`Placed`] says, and nobody else's.
//!
//! A reader of our own, because what libraries forgive is what we look for: they take the first of two ends, shift offsets,
//! and believe the directory without looking at the entry.

use std::io::{Read, Seek, SeekFrom};

use crate::error::{PackageError, Refused};
use crate::record::{CENTRAL_BYTES, Central, Cursor, LOCAL_BYTES, Local};
use crate::rules::Limits;

const END_BYTES: u64 = 22;
const END64_LOCATOR_BYTES: u64 = 20;
const END64_BYTES: u64 = 56;
/// The longest comment at the end.
const COMMENT_BYTES: u64 = 0xffff;
/// Bit 0: encrypted. 6: strongly. 13: the directory too.
const ENCRYPTED: u16 = 1 | 1 << 6 | 1 << 13;
/// Bit 3: sizes follow the data.
const SIZES_FOLLOW: u16 = 1 << 3;
/// Bits 1, 2: how hard Deflate tried. 11: the name is UTF-8.
const HARMLESS: u16 = 1 << 1 | 1 << 2 | SIZES_FOLLOW | 1 << 11;
/// AES encryption hides behind this method.
const METHOD_AES: u16 = 99;

/// How an entry's bytes are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    /// As they are.
    Stored,
    /// RFC 1951.
    Deflate,
}

/// A record whose entry was found where it says.
#[derive(Debug, Clone)]
pub(crate) struct Placed {
    pub(crate) record: Central,
    pub(crate) method: Method,
    /// First packed byte.
    pub(crate) data_at: u64,
    /// One after the last byte of the entry, its descriptor included.
    end: u64,
}

impl Placed {
    /// The name as text for messages, whatever its bytes are.
    pub(crate) fn label(&self) -> String {
        String::from_utf8_lossy(&self.record.name).into_owned()
    }
}

struct End {
    entries: u64,
    directory_bytes: u64,
    directory_at: u64,
    /// Where the end records begin: the directory must reach exactly there.
    at: u64,
}

/// Reads the directory and looks at every entry's header; no content.
pub(crate) fn read<R: Read + Seek>(
    reader: &mut R,
    limits: &Limits,
) -> Result<Vec<Placed>, PackageError> {
    let bytes = reader.seek(SeekFrom::End(0)).map_err(PackageError::read)?;
    if bytes > limits.packed_bytes {
        return Err(Refused::TooLargePacked {
            bytes,
            limit: limits.packed_bytes,
        }
        .into());
    }
    look_like_zip(reader, bytes)?;
    let end = find_end(reader, bytes)?;
    if end.entries > limits.entries {
        return Err(Refused::TooManyEntries {
            entries: end.entries,
            limit: limits.entries,
        }
        .into());
    }
    let records = read_records(reader, &end, limits)?;
    let mut placed = Vec::with_capacity(records.len());
    for record in records {
        let label = String::from_utf8_lossy(&record.name).into_owned();
        let one = place(reader, record, end.directory_at).map_err(|why| match why {
            Stop::Refused(why) => PackageError::of(&label, why),
            Stop::Read(source) => PackageError::read(source),
        })?;
        placed.push(one);
    }
    check_overlaps(&placed)?;
    Ok(placed)
}

fn look_like_zip<R: Read + Seek>(reader: &mut R, bytes: u64) -> Result<(), PackageError> {
    let mut head = [0; 512];
    let count = usize::try_from(bytes.min(512)).expect("at most 512");
    let head = &mut head[..count];
    read_at(reader, 0, head).map_err(PackageError::read)?;
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        return Ok(());
    }
    let looks = if head.is_empty() {
        "the file is empty"
    } else if head.get(257..262) == Some(b"ustar") {
        "it is a tar"
    } else if head.starts_with(b"RIFX") {
        "it is a project, not a package"
    } else if head.starts_with(b"7z\xbc\xaf") {
        "it is a 7z"
    } else if head.starts_with(b"Rar!") {
        "it is a rar"
    } else if head.starts_with(b"PK\x07\x08") {
        return Err(Refused::ManyDisks.into());
    } else {
        "it does not begin with an entry"
    };
    Err(Refused::NotAZip {
        looks: looks.to_owned(),
    }
    .into())
}

fn read_at<R: Read + Seek>(reader: &mut R, at: u64, into: &mut [u8]) -> std::io::Result<()> {
    reader.seek(SeekFrom::Start(at))?;
    reader.read_exact(into)
}

fn find_end<R: Read + Seek>(reader: &mut R, bytes: u64) -> Result<End, PackageError> {
    let tail_bytes = bytes.min(END_BYTES + COMMENT_BYTES);
    let tail_at = bytes - tail_bytes;
    let mut tail = vec![0; usize::try_from(tail_bytes).expect("at most 64 KiB")];
    read_at(reader, tail_at, &mut tail).map_err(PackageError::read)?;
    let fits = |at: &usize| {
        let comment = tail.get(at + 20..at + 22);
        tail[*at..].starts_with(b"PK\x05\x06")
            && comment.is_some_and(|length| {
                let length = usize::from(u16::from_le_bytes([length[0], length[1]]));
                at + 22 + length == tail.len()
            })
    };
    let mut found = (0..tail.len()).filter(fits);
    let at = match (found.next(), found.next()) {
        (Some(at), None) => at,
        (Some(_), Some(_)) => return Err(Refused::TwoEnds.into()),
        (None, _) => return Err(Refused::NoEnd.into()),
    };
    let end = read_end(&tail[at..]).ok_or(Refused::NoEnd)?;
    let at = tail_at + at as u64;
    let End64 { end, at } = widen(reader, end, at)?;
    if end.disk != 0 || end.directory_disk != 0 || end.entries_here != end.entries {
        return Err(Refused::ManyDisks.into());
    }
    if end.directory_at.checked_add(end.directory_bytes) != Some(at) {
        return Err(Refused::Directory {
            what: "it does not lie where its end says",
        }
        .into());
    }
    Ok(End {
        entries: end.entries,
        directory_bytes: end.directory_bytes,
        directory_at: end.directory_at,
        at,
    })
}

struct RawEnd {
    disk: u32,
    directory_disk: u32,
    entries_here: u64,
    entries: u64,
    directory_bytes: u64,
    directory_at: u64,
}

struct End64 {
    end: RawEnd,
    at: u64,
}

fn read_end(bytes: &[u8]) -> Option<RawEnd> {
    let mut from = Cursor::new(bytes);
    from.take(4)?;
    Some(RawEnd {
        disk: u32::from(from.u16()?),
        directory_disk: u32::from(from.u16()?),
        entries_here: u64::from(from.u16()?),
        entries: u64::from(from.u16()?),
        directory_bytes: u64::from(from.u32()?),
        directory_at: u64::from(from.u32()?),
    })
}

/// The zip64 end in front of the end, if there is one: it must say the same wherever the short one says anything.
fn widen<R: Read + Seek>(reader: &mut R, end: RawEnd, at: u64) -> Result<End64, PackageError> {
    let locator_at = at.checked_sub(END64_LOCATOR_BYTES);
    let mut locator = [0; 20];
    if let Some(locator_at) = locator_at {
        read_at(reader, locator_at, &mut locator).map_err(PackageError::read)?;
    }
    if !locator.starts_with(b"PK\x06\x07") {
        return Ok(End64 { end, at });
    }
    let broken = || Refused::Directory {
        what: "its 64-bit end does not fit",
    };
    let mut from = Cursor::new(&locator[4..]);
    let disk = from.u32().ok_or_else(broken)?;
    let end64_at = from.u64().ok_or_else(broken)?;
    let disks = from.u32().ok_or_else(broken)?;
    if disk != 0 || disks > 1 {
        return Err(Refused::ManyDisks.into());
    }
    // no extensible data: nothing may hide between the two ends
    if end64_at.checked_add(END64_BYTES) != locator_at {
        return Err(broken().into());
    }
    let mut wide = [0; 56];
    read_at(reader, end64_at, &mut wide).map_err(PackageError::read)?;
    let wide = read_end64(&wide).ok_or_else(broken)?;
    let same = |narrow: u64, none: u64, wide: u64| narrow == none || narrow == wide;
    let agree = same(end.entries, 0xffff, wide.entries)
        && same(end.entries_here, 0xffff, wide.entries_here)
        && same(end.directory_bytes, 0xffff_ffff, wide.directory_bytes)
        && same(end.directory_at, 0xffff_ffff, wide.directory_at);
    if !agree {
        return Err(broken().into());
    }
    Ok(End64 {
        end: wide,
        at: end64_at,
    })
}

fn read_end64(bytes: &[u8]) -> Option<RawEnd> {
    let mut from = Cursor::new(bytes);
    if from.take(4)? != b"PK\x06\x06" || from.u64()? != END64_BYTES - 12 {
        return None;
    }
    from.take(4)?;
    Some(RawEnd {
        disk: from.u32()?,
        directory_disk: from.u32()?,
        entries_here: from.u64()?,
        entries: from.u64()?,
        directory_bytes: from.u64()?,
        directory_at: from.u64()?,
    })
}

fn read_records<R: Read + Seek>(
    reader: &mut R,
    end: &End,
    limits: &Limits,
) -> Result<Vec<Central>, PackageError> {
    if end.directory_bytes > limits.directory_bytes {
        return Err(Refused::Directory {
            what: "it is larger than any that names so many files",
        }
        .into());
    }
    // the lie that would cost memory: more entries than the directory has room for
    if end.entries.saturating_mul(CENTRAL_BYTES as u64) > end.directory_bytes {
        return Err(Refused::Directory {
            what: "it has fewer records than its end says",
        }
        .into());
    }
    let size = usize::try_from(end.at - end.directory_at).map_err(|_| Refused::NoEnd)?;
    let mut directory = vec![0; size];
    read_at(reader, end.directory_at, &mut directory).map_err(PackageError::read)?;
    let mut from = Cursor::new(&directory);
    let mut records = Vec::new();
    for _ in 0..end.entries {
        if from.is_empty() {
            return Err(Refused::Directory {
                what: "it has fewer records than its end says",
            }
            .into());
        }
        records.push(Central::read(&mut from)?);
    }
    if !from.is_empty() {
        return Err(Refused::Directory {
            what: "it has more records than its end says",
        }
        .into());
    }
    Ok(records)
}

enum Stop {
    Refused(Refused),
    Read(std::io::Error),
}

impl From<Refused> for Stop {
    fn from(why: Refused) -> Self {
        Self::Refused(why)
    }
}

impl From<std::io::Error> for Stop {
    fn from(source: std::io::Error) -> Self {
        Self::Read(source)
    }
}

/// Finds an entry's bytes by its local header, which must say what the directory says.
fn place<R: Read + Seek>(
    reader: &mut R,
    record: Central,
    directory_at: u64,
) -> Result<Placed, Stop> {
    if record.flags & ENCRYPTED != 0 || record.method == METHOD_AES {
        return Err(Refused::Encrypted.into());
    }
    if record.flags & !HARMLESS != 0 {
        return Err(Refused::Flags {
            flags: record.flags,
        }
        .into());
    }
    let method = match record.method {
        0 => Method::Stored,
        8 => Method::Deflate,
        // numbers are the archive's, not ours
        method => return Err(Refused::Method { method }.into()),
    };
    let header_end = within(record.offset, LOCAL_BYTES as u64, directory_at)?;
    let mut fixed = [0; LOCAL_BYTES];
    read_at(reader, record.offset, &mut fixed)?;
    let (name, extra) = Local::lengths(&fixed);
    let data_at = within(header_end, (name + extra) as u64, directory_at)?;
    let mut rest = vec![0; name + extra];
    read_at(reader, header_end, &mut rest)?;
    let local = Local::read(&fixed, &rest)?;
    compare(&record, &local)?;
    let data_end = within(data_at, record.packed, directory_at)?;
    let end = match local.flags & SIZES_FOLLOW {
        0 => data_end,
        _ => descriptor_end(reader, &record, &local, data_end, directory_at)?,
    };
    Ok(Placed {
        record,
        method,
        data_at,
        end,
    })
}

/// The end of a stretch, if it lies before the directory.
fn within(at: u64, bytes: u64, directory_at: u64) -> Result<u64, Refused> {
    at.checked_add(bytes)
        .filter(|end| *end <= directory_at)
        .ok_or(Refused::OutOfBounds)
}

fn compare(record: &Central, local: &Local) -> Result<(), Refused> {
    let differ = |field| Err(Refused::HeadersDiffer { field });
    if local.name != record.name {
        return differ("name");
    }
    if local.method != record.method {
        return differ("method");
    }
    // how hard Deflate tried is said in one of the two by some writers
    if (local.flags ^ record.flags) & !(1 << 1 | 1 << 2) != 0 {
        return differ("flags");
    }
    for unicode in [&record.unicode_name, &local.unicode_name]
        .into_iter()
        .flatten()
    {
        if *unicode != record.name {
            return Err(Refused::SecondName {
                other: String::from_utf8_lossy(unicode).into_owned(),
            });
        }
    }
    // with sizes behind the data, the header may leave them 0
    let follows = local.flags & SIZES_FOLLOW != 0;
    let same = |local: u64, central: u64| local == central || follows && local == 0;
    if !same(u64::from(local.crc), u64::from(record.crc)) {
        return differ("checksum");
    }
    let narrow_unknown = |size: u64| follows && size == u64::from(u32::MAX);
    if !same(local.packed, record.packed) && !narrow_unknown(local.packed)
        || !same(local.unpacked, record.unpacked) && !narrow_unknown(local.unpacked)
    {
        return differ("size");
    }
    Ok(())
}

/// The descriptor behind the data: with or without its signature, sizes of 32 or 64 bits; one of them must fit.
fn descriptor_end<R: Read + Seek>(
    reader: &mut R,
    record: &Central,
    local: &Local,
    at: u64,
    directory_at: u64,
) -> Result<u64, Stop> {
    let mut bytes = [0; 24];
    let there = usize::try_from((directory_at - at).min(24)).expect("at most 24");
    read_at(reader, at, &mut bytes[..there])?;
    let bytes = &bytes[..there];
    for wide in [local.zip64, !local.zip64] {
        for signed in [true, false] {
            let mut expected = Vec::with_capacity(24);
            if signed {
                expected.extend_from_slice(b"PK\x07\x08");
            }
            expected.extend_from_slice(&record.crc.to_le_bytes());
            for size in [record.packed, record.unpacked] {
                match (wide, u32::try_from(size)) {
                    (true, _) => expected.extend_from_slice(&size.to_le_bytes()),
                    (false, Ok(size)) => expected.extend_from_slice(&size.to_le_bytes()),
                    (false, Err(_)) => {}
                }
            }
            if bytes.starts_with(&expected) {
                return Ok(at + expected.len() as u64);
            }
        }
    }
    Err(Refused::HeadersDiffer {
        field: "checksum or size",
    }
    .into())
}

/// Entries in file order must not share a byte, and the first one begins the file.
fn check_overlaps(placed: &[Placed]) -> Result<(), PackageError> {
    let mut order: Vec<&Placed> = placed.iter().collect();
    order.sort_by_key(|one| one.record.offset);
    if let Some(first) = order.first()
        && first.record.offset != 0
    {
        return Err(Refused::InFront {
            bytes: first.record.offset,
        }
        .into());
    }
    for pair in order.windows(2) {
        if pair[1].record.offset < pair[0].end {
            return Err(PackageError::of(
                &pair[1].label(),
                Refused::Overlaps {
                    other: pair[0].label(),
                },
            ));
        }
    }
    Ok(())
}
