//! Names that lead elsewhere, that some system takes for another, or that none should see.

use super::{Case, with};
use crate::raw::{Raw, extra};

const PACK_AGAIN: &str = "no packing program writes this from a folder; pack the collected folder itself, with / between parts";
const RENAME: &str = "rename the file, and relink it in the project";
const SHORTEN: &str = "shorten the names of file and folders, and relink it in the project";
const RENAME_ONE: &str = "rename one of the two, and relink it in the project";
const UTF8: &str = "pack it with a program that writes names in UTF-8 (macOS, 7-Zip with -mcu=on, flatctl package make)";
const REPACK: &str =
    "no packing program writes this; unpack it where you trust it and pack it again";

fn file(name: &str) -> Raw {
    Raw::stored(name, b"hello")
}

/// One file of a bad name.
fn named(what: &'static str, name: &str, shown: &str, why: &str, remedy: &'static str) -> Case {
    with(
        what,
        &[file(name)],
        &format!("entry \"{shown}\": {why}"),
        remedy,
    )
}

/// The cases.
pub fn cases() -> Vec<Case> {
    let mut cases = elsewhere();
    cases.extend(windows());
    cases.extend(long());
    cases.extend(unseen());
    cases.extend(pairs());
    cases
}

/// Files of these names; what is shown of each is the name itself.
fn plainly(list: &[(&'static str, &str, &str)]) -> Vec<Case> {
    let one = |(what, name, why): &(&'static str, &str, &str)| {
        let says = format!("entry \"{name}\": the name {why}");
        with(what, &[file(name)], &says, PACK_AGAIN)
    };
    list.iter().map(one).collect()
}

fn elsewhere() -> Vec<Case> {
    let climbs = "climbs out of its folder (..)";
    let root = "begins at the root of a disk";
    let mut cases = plainly(&[
        ("climbs", "../evil.png", climbs),
        (
            "climbs far",
            "../../../../../../etc/cron.d/evil.txt",
            climbs,
        ),
        ("climbs from within", "a/../../evil.png", climbs),
        ("climbs and comes back", "a/../b.png", climbs),
        ("climbs as a folder", "../", climbs),
        ("climbs in litter", "../.DS_Store", climbs),
        ("climbs inside __MACOSX", "__MACOSX/../../x.png", climbs),
        ("ends with climbing", "a/..", climbs),
        ("absolute", "/etc/passwd.txt", root),
        ("absolute twice", "//server/share/x.png", root),
        ("only a slash", "/", root),
        ("drive", "C:/Windows/x.png", "begins with a drive"),
        ("drive, backslash", "C:\\x.png", "begins with a drive"),
        ("drive without a root", "c:x.png", "begins with a drive"),
        ("server", "\\\\host\\share\\x.png", "begins with a server"),
        ("device path", "\\\\?\\C:\\x.png", "begins with a server"),
        ("backslashes climb", "..\\..\\evil.png", "has a backslash"),
        ("backslash within", "a\\b.png", "has a backslash"),
        ("empty", "", "is empty"),
    ]);
    for (what, name, why) in [
        ("empty part", "a//b.png", "empty"),
        ("two slashes at the end", "a//", "empty"),
        ("single point", "./a.png", "a single point"),
    ] {
        let why = format!("a part of the name is {why}");
        cases.push(named(what, name, name, &why, PACK_AGAIN));
    }
    cases
}

fn windows() -> Vec<Case> {
    let stream = "the name has a colon, which opens a hidden stream on Windows";
    let trailing = "a part of the name ends with a point or a space, which Windows drops";
    let device = |part: &str| format!("{part} is the name of a device on Windows");
    vec![
        named("stream", "a.txt:evil.png", "a.txt:evil.png", stream, RENAME),
        named(
            "stream of a folder",
            "ab::$INDEX_ALLOCATION/x.png",
            "ab::$INDEX_ALLOCATION/x.png",
            stream,
            RENAME,
        ),
        named("device", "aux.jsx", "aux.jsx", &device("aux.jsx"), RENAME),
        named(
            "device folder",
            "CON/x.png",
            "CON/x.png",
            &device("CON"),
            RENAME,
        ),
        named(
            "port",
            "a/COM1.png",
            "a/COM1.png",
            &device("COM1.png"),
            RENAME,
        ),
        named(
            "port with a raised digit",
            "LPT\u{b3}.png",
            "LPT\u{b3}.png",
            &device("LPT\u{b3}.png"),
            RENAME,
        ),
        named(
            "device in mixed case",
            "nUl.tar.png",
            "nUl.tar.png",
            &device("nUl.tar.png"),
            RENAME,
        ),
        named("trailing point", "a.png.", "a.png.", trailing, RENAME),
        named("trailing space", "a.png ", "a.png ", trailing, RENAME),
        named(
            "folder with a trailing point",
            "a./b.png",
            "a./b.png",
            trailing,
            RENAME,
        ),
        named("three points", ".../x.png", ".../x.png", trailing, RENAME),
        named(
            "leading space",
            " a.png",
            " a.png",
            "a part of the name begins with a space",
            RENAME,
        ),
        named(
            "star",
            "a*.png",
            "a*.png",
            "the name has a character that Windows refuses: *",
            RENAME,
        ),
        named(
            "pipe sign",
            "a|b.png",
            "a|b.png",
            "the name has a character that Windows refuses: |",
            RENAME,
        ),
    ]
}

fn long() -> Vec<Case> {
    let long = "x".repeat(256);
    let long_path = ["y".repeat(54), "y".repeat(54), "y".repeat(54)].join("/") + ".png";
    let deep = "d/".repeat(12) + "x.png";
    let shown_long = "x".repeat(120) + "…";
    let shown_long_path: String = long_path.chars().take(120).chain(['…']).collect();
    vec![
        named(
            "long part",
            &long,
            &shown_long,
            "a part of the name has 256 bytes, at most 255 are taken",
            SHORTEN,
        ),
        named(
            "long path",
            &long_path,
            &shown_long_path,
            "the name has more than 160 characters",
            SHORTEN,
        ),
        named(
            "deep",
            &deep,
            &deep,
            "the name has 13 parts, at most 12 are taken",
            SHORTEN,
        ),
    ]
}

fn unseen() -> Vec<Case> {
    let control = |code| format!("the name has a control or invisible character (U+{code})");
    let mut latin = file("x.png");
    latin.name = b"caf\xe9.png".to_vec();
    let mut overlong = file("x.png");
    overlong.name = b"..\xc0\xafevil.png".to_vec();
    vec![
        named(
            "escape",
            "a\u{1b}[31m.png",
            "a\\u{1b}[31m.png",
            &control("001B"),
            RENAME,
        ),
        named(
            "newline",
            "a\nb.png",
            "a\\u{a}b.png",
            &control("000A"),
            RENAME,
        ),
        named(
            "zero byte",
            "a.png\0.aep",
            "a.png\\u{0}.aep",
            &control("0000"),
            RENAME,
        ),
        named(
            "delete",
            "a\u{7f}.png",
            "a\\u{7f}.png",
            &control("007F"),
            RENAME,
        ),
        named(
            "control of Latin-1",
            "a\u{85}.png",
            "a\\u{85}.png",
            &control("0085"),
            RENAME,
        ),
        named(
            "right to left",
            "gnp.\u{202e}fdp.png",
            "gnp.\\u{202e}fdp.png",
            &control("202E"),
            RENAME,
        ),
        named(
            "no width",
            "a\u{200b}.png",
            "a\\u{200b}.png",
            &control("200B"),
            RENAME,
        ),
        named(
            "byte order mark",
            "\u{feff}a.png",
            "\\u{feff}a.png",
            &control("FEFF"),
            RENAME,
        ),
        with(
            "Latin-1",
            &[latin],
            "entry \"caf\u{fffd}.png\": the name is not UTF-8",
            UTF8,
        ),
        with(
            "overlong UTF-8",
            &[overlong],
            "entry \"..\u{fffd}\u{fffd}evil.png\": the name is not UTF-8",
            UTF8,
        ),
    ]
}

fn pairs() -> Vec<Case> {
    let mut second = file("good.png");
    second.extra = extra(0x7075, b"\x01\0\0\0\0../evil.png");
    let mut second_local = file("good.png");
    second_local.local_extra = extra(0x7075, b"\x01\0\0\0\0../evil.png");
    vec![
        with(
            "twice",
            &[file("a.png"), file("a.png")],
            "entry \"a.png\": the name is there twice",
            RENAME_ONE,
        ),
        with(
            "case",
            &[file("A.png"), file("a.png")],
            "entry \"a.png\": \"A.png\" is the same name where case or Unicode form do not count",
            RENAME_ONE,
        ),
        with(
            "case of a folder",
            &[file("Art/a.png"), file("art/b.png")],
            "entry \"art/b.png\": \"Art\" is the same name where case or Unicode form do not count",
            RENAME_ONE,
        ),
        with(
            "case of an empty folder",
            &[file("Art/a.png"), Raw::stored("ART/", b"")],
            "entry \"ART/\": \"Art\" is the same name where case or Unicode form do not count",
            RENAME_ONE,
        ),
        with(
            "sharp s",
            &[file("STRASSE.png"), file("stra\u{df}e.png")],
            "entry \"stra\u{df}e.png\": \"STRASSE.png\" is the same name where case or Unicode form do not count",
            RENAME_ONE,
        ),
        with(
            "Unicode form",
            &[file("caf\u{e9}.png"), file("cafe\u{301}.png")],
            // one normalised name, whatever the bytes were
            "entry \"cafe\u{301}.png\": the name is there twice",
            RENAME_ONE,
        ),
        with(
            "Kelvin",
            &[file("k.png"), file("\u{212a}.png")],
            "entry \"\u{212a}.png\": \"k.png\" is the same name where case or Unicode form do not count",
            RENAME_ONE,
        ),
        with(
            "file then folder",
            &[file("a.png"), file("a.png/b.png")],
            "entry \"a.png/b.png\": \"a.png\" is both a file and a folder",
            RENAME_ONE,
        ),
        with(
            "folder then file",
            &[file("a.png/b.png"), file("a.png")],
            "entry \"a.png\": \"a.png\" is both a file and a folder",
            RENAME_ONE,
        ),
        with(
            "second name in the directory",
            &[second],
            "entry \"good.png\": it has a second name, \"../evil.png\"",
            REPACK,
        ),
        with(
            "second name in the entry",
            &[second_local],
            "entry \"good.png\": it has a second name, \"../evil.png\"",
            REPACK,
        ),
    ]
}
