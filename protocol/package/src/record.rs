//! Records of a zip as they lie in its bytes (APPNOTE 6.3): the central record, the local header, their extra fields.
//! Reading only; what a record may say is judged elsewhere.

use crate::error::Refused;

/// Bytes of a central record before its name.
pub(crate) const CENTRAL_BYTES: usize = 46;
/// Bytes of a local header before its name.
pub(crate) const LOCAL_BYTES: usize = 30;
/// A 32-bit size or offset that says "see the zip64 field".
const SEE_ZIP64: u32 = u32::MAX;

/// Reads little-endian numbers off a slice; `None` past its end.
#[derive(Clone, Copy)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.take(2)?.try_into().ok().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.take(8)?.try_into().ok().map(u64::from_le_bytes)
    }
}

/// One record of the directory.
#[derive(Debug, Clone)]
pub(crate) struct Central {
    pub(crate) flags: u16,
    pub(crate) method: u16,
    pub(crate) crc: u32,
    pub(crate) packed: u64,
    pub(crate) unpacked: u64,
    pub(crate) name: Vec<u8>,
    pub(crate) attributes: u32,
    pub(crate) offset: u64,
    pub(crate) unicode_name: Option<Vec<u8>>,
}

/// The header in front of an entry's bytes.
#[derive(Debug, Clone)]
pub(crate) struct Local {
    pub(crate) flags: u16,
    pub(crate) method: u16,
    pub(crate) crc: u32,
    pub(crate) packed: u64,
    pub(crate) unpacked: u64,
    /// The header has a zip64 field: a descriptor after the data has 64-bit sizes.
    pub(crate) zip64: bool,
    pub(crate) name: Vec<u8>,
    pub(crate) unicode_name: Option<Vec<u8>>,
}

const BROKEN: Refused = Refused::Directory {
    what: "a record is cut short",
};

impl Central {
    /// The next record of a directory.
    pub(crate) fn read(from: &mut Cursor<'_>) -> Result<Self, Refused> {
        let mut head = Cursor::new(from.take(CENTRAL_BYTES).ok_or(BROKEN)?);
        if head.take(4) != Some(b"PK\x01\x02") {
            return Err(Refused::Directory {
                what: "something that is no record stands in it",
            });
        }
        let mut read = || -> Option<_> {
            head.u32()?;
            let (flags, method) = (head.u16()?, head.u16()?);
            head.u32()?;
            let (crc, packed, unpacked) = (head.u32()?, head.u32()?, head.u32()?);
            let (name, extra, comment) = (head.u16()?, head.u16()?, head.u16()?);
            let disk = head.u16()?;
            head.u16()?;
            let (attributes, offset) = (head.u32()?, head.u32()?);
            Some((
                (flags, method, crc, packed, unpacked),
                (name, extra, comment),
                (disk, attributes, offset),
            ))
        };
        let (
            (flags, method, crc, packed, unpacked),
            (name, extra, comment),
            (disk, attributes, offset),
        ) = read().ok_or(BROKEN)?;
        let name = from.take(usize::from(name)).ok_or(BROKEN)?.to_vec();
        let extra = from.take(usize::from(extra)).ok_or(BROKEN)?;
        from.take(usize::from(comment)).ok_or(BROKEN)?;
        let fields = Extra::read(extra)?;
        let mut wide = fields.zip64.map(Cursor::new);
        // in this order, and only those that say so
        let unpacked = widened(unpacked, &mut wide)?;
        let packed = widened(packed, &mut wide)?;
        let offset = widened(offset, &mut wide)?;
        if disk != 0 && disk != u16::MAX {
            return Err(Refused::ManyDisks);
        }
        Ok(Self {
            flags,
            method,
            crc,
            packed,
            unpacked,
            name,
            attributes,
            offset,
            unicode_name: fields.unicode_name.map(<[u8]>::to_vec),
        })
    }
}

impl Local {
    /// Lengths of name and extra fields, from the fixed part of a header.
    pub(crate) fn lengths(fixed: &[u8; LOCAL_BYTES]) -> (usize, usize) {
        let at = |at: usize| usize::from(u16::from_le_bytes([fixed[at], fixed[at + 1]]));
        (at(26), at(28))
    }

    /// A header from its fixed part and what follows it: name and extra fields.
    pub(crate) fn read(fixed: &[u8; LOCAL_BYTES], rest: &[u8]) -> Result<Self, Refused> {
        let mut head = Cursor::new(fixed);
        let signed = head.take(4) == Some(b"PK\x03\x04");
        let mut read = || -> Option<_> {
            head.u16()?;
            let (flags, method) = (head.u16()?, head.u16()?);
            head.u32()?;
            Some((flags, method, head.u32()?, head.u32()?, head.u32()?))
        };
        let (flags, method, crc, packed, unpacked) =
            read().filter(|_| signed).ok_or(Refused::OutOfBounds)?;
        let (name, _) = Self::lengths(fixed);
        let (name, extra) = rest.split_at_checked(name).ok_or(Refused::OutOfBounds)?;
        let fields = Extra::read(extra)?;
        let mut wide = fields.zip64.map(Cursor::new);
        let unpacked = widened(unpacked, &mut wide)?;
        let packed = widened(packed, &mut wide)?;
        Ok(Self {
            flags,
            method,
            crc,
            packed,
            unpacked,
            zip64: fields.zip64.is_some(),
            name: name.to_vec(),
            unicode_name: fields.unicode_name.map(<[u8]>::to_vec),
        })
    }
}

/// The 64-bit value where the 32-bit one refers to it. A field that is missing leaves the number as it is: exactly 4 GiB − 1.
fn widened(narrow: u32, wide: &mut Option<Cursor<'_>>) -> Result<u64, Refused> {
    match wide {
        Some(wide) if narrow == SEE_ZIP64 => wide.u64().ok_or(Refused::Directory {
            what: "a 64-bit field is cut short",
        }),
        Some(_) | None => Ok(u64::from(narrow)),
    }
}

/// The extra fields that change what a record means.
struct Extra<'a> {
    zip64: Option<&'a [u8]>,
    /// Info-ZIP's second name in UTF-8.
    unicode_name: Option<&'a [u8]>,
}

impl<'a> Extra<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, Refused> {
        let mut fields = Self {
            zip64: None,
            unicode_name: None,
        };
        let mut rest = Cursor::new(bytes);
        while !rest.is_empty() {
            // some writers fill with up to three zero bytes
            let (Some(id), Some(length)) = (rest.u16(), rest.u16()) else {
                break;
            };
            let data = rest.take(usize::from(length)).ok_or(Refused::Directory {
                what: "an extra field is cut short",
            })?;
            let twice = match id {
                0x0001 => fields.zip64.replace(data).is_some(),
                // version and checksum of the first name stand in front
                0x7075 => fields
                    .unicode_name
                    .replace(data.get(5..).unwrap_or(&[]))
                    .is_some(),
                // others say times and owners
                _ => false,
            };
            if twice {
                return Err(Refused::Directory {
                    what: "an extra field is there twice",
                });
            }
        }
        Ok(fields)
    }
}
