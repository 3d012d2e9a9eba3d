//! Unpacking: whole or not at all, inside its folder, and what lies there packs to the same digest.

use std::fs;
use std::io::Cursor;

use flatrender_package::{Archive, PackageError, PackageName, Packer, Rules};

use crate::hostile::{small_rules, tree};
use crate::raw::{self, PROJECT, Raw};

fn package() -> Vec<u8> {
    raw::zip(&[
        Raw::deflated("top/a/p.aep", PROJECT),
        Raw::stored("top/a/(Footage)/deep/er/x.png", b"picture"),
        Raw::deflated("top/a/data.csv", &b"1,2\n".repeat(40_000)),
    ])
    .bytes
}

#[test]
fn files_lie_where_their_names_say_and_pack_to_the_same_digest() {
    let root = tempfile::tempdir().unwrap();
    let target = root.path().join("cache entry");
    let bytes = package();
    let mut archive = Archive::open(Cursor::new(&bytes), &small_rules()).unwrap();
    let manifest = archive.unpack(&target, &mut |_| true).unwrap();
    assert_eq!(fs::read(target.join("p.aep")).unwrap(), PROJECT);
    assert_eq!(
        fs::read(target.join("(Footage)/deep/er/x.png")).unwrap(),
        b"picture"
    );
    assert_eq!(fs::read(target.join("data.csv")).unwrap().len(), 160_000);
    assert_eq!(tree(root.path()).len(), 7, "{:?}", tree(root.path()));

    let mut packer = Packer::new(Cursor::new(Vec::new()), small_rules(), false);
    for file in &manifest.files {
        let content = fs::File::open(target.join(file.name.as_str())).unwrap();
        packer.add(&file.name, content, &mut |_| true).unwrap();
    }
    let packed = packer.finish().unwrap().into_inner();
    let again = Archive::open(Cursor::new(&packed), &small_rules())
        .unwrap()
        .check(&mut |_| true)
        .unwrap();
    assert_eq!(again, manifest);
}

#[test]
fn a_folder_that_is_there_is_left_alone() {
    let root = tempfile::tempdir().unwrap();
    let bytes = package();
    let target = root.path().join("there");
    fs::create_dir(&target).unwrap();
    let unpack = |target: &std::path::Path| {
        Archive::open(Cursor::new(&bytes), &small_rules())
            .unwrap()
            .unpack(target, &mut |_| true)
    };
    let error = unpack(&target).unwrap_err();
    assert!(
        matches!(
            error,
            PackageError::Target {
                why: "it is there already",
                ..
            }
        ),
        "{error}"
    );
    let error = unpack(&root.path().join("no/such/folder")).unwrap_err();
    assert!(matches!(error, PackageError::Target { .. }), "{error}");
    assert_eq!(tree(root.path()).len(), 1);
}

#[cfg(unix)]
#[test]
fn a_link_in_its_place_is_not_followed() {
    let root = tempfile::tempdir().unwrap();
    let target = root.path().join("target");
    std::os::unix::fs::symlink(root.path().join("elsewhere"), &target).unwrap();
    let bytes = package();
    let mut archive = Archive::open(Cursor::new(&bytes), &small_rules()).unwrap();
    let error = archive.unpack(&target, &mut |_| true).unwrap_err();
    assert!(matches!(error, PackageError::Target { .. }), "{error}");
    assert!(!root.path().join("elsewhere").exists());
}

#[test]
fn stopped_half_way_nothing_is_left() {
    let root = tempfile::tempdir().unwrap();
    let bytes = package();
    let mut archive = Archive::open(Cursor::new(&bytes), &small_rules()).unwrap();
    let target = root.path().join("target");
    let error = archive
        .unpack(&target, &mut |done| done < 70_000)
        .unwrap_err();
    assert!(matches!(error, PackageError::Stopped));
    assert!(tree(root.path()).is_empty());
    // and it can be had again
    archive.unpack(&target, &mut |_| true).unwrap();
}

#[test]
fn the_last_entry_may_spoil_everything() {
    let mut last = Raw::stored("z.png", b"hello");
    last.crc ^= 1;
    let bytes = raw::zip(&[
        Raw::stored("p.aep", PROJECT),
        Raw::stored("a.png", b"x"),
        last,
    ])
    .bytes;
    let root = tempfile::tempdir().unwrap();
    let mut archive = Archive::open(Cursor::new(&bytes), &small_rules()).unwrap();
    archive
        .unpack(&root.path().join("t"), &mut |_| true)
        .unwrap_err();
    assert!(tree(root.path()).is_empty());
}

#[test]
fn names_for_packing_are_judged_too() {
    let rules = Rules::default();
    let mut packer = Packer::new(Cursor::new(Vec::new()), rules.clone(), false);
    let name = PackageName::new("setup.jsx", &rules.limits).unwrap();
    let error = packer.add(&name, &b""[..], &mut |_| true).unwrap_err();
    assert_eq!(
        error.to_string(),
        "entry \"setup.jsx\": it is a script (jsx)"
    );
}
