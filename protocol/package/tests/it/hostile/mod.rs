//! Archives that must not get in. Each one is refused by name and with a way out, unpacks nothing anywhere, and costs no more
//! than the limits say.

use std::collections::BTreeSet;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use flatrender_package::{Archive, Limits, PackageError, Rules};

use crate::raw::{self, PROJECT, Raw};

mod content;
mod names;
mod structure;

/// One archive and the words it is refused with.
pub struct Case {
    what: &'static str,
    bytes: Vec<u8>,
    rules: Rules,
    says: String,
    remedy: &'static str,
}

/// A case under the usual rules.
fn case(what: &'static str, bytes: Vec<u8>, says: &str, remedy: &'static str) -> Case {
    Case {
        what,
        bytes,
        rules: small_rules(),
        says: says.to_owned(),
        remedy,
    }
}

/// A case of a good project and these entries.
fn with(what: &'static str, entries: &[Raw], says: &str, remedy: &'static str) -> Case {
    let mut all = vec![Raw::stored("p.aep", PROJECT)];
    all.extend_from_slice(entries);
    case(what, raw::zip(&all).bytes, says, remedy)
}

/// Limits that a test reaches without gigabytes.
pub fn small_rules() -> Rules {
    Rules {
        limits: Limits {
            packed_bytes: 8 << 20,
            unpacked_bytes: 4 << 20,
            file_bytes: 2 << 20,
            entries: 64,
            directory_bytes: 64 << 10,
            ratio: 100,
            ratio_free_bytes: 256 << 10,
            font_bytes: 64 << 10,
            links_bytes: 16 << 10,
            ..Limits::default()
        },
        ..Rules::default()
    }
}

/// Everything below a folder, with what kind it is; links are not followed.
pub fn tree(folder: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut next = vec![folder.to_owned()];
    while let Some(folder) = next.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                next.push(entry.path());
            }
            found.insert(entry.path());
        }
    }
    found
}

fn attempt(case: &Case, target: &Path) -> (PackageError, u64) {
    let mut most = 0;
    let opened = Archive::open(Cursor::new(&case.bytes), &case.rules);
    let result = opened.and_then(|mut archive| {
        archive.unpack(target, &mut |done| {
            most = done;
            true
        })
    });
    match result {
        Ok(manifest) => panic!("{}: was taken, with {:?}", case.what, manifest.files),
        Err(error) => (error, most),
    }
}

#[test]
fn every_hostile_archive_is_refused_by_name_and_leaves_nothing() {
    let mut cases = names::cases();
    cases.extend(structure::cases());
    cases.extend(content::cases());
    assert!(cases.len() >= 60, "{} cases", cases.len());
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(root.path().join("inner")).unwrap();
    std::fs::write(root.path().join("canary.txt"), "untouched").unwrap();
    let before = tree(root.path());
    let mut wrong = Vec::new();
    for case in &cases {
        let (error, bytes) = attempt(case, &root.path().join("inner/target"));
        if error.to_string() != case.says || error.remedy() != case.remedy {
            wrong.push(format!(
                "{}:\n  says   {error}\n  wanted {}\n  remedy {}\n  wanted {}",
                case.what,
                case.says,
                error.remedy(),
                case.remedy
            ));
        }
        assert!(
            bytes <= case.rules.limits.unpacked_bytes,
            "{}: {bytes} bytes",
            case.what
        );
        assert_eq!(tree(root.path()), before, "{}", case.what);
        let canary = std::fs::read_to_string(root.path().join("canary.txt")).unwrap();
        assert_eq!(canary, "untouched", "{}", case.what);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let told: BTreeSet<&str> = cases.iter().map(|case| case.what).collect();
    assert_eq!(told.len(), cases.len(), "two cases have one name");
    eprintln!("{} hostile archives", cases.len());
}

#[test]
fn a_refused_name_cannot_drive_the_terminal() {
    let entry = Raw::stored("a\u{1b}]0;owned\u{7}.png", b"x");
    let case = with("escape", &[entry], "", "");
    let root = tempfile::tempdir().unwrap();
    let (error, _) = attempt(&case, &root.path().join("t"));
    let text = error.to_string();
    assert!(!text.chars().any(char::is_control), "{text}");
    assert!(text.contains("\\u{1b}]0;owned"), "{text}");
}
