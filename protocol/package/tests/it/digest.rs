//! The digest says what is in a package, and nothing about how it was zipped.

use flatrender_package::Manifest;
use proptest::prelude::*;

use crate::accepted::check;
use crate::hostile::small_rules;
use crate::raw::{self, PROJECT, Raw};

fn manifest(entries: &[Raw]) -> Manifest {
    check(&raw::zip(entries).bytes, &small_rules()).unwrap()
}

/// The digest's rule is written down (decision 0004): who changes it sees it here.
#[test]
fn the_rule_of_the_digest_stays() {
    let content = b"hello";
    let mut bytes = b"flatrender package 1\n".to_vec();
    bytes.extend_from_slice(&2u64.to_le_bytes());
    for (name, content) in [("a.txt", &content[..]), ("p.aep", PROJECT)] {
        bytes.extend_from_slice(&(name.len() as u64).to_le_bytes());
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(&(content.len() as u64).to_le_bytes());
        bytes.extend_from_slice(blake3::hash(content).as_bytes());
    }
    let manifest = manifest(&[Raw::stored("p.aep", PROJECT), Raw::stored("a.txt", content)]);
    assert_eq!(manifest.digest.as_bytes(), blake3::hash(&bytes).as_bytes());
}

#[test]
fn content_and_names_change_it() {
    let base = manifest(&[Raw::stored("p.aep", PROJECT), Raw::stored("a.txt", b"1")]);
    for other in [
        vec![Raw::stored("p.aep", PROJECT)],
        vec![Raw::stored("p.aep", PROJECT), Raw::stored("a.txt", b"2")],
        vec![Raw::stored("p.aep", PROJECT), Raw::stored("b.txt", b"1")],
        vec![Raw::stored("p.aep", PROJECT), Raw::stored("d/a.txt", b"1")],
        vec![Raw::stored("q.aep", PROJECT), Raw::stored("a.txt", b"1")],
        vec![
            Raw::stored("p.aep", PROJECT),
            Raw::stored("a.txt", b"1"),
            Raw::stored("b.txt", b""),
        ],
    ] {
        assert_ne!(manifest(&other).digest, base.digest);
    }
}

/// A file and how it is put into a zip.
#[derive(Debug, Clone)]
struct File {
    name: String,
    content: Vec<u8>,
}

fn files() -> impl Strategy<Value = Vec<File>> {
    let part = "[a-zé آسمان(]{1,6}";
    let name = (prop::collection::vec(part, 0..3), part).prop_map(|(folders, stem)| {
        let mut parts: Vec<String> = folders
            .iter()
            .map(|part| part.trim().replace(' ', "_"))
            .collect();
        parts.push(format!("{}.txt", stem.trim()));
        parts
            .into_iter()
            .map(|part| format!("x{part}"))
            .collect::<Vec<_>>()
            .join("/")
    });
    let content = prop::collection::vec(0..4u8, 0..300);
    let one = (name, content).prop_map(|(name, content)| File { name, content });
    prop::collection::vec(one, 0..8).prop_map(|mut files| {
        files.sort_by(|a, b| a.name.cmp(&b.name));
        files.dedup_by(|a, b| a.name == b.name);
        files
    })
}

/// How one zips.
#[derive(Debug, Clone)]
struct Ways {
    top: String,
    keys: Vec<u32>,
    ways: Vec<u8>,
    folders: bool,
    litter: bool,
    decomposed: bool,
}

fn ways() -> impl Strategy<Value = Ways> {
    let top = prop::sample::select(vec!["", "Promo folder/", "a/b c/"]).prop_map(str::to_owned);
    let keys = prop::collection::vec(any::<u32>(), 9);
    let each = prop::collection::vec(0..4u8, 9);
    (top, keys, each, any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
        |(top, keys, ways, folders, litter, decomposed)| Ways {
            top,
            keys,
            ways,
            folders,
            litter,
            decomposed,
        },
    )
}

fn zipped(files: &[File], ways: &Ways) -> Vec<u8> {
    let mut entries: Vec<(u32, Raw)> = Vec::new();
    for (index, file) in files.iter().enumerate() {
        let name = match ways.decomposed {
            true => file.name.replace('é', "e\u{301}"),
            false => file.name.clone(),
        };
        let name = format!("{}{name}", ways.top);
        let mut raw = match ways.ways[index] {
            0 => Raw::stored(&name, &file.content),
            1 => Raw::deflated(&name, &file.content),
            2 => Raw::deflated(&name, &file.content).streamed(true),
            _ => Raw::stored(&name, &file.content)
                .mode(0o100_755)
                .streamed(false),
        };
        raw.extra = raw::extra(0x5455, &ways.keys[index].to_le_bytes());
        entries.push((ways.keys[index], raw));
    }
    if ways.folders && !ways.top.is_empty() {
        entries.push((7, Raw::stored(&ways.top, b"")));
    }
    if ways.litter {
        entries.push((3, Raw::stored("__MACOSX/._p.aep", b"x")));
        entries.push((
            u32::MAX,
            Raw::stored(&format!("{}Thumbs.db", ways.top), b"x"),
        ));
    }
    entries.sort_by_key(|(key, _)| *key);
    let entries: Vec<Raw> = entries.into_iter().map(|(_, raw)| raw).collect();
    raw::zip(&entries).bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn the_same_content_has_the_same_manifest(mut files in files(), one in ways(), other in ways()) {
        files.push(File { name: "p.aep".to_owned(), content: PROJECT.to_vec() });
        let rules = small_rules();
        let first = check(&zipped(&files, &one), &rules);
        let second = check(&zipped(&files, &other), &rules);
        match (first, second) {
            (Ok(first), Ok(second)) => {
                prop_assert_eq!(first.totals.files, files.len());
                prop_assert_eq!(first, second);
            }
            // names that are one on some system: refused, however they are zipped
            (Err(first), Err(second)) => {
                prop_assert!(first.refused().is_some() && second.refused().is_some());
            }
            (first, second) => prop_assert!(false, "{first:?} {second:?}"),
        }
    }
}
