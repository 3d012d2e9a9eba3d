//! Entries that are not what a package holds: links, bombs, lies about bytes, scripts, programs, archives, broken fonts.

use super::{Case, case, with};
use crate::font;
use crate::raw::{self, PROJECT, Raw};

const REPACK: &str =
    "no packing program writes this; unpack it where you trust it and pack it again";
const CUT: &str = "the file was cut or damaged on its way: send it again, or pack it again";
const ITSELF: &str = "put the file itself in its place";
const LESS: &str =
    "leave out what the composition does not show; make a film of a long image sequence";
const STORE: &str = "store the file without compression, or leave it out";
const SCRIPT: &str = "leave it out; scripts need an operator's leave";
const PROGRAM: &str = "leave it out; plug-ins are installed on nodes, not sent";
const UNPACK: &str = "unpack it, and put in only what the project shows";
const KIND: &str = "leave it out; if After Effects reads it, ask for its kind to be added";
const FONT: &str = "put in a .ttf, .otf or .ttc that opens on your machine";
const LINKS: &str = "make the package again with flatctl package make";

/// The cases.
pub fn cases() -> Vec<Case> {
    let mut cases = special();
    cases.extend(packing());
    cases.extend(lies());
    cases.extend(bombs());
    cases.extend(kinds());
    cases.extend(betrayed());
    cases.extend(projects());
    cases.extend(meaning());
    cases
}

fn special() -> Vec<Case> {
    let link = Raw::stored("etc", b"/etc").mode(0o120_777);
    let through = Raw::stored("etc/passwd.txt", b"root::0:0");
    let special = |what: &'static str, mode: u32, is: &str| {
        let says = format!("entry \"a.png\": {is}, not a regular file");
        with(
            what,
            &[Raw::stored("a.png", b"x").mode(mode)],
            &says,
            ITSELF,
        )
    };
    let mut reparse = Raw::stored("a.png", b"x");
    reparse.attributes = 0x400;
    let mut volume = Raw::stored("a.png", b"x");
    volume.attributes = 0x08;
    let mut dos_folder = Raw::stored("a.png", b"x");
    dos_folder.attributes = 0x10;
    let false_folder = |what, entry: Raw, name: &str| {
        let says = format!("entry \"{name}\": it says it is a folder and is not one");
        with(what, &[entry], &says, REPACK)
    };
    vec![
        with(
            "link, then a file through it",
            &[link.clone(), through],
            "entry \"etc\": a symbolic link, not a regular file",
            ITSELF,
        ),
        with(
            "chained links",
            &[
                Raw::stored("a", b"b").mode(0o120_777),
                Raw::stored("b", b"../..").mode(0o120_777),
            ],
            "entry \"a\": a symbolic link, not a regular file",
            ITSELF,
        ),
        special("link with a picture's name", 0o120_644, "a symbolic link"),
        special("character device", 0o020_644, "a device"),
        special("block device", 0o060_644, "a device"),
        special("pipe", 0o010_644, "a pipe"),
        special("socket", 0o140_644, "a socket"),
        special("unknown type", 0o150_644, "something unknown"),
        with(
            "link of Windows",
            &[reparse],
            "entry \"a.png\": a link of Windows, not a regular file",
            ITSELF,
        ),
        with(
            "volume",
            &[volume],
            "entry \"a.png\": the name of a volume, not a regular file",
            ITSELF,
        ),
        false_folder(
            "file with a folder's mode",
            Raw::stored("a.png", b"x").mode(0o040_755),
            "a.png",
        ),
        false_folder("file with a folder's attribute", dos_folder, "a.png"),
        false_folder(
            "folder with a file's mode",
            Raw::stored("a/", b"").mode(0o100_644),
            "a/",
        ),
        false_folder("folder with bytes", Raw::stored("a/", b"x"), "a/"),
    ]
}

fn packing() -> Vec<Case> {
    let entry = || Raw::stored("a.png", b"hello");
    let flagged = |flags: u16| Raw { flags, ..entry() };
    let method = |method: u16| Raw { method, ..entry() };
    let says = |why: &str| format!("entry \"a.png\": {why}");
    let encrypted = says("it is encrypted");
    let deflate = "pack it with Deflate, or without compression";
    vec![
        with(
            "encrypted",
            &[flagged(1)],
            &encrypted,
            "pack it without a password",
        ),
        with(
            "strongly encrypted",
            &[flagged(1 << 6)],
            &encrypted,
            "pack it without a password",
        ),
        with(
            "AES",
            &[method(99)],
            &encrypted,
            "pack it without a password",
        ),
        with(
            "patch",
            &[flagged(1 << 5)],
            &says("its header has flags that are not understood (0x0020)"),
            REPACK,
        ),
        with(
            "Deflate64",
            &[method(9)],
            &says("it is packed by method 9 (Deflate64, as Windows writes for large files)"),
            deflate,
        ),
        with(
            "LZMA",
            &[method(14)],
            &says("it is packed by method 14 (LZMA)"),
            deflate,
        ),
        with(
            "unknown method",
            &[method(4242)],
            &says("it is packed by method 4242"),
            deflate,
        ),
    ]
}

fn lies() -> Vec<Case> {
    let entry = || Raw::stored("a.png", b"hello");
    let says = |why: &str| format!("entry \"a.png\": {why}");
    let mut checksum = entry();
    checksum.crc ^= 1;
    let mut fewer = Raw::deflated("a.png", b"hello");
    fewer.unpacked_bytes = 6;
    let mut more = Raw::deflated("a.png", b"hello");
    more.unpacked_bytes = 4;
    let mut garbage = Raw::deflated("a.png", b"hello");
    garbage.packed = vec![0xff; garbage.packed.len()];
    let mut left_over = Raw::deflated("a.png", b"hello");
    left_over.packed.extend_from_slice(b"hidden");
    left_over.packed_bytes += 6;
    let mut cut = Raw::deflated("a.png", &[7; 5000]);
    cut.packed.truncate(3);
    cut.packed_bytes = 3;
    vec![
        with(
            "checksum lies",
            &[checksum],
            &says("its checksum is not that of its bytes"),
            CUT,
        ),
        with(
            "fewer bytes than said",
            &[fewer],
            &says("it says 6 bytes and has fewer"),
            REPACK,
        ),
        with(
            "more bytes than said",
            &[more],
            &says("it says 4 bytes and has more"),
            REPACK,
        ),
        with(
            "garbage",
            &[garbage],
            &says("its packed bytes are broken, or some are left over"),
            CUT,
        ),
        with(
            "bytes left over",
            &[left_over],
            &says("its packed bytes are broken, or some are left over"),
            CUT,
        ),
        with(
            "stream is cut",
            &[cut],
            &says("its packed bytes are broken, or some are left over"),
            CUT,
        ),
    ]
}

fn bombs() -> Vec<Case> {
    let zeros = vec![0; 1 << 20];
    let bomb = Raw::deflated("a.png", &zeros);
    let packed = bomb.packed_bytes;
    let mut lying = bomb.clone();
    lying.unpacked_bytes = 1000;
    let few: Vec<Raw> = (0..2)
        .map(|n| Raw::deflated(&format!("{n}.png"), &[0; 200 << 10]))
        .collect();
    let few_sum = few.iter().map(|one| one.packed_bytes).sum::<u64>() + PROJECT.len() as u64;
    let noise: Vec<u8> = (0..3u32 << 20)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let huge = Raw::stored("a.png", &noise);
    let half = |name: &str| Raw::stored(name, &noise[..1_500_000]);
    let mut total = with(
        "many files, each fair",
        &few,
        &format!(
            "unpacks to {} bytes from {few_sum}: more than 100 to 1",
            (400u64 << 10) + PROJECT.len() as u64
        ),
        STORE,
    );
    total.rules.limits.ratio_free_bytes = 300 << 10;
    vec![
        with(
            "bomb",
            &[bomb],
            &format!("entry \"a.png\": unpacks to 1048576 bytes from {packed}: more than 100 to 1"),
            STORE,
        ),
        with(
            "bomb that lies",
            &[lying],
            "entry \"a.png\": it says 1000 bytes and has more",
            REPACK,
        ),
        total,
        with(
            "large file",
            &[huge],
            "entry \"a.png\": 3145728 bytes, at most 2097152 are taken of one file",
            LESS,
        ),
        with(
            "large altogether",
            &[half("a.png"), half("b.png"), half("c.png")],
            "unpacks to 4500012 bytes or more, at most 4194304 are taken",
            LESS,
        ),
        with(
            "large font",
            &[Raw::stored("a.ttf", &noise[..70_000])],
            "entry \"a.ttf\": 70000 bytes, at most 65536 are taken of one file",
            LESS,
        ),
    ]
}

fn kinds() -> Vec<Case> {
    let named = |what: &'static str, name: &str, why: &str, remedy| {
        with(
            what,
            &[Raw::stored(name, b"x")],
            &format!("entry \"{name}\": {why}"),
            remedy,
        )
    };
    let quine = raw::zip(&[Raw::stored("r/r.zip", b"PK\x03\x04")]).bytes;
    vec![
        named("script", "setup.jsx", "it is a script (jsx)", SCRIPT),
        named(
            "script in capitals",
            "SETUP.JSX",
            "it is a script (jsx)",
            SCRIPT,
        ),
        named(
            "shell script",
            "(Footage)/run.sh",
            "it is a script (sh)",
            SCRIPT,
        ),
        named("program", "a.exe", "it is a program (.exe)", PROGRAM),
        named(
            "plug-in",
            "Plug-ins/Particular.aex",
            "it is a program (.aex)",
            PROGRAM,
        ),
        named("shortcut", "promo.lnk", "it is a program (.lnk)", PROGRAM),
        named(
            "inner zip",
            "42/lib 0.zip",
            "it is an archive in the archive (zip)",
            UNPACK,
        ),
        named(
            "inner template",
            "a.mogrt",
            "it is an archive in the archive (mogrt)",
            UNPACK,
        ),
        case(
            "quine",
            quine,
            "entry \"r/r.zip\": it is an archive in the archive (zip)",
            UNPACK,
        ),
        named(
            "no extension",
            "README",
            "a file without an extension: what is it?",
            KIND,
        ),
        named(
            "only an extension",
            ".bashrc",
            "a file without an extension: what is it?",
            KIND,
        ),
        named(
            "unknown extension",
            "a.xyz",
            "a package holds no .xyz files",
            KIND,
        ),
    ]
}

fn betrayed() -> Vec<Case> {
    let holding = |what: &'static str, content: &[u8], why: &str, remedy| {
        with(
            what,
            &[Raw::stored("a.png", content)],
            &format!("entry \"a.png\": {why}"),
            remedy,
        )
    };
    let mut pe = vec![0; 256];
    pe[..2].copy_from_slice(b"MZ");
    pe[0x3c] = 0x80;
    pe[0x80..0x84].copy_from_slice(b"PE\0\0");
    vec![
        holding(
            "zip called a picture",
            b"PK\x03\x04rest",
            "it is an archive in the archive (zip)",
            UNPACK,
        ),
        holding(
            "gzip called a picture",
            b"\x1f\x8b\x08\0",
            "it is an archive in the archive (gzip)",
            UNPACK,
        ),
        holding(
            "program of Windows called a picture",
            &pe,
            "it is a program (a program of Windows)",
            PROGRAM,
        ),
        holding(
            "program of Linux called a picture",
            b"\x7fELF\x02",
            "it is a program (a program of Linux)",
            PROGRAM,
        ),
        holding(
            "program of macOS called a picture",
            b"\xcf\xfa\xed\xfe",
            "it is a program (a program of macOS or Java)",
            PROGRAM,
        ),
        holding(
            "script called a picture",
            b"#!/bin/sh\n",
            "it is a script (#!)",
            SCRIPT,
        ),
    ]
}

fn projects() -> Vec<Case> {
    let project = |name: &str| Raw::stored(name, PROJECT);
    let one = "name the one that is meant, or leave the others out";
    let mut named = case(
        "another project was named",
        raw::zip(&[project("a.aep"), project("b.aepx")]).bytes,
        "the project \"c.aep\" is not in it; it has \"a.aep\", \"b.aepx\"",
        one,
    );
    named.rules.project = Some("c.aep".to_owned());
    vec![
        case(
            "no project",
            raw::zip(&[Raw::stored("a.png", b"x")]).bytes,
            "no project in it: none of its 1 files is an .aep, .aepx or .aet",
            "put the .aep into the zip, beside its (Footage) folder",
        ),
        case(
            "project only as litter",
            raw::zip(&[project("__MACOSX/._p.aep"), project("._p.aep")]).bytes,
            "no project in it: none of its 0 files is an .aep, .aepx or .aet",
            "put the .aep into the zip, beside its (Footage) folder",
        ),
        with(
            "two projects",
            &[project("q/old.aep")],
            "2 projects in it: \"p.aep\", \"q/old.aep\"",
            one,
        ),
        named,
        case(
            "project that is none",
            raw::zip(&[Raw::stored("p.aep", b"hello")]).bytes,
            "entry \"p.aep\": it is named a project and does not begin like one",
            "save the project again in After Effects, and pack that",
        ),
        case(
            "empty project",
            raw::zip(&[Raw::stored("p.aep", b"")]).bytes,
            "entry \"p.aep\": it is named a project and does not begin like one",
            "save the project again in After Effects, and pack that",
        ),
    ]
}

fn meaning() -> Vec<Case> {
    let font = |what: &'static str, content: &[u8], why: &str| {
        let says = format!("entry \"a.ttf\": no font can be read from it: {why}");
        with(what, &[Raw::stored("a.ttf", content)], &says, FONT)
    };
    let links = |what: &'static str, content: &str, why: &str| {
        let entry = Raw::stored("flatrender-links.json", content.as_bytes());
        let says = format!(
            "entry \"flatrender-links.json\": the links of the package can't be used: {why}"
        );
        with(what, &[entry], &says, LINKS)
    };
    let mut collection = b"ttcf\0\x01\0\0\x7f\xff\xff\xff".to_vec();
    collection.resize(64, 0);
    let to = |file: &str| {
        format!(
            r#"{{"version":1,"project":"p.aep","links":[{{"path":"/a.mov","windows":false,"file":"{file}","sequence":false}}]}}"#
        )
    };
    vec![
        font("font that is none", b"hello", "unknown magic"),
        font(
            "font without a name",
            &font::font(""),
            "it has no PostScript name",
        ),
        font(
            "font of two billion faces",
            &collection,
            "it says it has 2147483647 faces; 1 to 256 are read",
        ),
        links(
            "links to another folder",
            &to("../../etc/passwd"),
            "\"../../etc/passwd\" is not in the package",
        ),
        links(
            "links of another project",
            r#"{"version":1,"project":"q.aep","links":[]}"#,
            "they are of project \"q.aep\"",
        ),
        links(
            "links of another version",
            r#"{"version":2,"project":"p.aep","links":[]}"#,
            "version 2, only 1 is read",
        ),
    ]
}
