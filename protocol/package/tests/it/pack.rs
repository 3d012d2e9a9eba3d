//! Writing: the same files give the same bytes, the library that wrote it reads the same, links come back.

use std::io::{Cursor, Read};

use flatrender_package::{Link, Links, PackageName, Packer, Rules, postscript_names};

use crate::accepted::check;
use crate::font;
use crate::raw::PROJECT;

fn name(text: &str) -> PackageName {
    PackageName::new(text, &Rules::default().limits).unwrap()
}

fn links() -> Links {
    let link = |path: &str, file: &str, sequence| Link {
        path: path.to_owned(),
        windows: path.contains('\\'),
        file: file.to_owned(),
        sequence,
    };
    let list = vec![
        link("D:\\jobs\\sky.mov", "(Footage)/sky.mov", false),
        link("/Users/x/shot", "(Footage)/shot", true),
    ];
    Links::new(&name("p.aep"), list)
}

fn packed(stored: bool) -> Vec<u8> {
    let mut packer = Packer::new(Cursor::new(Vec::new()), Rules::default(), stored);
    let font = font::font("Avenir-Bold");
    let files: [(&str, &[u8]); 5] = [
        ("p.aep", PROJECT),
        ("(Footage)/sky.mov", b"film"),
        ("(Footage)/shot/0001.png", b"one"),
        ("(Footage)/shot/0002.png", b"two"),
        ("(Fonts)/a.ttf", &font),
    ];
    for (file, content) in files {
        packer.add(&name(file), content, &mut |_| true).unwrap();
    }
    packer.add_links(&links()).unwrap();
    packer.finish().unwrap().into_inner()
}

#[test]
fn what_is_packed_is_taken_with_its_links_and_fonts() {
    let manifest = check(&packed(false), &Rules::default()).unwrap();
    assert_eq!(manifest.links, links().links);
    assert_eq!(manifest.fonts[0].postscript_name, "Avenir-Bold");
    assert_eq!(manifest.totals.files, 6);
    assert_eq!(packed(false), packed(false));
    assert_ne!(packed(true), packed(false));
    assert_eq!(check(&packed(true), &Rules::default()).unwrap(), manifest);
}

#[test]
fn the_library_that_writes_reads_the_same() {
    let bytes = packed(false);
    let manifest = check(&bytes, &Rules::default()).unwrap();
    let mut library = zip::ZipArchive::new(Cursor::new(&bytes)).unwrap();
    assert_eq!(library.len(), manifest.totals.files);
    for file in &manifest.files {
        let mut content = Vec::new();
        let mut entry = library.by_name(file.name.as_str()).unwrap();
        entry.read_to_end(&mut content).unwrap();
        assert_eq!(blake3::hash(&content).as_bytes(), file.digest.as_bytes());
    }
}

#[test]
fn fonts_say_their_names() {
    assert_eq!(
        postscript_names(&font::font("TV2SansDisplay-Bold")),
        Ok(vec!["TV2SansDisplay-Bold".to_owned()])
    );
    assert!(postscript_names(&font::font("two words")).is_err());
    let font = font::font("Avenir-Bold");
    for end in 0..font.len() {
        // cut anywhere, it answers one or the other
        let _ = postscript_names(&font[..end]);
    }
}
