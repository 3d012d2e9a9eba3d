//! Small files made to cost much: each is refused or read with a bound.

use flatrender_aep::{Container, ReadError, parse};

fn leaf(id: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len()).unwrap().to_be_bytes();
    [id.as_slice(), &length, data, &vec![0; data.len() % 2]].concat()
}

fn list(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    leaf(b"LIST", &[kind.as_slice(), data].concat())
}

fn project(fold: &[u8]) -> Vec<u8> {
    leaf(
        b"RIFX",
        &[b"Egg!".as_slice(), &list(b"Fold", fold)].concat(),
    )
}

fn item(kind: u16, id: u32, name: &str, more: &[u8]) -> Vec<u8> {
    let mut idta = [0; 20];
    idta[..2].copy_from_slice(&kind.to_be_bytes());
    idta[16..].copy_from_slice(&id.to_be_bytes());
    let body = [
        leaf(b"idta", &idta),
        leaf(b"Utf8", name.as_bytes()),
        more.to_vec(),
    ];
    list(b"Item", &body.concat())
}

#[test]
fn millions_of_empty_chunks_are_refused() {
    let error = parse(&project(&leaf(b"abcd", b"").repeat(5_000_001))).unwrap_err();
    assert!(
        matches!(error, ReadError::TooMany { what: "chunks", .. }),
        "{error}"
    );
    assert_eq!(error.to_string(), "more than 5000000 chunks: refused");
}

#[test]
fn a_name_can_be_borrowed_only_so_often() {
    let long = "n".repeat(4096);
    let mut ldta = vec![0; 160];
    ldta[43] = 1;
    let layers = list(b"Layr", &leaf(b"ldta", &ldta)).repeat(20_000);
    let solid = list(b"Pin ", &leaf(b"opti", b"Soli\0\0"));
    let comp = [leaf(b"cdta", &[0; 204]), layers].concat();
    let file = project(&[item(7, 1, &long, &solid), item(4, 2, "c", &comp)].concat());
    let read = parse(&file).unwrap();
    let borrowed: usize = read.comps[0]
        .layers
        .iter()
        .map(|layer| layer.name.len())
        .sum();
    assert_eq!(read.comps[0].layers.len(), 20_000);
    let room = 8 * file.len();
    assert!(borrowed > room - 4096 && borrowed <= room, "{borrowed}");
}

#[test]
fn names_and_warnings_are_cut_to_a_bound() {
    let read = parse(&project(&item(
        4,
        2,
        &"w".repeat(1 << 20),
        &leaf(b"cdta", &[0; 204]),
    )))
    .unwrap();
    assert_eq!(read.comps[0].name.len(), 4096);
    assert!(read.warnings.iter().all(|warning| warning.len() < 400));
}

#[test]
fn folders_are_followed_to_a_depth() {
    let mut inner = item(1, 1000, "innermost", &[]);
    for id in 0..100 {
        inner = item(1, id, "f", &list(b"Sfdr", &inner));
    }
    let read = parse(&project(&inner)).unwrap();
    assert!(
        (20..=40).contains(&read.folders.len()),
        "{}",
        read.folders.len()
    );
    assert!(
        read.warnings
            .iter()
            .any(|warning| warning.contains("nested deeper"))
    );
    assert_eq!(read.folders[1].parent, read.folders[0].id);
}

#[test]
fn xml_is_followed_to_a_depth_and_expands_no_entity() {
    let deep = format!(
        "<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;\">]><AfterEffectsProject><Fold>\
         <Item><idta bdata=\"{}\"/><string>&b;&lt;&#x633;</string></Item>{}</Fold></AfterEffectsProject>",
        "0001000000000000000000000000000000000007",
        "<Item>".repeat(50_000) + &"</Item>".repeat(50_000)
    );
    let read = parse(deep.as_bytes()).unwrap();
    assert_eq!(read.container, Container::Xml);
    assert_eq!(read.folders[0].name, "\u{fffd}<س");
    assert!(
        read.warnings
            .iter()
            .any(|warning| warning.contains("nested deeper than 64"))
    );
}

#[test]
fn an_archive_of_very_many_files_is_refused() {
    let forged = [b"PK\x03\x04".as_slice(), &b"PK\x01\x02".repeat(100_001)].concat();
    let error = parse(&forged).unwrap_err();
    assert_eq!(
        error.to_string(),
        "more than 100000 files in the archive: refused"
    );
}
