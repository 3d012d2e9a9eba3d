//! Zips written byte by byte: what no library writes.

/// One entry: what its two headers say, and its bytes.
#[derive(Debug, Clone)]
pub struct Raw {
    pub name: Vec<u8>,
    pub local_name: Option<Vec<u8>>,
    pub flags: u16,
    pub local_flags: Option<u16>,
    pub method: u16,
    pub local_method: Option<u16>,
    pub crc: u32,
    pub local_crc: Option<u32>,
    pub packed: Vec<u8>,
    pub packed_bytes: u64,
    pub unpacked_bytes: u64,
    pub local_sizes: Option<(u32, u32)>,
    pub attributes: u32,
    pub extra: Vec<u8>,
    pub local_extra: Vec<u8>,
    /// Bytes behind the data.
    pub descriptor: Vec<u8>,
    /// Where the directory says it is, if not where it is.
    pub offset: Option<u32>,
}

impl Raw {
    /// A stored file.
    pub fn stored(name: &str, content: &[u8]) -> Self {
        Self {
            name: name.as_bytes().to_vec(),
            local_name: None,
            flags: 0,
            local_flags: None,
            method: 0,
            local_method: None,
            crc: crc32fast::hash(content),
            local_crc: None,
            packed: content.to_vec(),
            packed_bytes: content.len() as u64,
            unpacked_bytes: content.len() as u64,
            local_sizes: None,
            attributes: 0,
            extra: Vec::new(),
            local_extra: Vec::new(),
            descriptor: Vec::new(),
            offset: None,
        }
    }

    /// A compressed file.
    pub fn deflated(name: &str, content: &[u8]) -> Self {
        use std::io::Write;
        let mut encoder =
            flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(content).expect("into memory");
        let packed = encoder.finish().expect("into memory");
        Self {
            method: 8,
            packed_bytes: packed.len() as u64,
            packed,
            ..Self::stored(name, content)
        }
    }

    /// The same with a mode of Unix.
    pub fn mode(self, mode: u32) -> Self {
        Self {
            attributes: mode << 16,
            ..self
        }
    }

    /// Sizes and checksum behind the data, as streaming writers do.
    pub fn streamed(mut self, signed: bool) -> Self {
        self.flags |= 8;
        self.local_crc = Some(0);
        self.local_sizes = Some((0, 0));
        if signed {
            self.descriptor.extend_from_slice(b"PK\x07\x08");
        }
        self.descriptor.extend_from_slice(&self.crc.to_le_bytes());
        for size in [self.packed_bytes, self.unpacked_bytes] {
            let size = u32::try_from(size).expect("small");
            self.descriptor.extend_from_slice(&size.to_le_bytes());
        }
        self
    }

    fn local(&self) -> Vec<u8> {
        let (packed, unpacked) = self
            .local_sizes
            .unwrap_or((narrow(self.packed_bytes), narrow(self.unpacked_bytes)));
        let name = self.local_name.as_ref().unwrap_or(&self.name);
        let mut bytes = b"PK\x03\x04\x14\x00".to_vec();
        put16(&mut bytes, self.local_flags.unwrap_or(self.flags));
        put16(&mut bytes, self.local_method.unwrap_or(self.method));
        put32(&mut bytes, 0x0021_0000);
        put32(&mut bytes, self.local_crc.unwrap_or(self.crc));
        put32(&mut bytes, packed);
        put32(&mut bytes, unpacked);
        put16(&mut bytes, short(name.len()));
        put16(&mut bytes, short(self.local_extra.len()));
        bytes.extend_from_slice(name);
        bytes.extend_from_slice(&self.local_extra);
        bytes.extend_from_slice(&self.packed);
        bytes.extend_from_slice(&self.descriptor);
        bytes
    }

    fn central(&self, at: u32) -> Vec<u8> {
        let mut bytes = b"PK\x01\x02\x14\x03\x14\x00".to_vec();
        put16(&mut bytes, self.flags);
        put16(&mut bytes, self.method);
        put32(&mut bytes, 0x0021_0000);
        put32(&mut bytes, self.crc);
        put32(&mut bytes, narrow(self.packed_bytes));
        put32(&mut bytes, narrow(self.unpacked_bytes));
        put16(&mut bytes, short(self.name.len()));
        put16(&mut bytes, short(self.extra.len()));
        put16(&mut bytes, 0);
        put16(&mut bytes, 0);
        put16(&mut bytes, 0);
        put32(&mut bytes, self.attributes);
        put32(&mut bytes, self.offset.unwrap_or(at));
        bytes.extend_from_slice(&self.name);
        bytes.extend_from_slice(&self.extra);
        bytes
    }
}

/// A whole zip, with what its end says.
pub struct RawZip {
    pub bytes: Vec<u8>,
    /// Where the directory begins.
    pub directory_at: usize,
    /// Where the end begins.
    pub end_at: usize,
}

/// Entries one after the other, the directory, the end.
pub fn zip(entries: &[Raw]) -> RawZip {
    let mut bytes = Vec::new();
    let mut directory = Vec::new();
    for entry in entries {
        let at = u32::try_from(bytes.len()).expect("small");
        bytes.extend(entry.local());
        directory.extend(entry.central(at));
    }
    let directory_at = bytes.len();
    bytes.extend_from_slice(&directory);
    let end_at = bytes.len();
    bytes.extend(end(
        short(entries.len()),
        narrow(directory.len() as u64),
        narrow(directory_at as u64),
    ));
    RawZip {
        bytes,
        directory_at,
        end_at,
    }
}

/// An end record.
pub fn end(entries: u16, directory_bytes: u32, directory_at: u32) -> Vec<u8> {
    let mut bytes = b"PK\x05\x06\x00\x00\x00\x00".to_vec();
    put16(&mut bytes, entries);
    put16(&mut bytes, entries);
    put32(&mut bytes, directory_bytes);
    put32(&mut bytes, directory_at);
    put16(&mut bytes, 0);
    bytes
}

/// An extra field.
pub fn extra(id: u16, data: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    put16(&mut bytes, id);
    put16(&mut bytes, short(data.len()));
    bytes.extend_from_slice(data);
    bytes
}

fn put16(bytes: &mut Vec<u8>, value: u16) {
    bytes.extend_from_slice(&value.to_le_bytes());
}

fn put32(bytes: &mut Vec<u8>, value: u32) {
    bytes.extend_from_slice(&value.to_le_bytes());
}

fn short(value: usize) -> u16 {
    u16::try_from(value).expect("small")
}

fn narrow(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

/// Bytes that begin like a project.
pub const PROJECT: &[u8] = b"RIFX\x00\x00\x00\x04Egg!";
