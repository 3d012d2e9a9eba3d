//! The bytes of one entry: inflated in pieces, counted, checked, digested, handed on. Never more than its header says, and
//! never more in memory than one piece.

use std::io::{self, BufReader, Read, Seek, SeekFrom};

use flate2::bufread::DeflateDecoder;
use flatrender_protocol::digest::Digest;

use crate::directory::{Method, Placed};
use crate::error::{PackageError, Refused};

const PIECE_BYTES: usize = 64 << 10;

/// Reads an entry to its end; `out` gets every piece in order.
///
/// # Errors
/// When the bytes are not what the headers say, or `out` fails.
pub(crate) fn read<R: Read + Seek>(
    reader: &mut R,
    placed: &Placed,
    out: &mut dyn FnMut(&[u8]) -> Result<(), PackageError>,
) -> Result<Digest, PackageError> {
    reader
        .seek(SeekFrom::Start(placed.data_at))
        .map_err(PackageError::read)?;
    let packed = reader.take(placed.record.packed);
    match placed.method {
        Method::Stored => pour(packed, placed, out),
        Method::Deflate => {
            let buffered = BufReader::with_capacity(PIECE_BYTES, packed);
            let mut inflated = DeflateDecoder::new(buffered);
            let digest = pour(&mut inflated, placed, out)?;
            // bytes behind the end of the stream are nobody's
            if inflated.total_in() != placed.record.packed {
                return Err(PackageError::of(&placed.label(), Refused::Broken));
            }
            Ok(digest)
        }
    }
}

fn pour(
    mut from: impl Read,
    placed: &Placed,
    out: &mut dyn FnMut(&[u8]) -> Result<(), PackageError>,
) -> Result<Digest, PackageError> {
    let said = placed.record.unpacked;
    let refuse = |why| PackageError::of(&placed.label(), why);
    let mut left = said;
    let mut checksum = crc32fast::Hasher::new();
    let mut digest = blake3::Hasher::new();
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let count = match from.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) if is_broken_stream(&error) => return Err(refuse(Refused::Broken)),
            Err(error) => return Err(PackageError::read(error)),
        };
        let bytes = &piece[..count];
        left = left
            .checked_sub(count as u64)
            .ok_or_else(|| refuse(Refused::FalseSize { said, more: true }))?;
        checksum.update(bytes);
        digest.update(bytes);
        out(bytes)?;
    }
    if left > 0 {
        return Err(refuse(Refused::FalseSize { said, more: false }));
    }
    if checksum.finalize() != placed.record.crc {
        return Err(refuse(Refused::Checksum));
    }
    Ok(digest.finalize().into())
}

/// What the inflating says of bytes that are no stream; a disk's errors are others.
fn is_broken_stream(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
    )
}
