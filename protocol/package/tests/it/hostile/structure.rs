//! Zips that lie about themselves: where their directory is, what is in it, where the entries are and what they hold.

use super::{Case, case, with};
use crate::raw::{self, PROJECT, Raw, extra};

const REPACK: &str =
    "no packing program writes this; unpack it where you trust it and pack it again";
const CUT: &str = "the file was cut or damaged on its way: send it again, or pack it again";
const JOIN: &str = "join the parts into one zip";
const PLAIN: &str = "send a plain zip, not one that unpacks itself";
const A_ZIP: &str = "send a .zip, or let flatctl package make write one";
const LESS: &str =
    "leave out what the composition does not show; make a film of a long image sequence";

fn project() -> Raw {
    Raw::stored("p.aep", PROJECT)
}

/// The cases.
pub fn cases() -> Vec<Case> {
    let mut cases = not_zips();
    cases.extend(ends());
    cases.extend(directories());
    cases.extend(differing());
    cases.extend(places());
    cases
}

fn not_zips() -> Vec<Case> {
    let mut tar = vec![0; 1024];
    tar[257..262].copy_from_slice(b"ustar");
    vec![
        case(
            "empty file",
            Vec::new(),
            "not a zip: the file is empty",
            A_ZIP,
        ),
        case("tar with a hard link", tar, "not a zip: it is a tar", A_ZIP),
        case(
            "a bare project",
            PROJECT.to_vec(),
            "not a zip: it is a project, not a package",
            A_ZIP,
        ),
        case(
            "a 7z",
            b"7z\xbc\xaf\x27\x1c\0\x04".to_vec(),
            "not a zip: it is a 7z",
            A_ZIP,
        ),
        case(
            "a rar",
            b"Rar!\x1a\x07\x01\0".to_vec(),
            "not a zip: it is a rar",
            A_ZIP,
        ),
        case(
            "text",
            b"hello".to_vec(),
            "not a zip: it does not begin with an entry",
            A_ZIP,
        ),
        case(
            "a part of several",
            b"PK\x07\x08PK\x03\x04".to_vec(),
            "the zip is one part of several",
            JOIN,
        ),
    ]
}

fn ends() -> Vec<Case> {
    let good = || raw::zip(&[project()]);
    let no_end = "the end of the zip is missing, or something follows it";
    let mut cut = good().bytes;
    cut.truncate(cut.len() - 1);
    let mut trailing = good().bytes;
    trailing.extend_from_slice(b"more");
    let mut two = good();
    // a second end inside the comment of the first
    let inner = raw::end(0, 0, 0);
    let length = u16::try_from(inner.len()).unwrap().to_le_bytes();
    two.bytes[two.end_at + 20..two.end_at + 22].copy_from_slice(&length);
    two.bytes.extend(inner);
    let mut disks = good();
    disks.bytes[disks.end_at + 4] = 1;
    let mut halves = good();
    halves.bytes[halves.end_at + 8] = 0;
    let mut front = b"PK\x03\x04 prefix ".to_vec();
    front.extend(good().bytes);
    vec![
        case("cut", cut, no_end, CUT),
        case("something behind", trailing, no_end, CUT),
        case("only an entry", b"PK\x03\x04".to_vec(), no_end, CUT),
        case(
            "two ends",
            two.bytes,
            "the zip has two ends that both could be meant",
            REPACK,
        ),
        case(
            "end on another disk",
            disks.bytes,
            "the zip is one part of several",
            JOIN,
        ),
        case(
            "entries on another disk",
            halves.bytes,
            "the zip is one part of several",
            JOIN,
        ),
        case(
            "shifted",
            front,
            "the directory of the zip is broken: it does not lie where its end says",
            REPACK,
        ),
        unpacks_itself(),
        zip64_lies(),
        case(
            "nothing in it",
            raw::zip(&[]).bytes,
            "no project in it: none of its 0 files is an .aep, .aepx or .aet",
            "put the .aep into the zip, beside its (Footage) folder",
        ),
    ]
}

/// A program in front, with all offsets right.
fn unpacks_itself() -> Case {
    let mut bytes = b"PK\x03\x04 a loader ".to_vec();
    let shift = u32::try_from(bytes.len()).unwrap();
    let mut entry = project();
    entry.offset = Some(shift);
    let zip = raw::zip(&[entry]);
    let size = u32::try_from(zip.end_at - zip.directory_at).unwrap();
    bytes.extend_from_slice(&zip.bytes[..zip.end_at]);
    let at = u32::try_from(zip.directory_at).unwrap() + shift;
    bytes.extend(raw::end(1, size, at));
    case(
        "unpacks itself",
        bytes,
        "14 bytes stand before the first entry",
        PLAIN,
    )
}

/// A 64-bit end that says other than the short one.
fn zip64_lies() -> Case {
    let zip = raw::zip(&[project()]);
    let mut bytes = zip.bytes[..zip.end_at].to_vec();
    bytes.extend_from_slice(b"PK\x06\x06");
    bytes.extend_from_slice(&44u64.to_le_bytes());
    bytes.extend_from_slice(&[45, 0, 45, 0]);
    bytes.extend_from_slice(&[0; 8]);
    for value in [
        2u64,
        2,
        (zip.end_at - zip.directory_at) as u64,
        zip.directory_at as u64,
    ] {
        bytes.extend_from_slice(&value.to_le_bytes());
    }
    bytes.extend_from_slice(b"PK\x06\x07\0\0\0\0");
    bytes.extend_from_slice(&(zip.end_at as u64).to_le_bytes());
    bytes.extend_from_slice(&1u32.to_le_bytes());
    bytes.extend_from_slice(&zip.bytes[zip.end_at..]);
    case(
        "two counts",
        bytes,
        "the directory of the zip is broken: its 64-bit end does not fit",
        REPACK,
    )
}

fn directories() -> Vec<Case> {
    let good = || raw::zip(&[project()]);
    let set_count = |count: u16| {
        let mut zip = good();
        for at in [8, 10] {
            let at = zip.end_at + at;
            zip.bytes[at..at + 2].copy_from_slice(&count.to_le_bytes());
        }
        zip.bytes
    };
    let mut broken = good();
    broken.bytes[broken.directory_at] = b'X';
    let mut long_name = good();
    long_name.bytes[long_name.directory_at + 28] = 200;
    let mut half_extra = project();
    half_extra.extra = vec![1, 0, 100, 0];
    let mut twice_extra = project();
    twice_extra.extra = [extra(1, b""), extra(1, b"")].concat();
    let mut short_64 = project();
    short_64.unpacked_bytes = u64::from(u32::MAX);
    short_64.extra = extra(1, b"1234");
    let many: Vec<Raw> = (0..65)
        .map(|n| Raw::stored(&format!("{n}.png"), b"x"))
        .collect();
    let mut fat = project();
    fat.extra = extra(0x5455, &[0; 65_000]);
    let fat: Vec<Raw> = vec![fat.clone(), fat];
    let directory = |what: &'static str, bytes, why: &str| {
        case(
            what,
            bytes,
            &format!("the directory of the zip is broken: {why}"),
            REPACK,
        )
    };
    let mut packed = case(
        "larger than any",
        good().bytes,
        "120 bytes, at most 100 are taken",
        LESS,
    );
    packed.rules.limits.packed_bytes = 100;
    vec![
        directory(
            "fewer records than said",
            set_count(2),
            "it has fewer records than its end says",
        ),
        directory(
            "more records than said",
            set_count(0),
            "it has more records than its end says",
        ),
        case(
            "65,535 entries in 53 bytes",
            set_count(65_535),
            "65535 entries, at most 64 are taken",
            LESS,
        ),
        directory(
            "no record",
            broken.bytes,
            "something that is no record stands in it",
        ),
        directory(
            "name past the end",
            long_name.bytes,
            "a record is cut short",
        ),
        directory(
            "extra field past the end",
            raw::zip(&[half_extra]).bytes,
            "an extra field is cut short",
        ),
        directory(
            "extra field twice",
            raw::zip(&[twice_extra]).bytes,
            "an extra field is there twice",
        ),
        directory(
            "half a 64-bit size",
            raw::zip(&[short_64]).bytes,
            "a 64-bit field is cut short",
        ),
        directory(
            "fat directory",
            raw::zip(&fat).bytes,
            "it is larger than any that names so many files",
        ),
        case(
            "too many entries",
            raw::zip(&many).bytes,
            "65 entries, at most 64 are taken",
            LESS,
        ),
        packed,
    ]
}

fn differing() -> Vec<Case> {
    let entry = || Raw::stored("a.png", b"hello");
    let differ = |what: &'static str, entry: Raw, field: &str| {
        let says =
            format!("entry \"a.png\": the directory and the entry do not agree on its {field}");
        with(what, &[entry], &says, REPACK)
    };
    let mut name = entry();
    name.local_name = Some(b"../b.png".to_vec());
    let mut method = entry();
    method.local_method = Some(8);
    let mut flags = entry();
    flags.local_flags = Some(1);
    let mut checksum = entry();
    checksum.local_crc = Some(7);
    let mut size = entry();
    size.local_sizes = Some((5, 6));
    let mut stored = entry();
    stored.unpacked_bytes = 4;
    let mut descriptor = entry().streamed(true);
    descriptor.descriptor[5] ^= 1;
    let mut no_descriptor = entry().streamed(false);
    no_descriptor.descriptor.clear();
    vec![
        differ("name differs", name, "name"),
        differ("method differs", method, "method"),
        differ("encryption differs", flags, "flags"),
        differ("checksum differs", checksum, "checksum"),
        differ("size differs", size, "size"),
        differ("stored with two sizes", stored, "size"),
        differ("descriptor differs", descriptor, "checksum or size"),
        differ("descriptor is missing", no_descriptor, "checksum or size"),
    ]
}

fn places() -> Vec<Case> {
    let entry = |name: &str| Raw::stored(name, b"hello");
    let outside = "entry \"a.png\": its bytes are not where the directory says";
    let mut past = entry("a.png");
    past.offset = Some(1 << 30);
    let mut in_name = entry("a.png");
    in_name.offset = Some(3);
    let mut long = entry("a.png");
    (long.packed_bytes, long.unpacked_bytes) = (1 << 20, 1 << 20);
    let mut wide = entry("a.png");
    wide.packed_bytes = u64::from(u32::MAX);
    wide.extra = extra(1, &u64::MAX.to_le_bytes());
    wide.local_extra = wide.extra.clone();
    // both records on the first entry's bytes: the whole is unpacked twice for the price of one
    let mut again = Raw::stored("p.aep", PROJECT);
    again.offset = Some(0);
    let overlap = raw::zip(&[Raw::stored("p.aep", PROJECT), again]).bytes;
    vec![
        with("past the end", &[past], outside, REPACK),
        with("inside another header", &[in_name], outside, REPACK),
        with("longer than the file", &[long], outside, REPACK),
        with("sixteen exabytes", &[wide], outside, REPACK),
        case(
            "twice the same bytes",
            overlap,
            "entry \"p.aep\": it overlaps \"p.aep\"",
            REPACK,
        ),
        kernel(),
    ]
}

/// A bomb of one kernel: each entry's data begins with the header of the next, quoted as a stored block.
fn kernel() -> Case {
    let mut inner = Raw::stored("b.png", b"hello");
    inner.offset = Some(0);
    let inner_zip = raw::zip(&[inner.clone()]);
    let inner_bytes = &inner_zip.bytes[..inner_zip.directory_at];
    let outer = Raw::stored("a.png", inner_bytes);
    let project = Raw::stored("p.aep", PROJECT);
    let at = raw::zip(std::slice::from_ref(&project)).directory_at + 30 + "a.png".len();
    let mut ghost = inner;
    ghost.offset = Some(u32::try_from(at).unwrap());
    // the ghost's own copy stands behind and is not pointed to
    with_ghost(project, outer, ghost)
}

fn with_ghost(project: Raw, outer: Raw, ghost: Raw) -> Case {
    let bytes = raw::zip(&[project, outer, ghost]).bytes;
    case(
        "overlapping bomb",
        bytes,
        "entry \"b.png\": it overlaps \"a.png\"",
        REPACK,
    )
}
