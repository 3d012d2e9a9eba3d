//! What must get in: packages as people's programs write them.

use std::io::Cursor;

use flatrender_package::{Archive, FileKind, Manifest, PackageError, Rules};

use crate::font;
use crate::hostile::small_rules;
use crate::raw::{self, PROJECT, Raw, extra};

/// Checks a zip.
pub fn check(bytes: &[u8], rules: &Rules) -> Result<Manifest, PackageError> {
    Archive::open(Cursor::new(bytes), rules)?.check(&mut |_| true)
}

fn names(manifest: &Manifest) -> Vec<&str> {
    manifest
        .files
        .iter()
        .map(|file| file.name.as_str())
        .collect()
}

#[test]
fn a_collected_folder_of_macos_is_taken_without_its_litter() {
    let bytes = raw::zip(&[
        Raw::stored("Promo folder/", b"").mode(0o040_755),
        Raw::deflated("Promo folder/promo.aep", PROJECT)
            .mode(0o100_644)
            .streamed(true),
        Raw::deflated("__MACOSX/Promo folder/._promo.aep", b"x").streamed(true),
        Raw::stored("Promo folder/.DS_Store", b"x"),
        Raw::deflated("Promo folder/(Footage)/cafe\u{301}.mov", b"film").streamed(false),
        Raw::stored("Promo folder/(Fonts)/A.ttf", &font::font("Avenir-Bold")),
        Raw::deflated("Promo folder/promoReport.txt", b"collected"),
    ]);
    let mut archive = Archive::open(Cursor::new(&bytes.bytes), &small_rules()).unwrap();
    assert_eq!(archive.ignored().len(), 2);
    let mut seen = 0;
    let manifest = archive
        .check(&mut |done| {
            seen = done;
            true
        })
        .unwrap();
    assert_eq!(
        names(&manifest),
        [
            "(Fonts)/A.ttf",
            "(Footage)/caf\u{e9}.mov",
            "promo.aep",
            "promoReport.txt"
        ]
    );
    assert_eq!(manifest.project.as_str(), "promo.aep");
    assert_eq!(manifest.fonts[0].postscript_name, "Avenir-Bold");
    assert_eq!(manifest.totals.files, 4);
    assert_eq!((seen, archive.bytes()), (manifest.totals.bytes, seen));
    assert_eq!(manifest.file("promo.aep").unwrap().kind, FileKind::Project);
    assert_eq!(archive.read_file("promo.aep", 100).unwrap(), PROJECT);
    let error = archive.read_file("promo.aep", 3).unwrap_err();
    assert_eq!(
        error.to_string(),
        "entry \"promo.aep\": 12 bytes, at most 3 are taken of one file"
    );
}

#[test]
fn sizes_of_64_bits_are_read() {
    let mut wide = Raw::stored("p.aep", PROJECT);
    let sizes = [12u64.to_le_bytes(), 12u64.to_le_bytes()].concat();
    wide.extra = extra(1, &sizes);
    wide.local_extra = wide.extra.clone();
    wide.local_sizes = Some((u32::MAX, u32::MAX));
    let mut zip = raw::zip(&[wide]);
    // the central record says so too
    for at in [20, 24] {
        let at = zip.directory_at + at;
        zip.bytes[at..at + 4].copy_from_slice(&[0xff; 4]);
    }
    assert_eq!(check(&zip.bytes, &small_rules()).unwrap().totals.bytes, 12);
}

#[test]
fn the_project_is_the_one_that_is_named() {
    let bytes = raw::zip(&[
        Raw::stored("x/a.aep", PROJECT),
        Raw::stored("x/old/b.aep", PROJECT),
    ])
    .bytes;
    let named = |name: &str| Rules {
        project: Some(name.to_owned()),
        ..small_rules()
    };
    for name in ["a.aep", "old/b.aep"] {
        assert_eq!(check(&bytes, &named(name)).unwrap().project.as_str(), name);
    }
}

#[test]
fn scripts_and_programs_come_in_where_the_rules_say_so() {
    let mut pe = vec![0; 256];
    pe[..2].copy_from_slice(b"MZ");
    pe[0x3c] = 0x80;
    pe[0x80..0x84].copy_from_slice(b"PE\0\0");
    let bytes = raw::zip(&[
        Raw::stored("p.aep", PROJECT),
        Raw::stored("setup.jsx", b"#!/bin/sh"),
        Raw::stored("tool.exe", &pe),
    ])
    .bytes;
    let scripts = Rules {
        allow_scripts: true,
        ..small_rules()
    };
    assert_eq!(
        check(&bytes, &scripts).unwrap_err().entry(),
        Some("tool.exe")
    );
    let all = Rules {
        allow_programs: true,
        ..scripts
    };
    let manifest = check(&bytes, &all).unwrap();
    assert_eq!(manifest.file("setup.jsx").unwrap().kind, FileKind::Script);
    assert_eq!(manifest.file("tool.exe").unwrap().kind, FileKind::Program);
}

#[test]
fn two_letters_of_a_program_do_not_make_one() {
    let table = b"MZ,Mozambique\nZA,South Africa\n".repeat(10);
    let bytes = raw::zip(&[
        Raw::stored("p.aep", PROJECT),
        Raw::stored("lands.csv", &table),
    ])
    .bytes;
    check(&bytes, &small_rules()).unwrap();
}

#[test]
fn the_samples_pack_and_are_taken() {
    let Some(samples) = std::env::var_os("FLATRENDER_SAMPLES") else {
        eprintln!("skipped: the_samples_pack_and_are_taken: FLATRENDER_SAMPLES is not set");
        return;
    };
    let mut seen = 0;
    for entry in std::fs::read_dir(std::path::PathBuf::from(samples).join("aep")).unwrap() {
        let path = entry.unwrap().path();
        let extension = path.extension().and_then(|extension| extension.to_str());
        if !matches!(extension, Some("aep" | "aet" | "aepx")) {
            continue;
        }
        let content = std::fs::read(&path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        let bytes = raw::zip(&[Raw::deflated(&format!("top/{name}"), &content)]).bytes;
        let mut archive = Archive::open(Cursor::new(&bytes), &Rules::default()).unwrap();
        archive.check(&mut |_| true).unwrap();
        assert_eq!(
            archive.read_file(name, u64::MAX).unwrap(),
            content,
            "{name}"
        );
        seen += 1;
    }
    assert!(seen >= 5, "{seen} samples");
}
