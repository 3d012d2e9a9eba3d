//! One project in every wrapping reads the same, and what is no project says what it is.

use std::io::Write;

use flatrender_aep::write::{CompSpec, ProjectSpec, project};
use flatrender_aep::{
    Container, MAX_PROJECT_BYTES, Rational, ReadError, parse, read_file, truth_json,
};
use serde_json::Value;
use zip::write::SimpleFileOptions;

use crate::samples;

fn small() -> Vec<u8> {
    project(&ProjectSpec {
        comps: vec![CompSpec::new("Main", 64, 64, Rational::whole(25), 50)],
        ..ProjectSpec::default()
    })
}

fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// RIFX as the XML form has it: a list is an element named by its kind, a leaf has its bytes in hexadecimal.
fn to_xml(rifx: &[u8]) -> String {
    let mut out =
        String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<AfterEffectsProject>\n");
    let length = u32::from_be_bytes(rifx[4..8].try_into().unwrap()) as usize;
    elements(&rifx[12..8 + length], &mut out);
    out + "</AfterEffectsProject>\n"
}

fn elements(mut rest: &[u8], out: &mut String) {
    while let Some((header, body)) = rest.split_first_chunk::<8>() {
        let length = u32::from_be_bytes(header[4..].try_into().unwrap()) as usize;
        let data = &body[..length];
        rest = body.get(length + length % 2..).unwrap_or(&[]);
        let id = std::str::from_utf8(&header[..4]).unwrap().trim_end();
        let list = (id == "LIST").then(|| std::str::from_utf8(&data[..4]).unwrap().trim_end());
        match list {
            Some("btdk") => *out += &format!("<btdk bdata=\"{}\"/>\n", hex::encode(&data[4..])),
            Some(kind) => {
                *out += &format!("<{kind}>\n");
                elements(&data[4..], out);
                *out += &format!("</{kind}>\n");
            }
            None if id == "Utf8" => {
                let text = quick_xml::escape::escape(std::str::from_utf8(data).unwrap());
                *out += &format!("<string>{text}</string>\n");
            }
            None if id == "alas" && data.starts_with(b"{") => *out += &file_reference(data),
            None => *out += &format!("<{id} bdata=\"{}\"/>\n", hex::encode(data)),
        }
    }
}

fn file_reference(alias: &[u8]) -> String {
    let alias: Value = serde_json::from_slice(alias).unwrap();
    let path = quick_xml::escape::escape(alias["fullpath"].as_str().unwrap()).into_owned();
    let platform = if alias["platform"] == 1 {
        "Win32"
    } else {
        "MacPOSIX"
    };
    let folder = u8::from(alias["target_is_folder"] == true);
    format!(
        "<fileReference fullpath=\"{path}\" platform=\"{platform}\" target_is_folder=\"{folder}\" \
         ascendcount_base=\"{}\" ascendcount_target=\"{}\"/>\n",
        alias["ascendcount_base"], alias["ascendcount_target"]
    )
}

#[test]
fn every_sample_reads_the_same_as_xml() {
    let Some(all) = samples::all("every_sample_reads_the_same_as_xml") else {
        return;
    };
    let mut compared = 0;
    for (name, bytes, _) in all
        .iter()
        .filter(|(_, bytes, _)| bytes.starts_with(b"RIFX"))
    {
        let mut as_rifx = parse(bytes).unwrap();
        let as_xml = parse(to_xml(bytes).as_bytes()).unwrap();
        assert_eq!(as_xml.container, Container::Xml);
        as_rifx.container = Container::Xml;
        as_rifx.project_bytes = as_xml.project_bytes;
        let (as_rifx, as_xml) = (
            serde_json::to_string_pretty(&as_rifx).unwrap(),
            serde_json::to_string_pretty(&as_xml).unwrap(),
        );
        assert!(as_rifx == as_xml, "{name} reads differently as XML");
        compared += 1;
    }
    assert!(compared >= 10, "only {compared} samples compared");
}

#[test]
fn a_project_is_found_in_archives() {
    let plain = parse(&small()).unwrap();
    let graphic = archive(&[
        ("film.aep", &small()),
        ("(Footage)/a.png", b"x"),
        ("._film.aep", b"junk"),
    ]);
    let mogrt = archive(&[("definition.json", b"{}"), ("project.aegraphic", &graphic)]);
    for (bytes, container) in [(&graphic, Container::Zip), (&mogrt, Container::Mogrt)] {
        let read = parse(bytes).unwrap();
        assert_eq!(read.container, container);
        let comps = |project| serde_json::to_value(truth_json(project)).unwrap()["comps"].clone();
        assert_eq!(comps(&read), comps(&plain));
    }
}

#[test]
fn what_is_no_project_says_what_it_is() {
    let text = |bytes: &[u8]| parse(bytes).unwrap_err().to_string();
    assert_eq!(text(b""), "not an After Effects project: the file is empty");
    assert_eq!(
        text(&[0; 100]),
        "not an After Effects project: the file holds only zero bytes"
    );
    assert_eq!(
        text(b"version https://git-lfs.github.com/spec/v1\n"),
        "not an After Effects project: it is a Git LFS pointer, not the file it stands for"
    );
    assert_eq!(
        text(b"hello there, this is text"),
        "not an After Effects project: it starts with \"hello there, thi\", not with RIFX, a project's XML or a zip"
    );
    assert_eq!(
        text(b"RIFX\0\0\0\x04Wave"),
        "not an After Effects project: a RIFX file of another kind (\"Wave\")"
    );
    assert_eq!(
        text(b"RIFX\0\0\0\x04Egg!"),
        "an After Effects project without its items: there is no `Fold` list"
    );
    assert_eq!(
        text(b"RIFX\0\0\0\x40Egg!"),
        "an After Effects project without its items: there is no `Fold` list; the file is cut short: \
         it says 64 bytes follow its header, 4 do"
    );
    assert_eq!(
        text(&archive(&[("project.prgraphic", b"x")])),
        "no After Effects project to read in the archive: it is a motion graphics template made with Premiere Pro"
    );
    assert_eq!(
        text(&archive(&[("a.aep", &small()), ("b.aep", &small())])),
        "no After Effects project to read in the archive: it has 2 project files; which one is meant is not said"
    );
    assert_eq!(
        text(&archive(&[("a.txt", b"x")])),
        "no After Effects project to read in the archive: none of its 1 files is an .aep or .aepx"
    );
    assert!(matches!(
        parse(b"PK\x03\x04 cut"),
        Err(ReadError::Archive { .. })
    ));
}

#[test]
fn an_archive_in_an_archive_in_an_archive_is_not_followed() {
    let one = archive(&[("a.aep", &small())]);
    let two = archive(&[("b.aep", &one)]);
    assert_eq!(
        parse(&two).unwrap_err().to_string(),
        "no After Effects project to read in the archive: what is named a project in it is another archive"
    );
}

#[test]
fn a_file_that_is_too_large_is_refused_by_its_size() {
    let path =
        std::env::temp_dir().join(format!("flatrender-aep-large-{}.aep", std::process::id()));
    std::fs::File::create(&path)
        .unwrap()
        .set_len(MAX_PROJECT_BYTES + 1)
        .unwrap();
    let error = read_file(&path).unwrap_err();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(
        error.to_string(),
        "too large: 536870913 bytes, at most 536870912 are read"
    );
    let missing = read_file(&path).unwrap_err();
    assert!(matches!(missing, ReadError::Io { .. }), "{missing}");
}
