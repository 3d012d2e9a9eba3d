//! Answers for: text documents of layers: the first character's text, font, size, colour and direction, read and set. Must not: know
//! chunks beyond the one that holds the document.
//!
//! Where text, fonts, runs and sizes are is in `reference/aep-format.md`, *Text and fonts*. Fill (`/53`) and the paragraph's direction (`/33`) and
//! composer (`/35`) are inferred from sample files and from the order of the same fields in other Adobe formats: **not verified**.

use super::cos::{self, Cos};
use super::state::{Property, Text};
use super::tree::Node;

/// From a document to the style of its first run, and to the sheet of its first paragraph.
const STYLE: [&str; 3] = ["0", "0", "6"];
const SHEET: [&str; 3] = ["0", "0", "5"];

/// The property of a text, from its `btds`.
pub(super) fn property(match_name: &str, node: &Node) -> Option<Property> {
    let document = cos::parse(&node.child(b"btdk")?.data)?;
    let mut property = Property::of(match_name, "text", Vec::new());
    let documents = document.array(&["1", "1"]);
    property.keys = u32::try_from(documents.len())
        .ok()
        .filter(|keys| *keys > 1)
        .unwrap_or(0);
    property.text = Some(read(&document, documents.first()?));
    let value = node.child(b"tdbs")?;
    property.expression = value
        .leaf_data(b"Utf8")
        .map(|text| String::from_utf8_lossy(text).into_owned())
        .unwrap_or_default();
    Some(property)
}

fn read(document: &Cos, first: &Cos) -> Text {
    let text = first.as_text(&["0", "0"]).unwrap_or_default();
    let style = first
        .array(&["0", "6", "0"])
        .first()
        .and_then(|run| run.at(&STYLE));
    let sheet = first
        .array(&["0", "5", "0"])
        .first()
        .and_then(|run| run.at(&SHEET));
    let fonts = document.array(&["0", "1", "0"]);
    let font = style
        .and_then(|style| style.as_number(&["0"]))
        .and_then(|index| {
            let mut numbered = fonts.iter().enumerate();
            numbered
                .find(|(at, _)| *at as f64 == index)?
                .1
                .as_text(&["0", "0", "0"])
        });
    let direction = sheet.and_then(|sheet| sheet.as_number(&["33"]));
    let composer = sheet.and_then(|sheet| sheet.as_number(&["35"]));
    Text {
        text: text.strip_suffix('\r').unwrap_or(&text).to_owned(),
        font: font.unwrap_or_default(),
        size: style
            .and_then(|style| style.as_number(&["1"]))
            .unwrap_or(12.0),
        color: style.and_then(fill),
        direction: Some(
            if direction == Some(1.0) {
                "right_to_left"
            } else {
                "left_to_right"
            }
            .to_owned(),
        ),
        composer: u32::from(composer.is_some_and(|composer| composer > 0.0)),
    }
}

/// The fill: alpha, red, green, blue.
fn fill(style: &Cos) -> Option<[f64; 3]> {
    let channels = style.array(&["53", "0", "1"]);
    let channel = |at: usize| channels.get(at)?.as_number(&[]);
    Some([channel(1)?, channel(2)?, channel(3)?])
}

/// Sets a layer's text. What is as it was is not touched; styles beyond the first run, and what was composed, give way to a text
/// that is another.
///
/// # Errors
///
/// If the document can't be read.
pub(super) fn set(data: &[u8], was: &Text, text: &Text) -> Result<Vec<u8>, &'static str> {
    let mut document = cos::parse(data).ok_or("its text document can't be read")?;
    let font = match was.font == text.font {
        true => None,
        false => Some(font_index(&mut document, &text.font)),
    };
    let documents = document.make_array(&["1", "1"]);
    let first = documents.first_mut().ok_or("it has no text document")?;
    if was.text != text.text {
        *first.make(&["0", "0"]) = Cos::text(&format!("{}\r", text.text));
        let units = text.text.encode_utf16().count() + 1;
        for runs in ["5", "6"] {
            let runs = first.make_array(&["0", runs, "0"]);
            runs.truncate(1);
            if let Some(run) = runs.first_mut() {
                *run.make(&["1"]) = Cos::whole(units);
            }
        }
    }
    let units = text.text.encode_utf16().count() + 1;
    let styled =
        font.is_some() || was.size.to_bits() != text.size.to_bits() || was.color != text.color;
    if styled {
        for run in runs(first, "6", units) {
            let style = run.make(&STYLE);
            if let Some(font) = font {
                *style.make(&["0"]) = Cos::whole(font);
            }
            if was.size.to_bits() != text.size.to_bits() {
                *style.make(&["1"]) = Cos::number(text.size);
            }
            if let (Some([red, green, blue]), true) = (text.color, was.color != text.color) {
                *style.make(&["53", "99"]) = Cos::Word(b"/SimplePaint".to_vec());
                *style.make(&["53", "0", "0"]) = Cos::whole(1);
                *style.make_array(&["53", "0", "1"]) =
                    [1.0, red, green, blue].map(Cos::number).to_vec();
                *style.make(&["56"]) = Cos::Word(b"true".to_vec());
            }
        }
    }
    if was.direction != text.direction || was.composer != text.composer {
        let right = text.direction.as_deref() == Some("right_to_left");
        for run in runs(first, "5", units) {
            *run.make(&SHEET).make(&["33"]) = Cos::whole(usize::from(right));
            *run.make(&SHEET).make(&["35"]) = Cos::whole(usize::from(text.composer > 0));
        }
    }
    Ok(document.to_document())
}

/// The runs of a document, at least one over all of its text.
fn runs<'a>(document: &'a mut Cos, key: &str, units: usize) -> &'a mut Vec<Cos> {
    let runs = document.make_array(&["0", key, "0"]);
    if runs.is_empty() {
        let mut run = Cos::Dict(Vec::new());
        *run.make(&["1"]) = Cos::whole(units);
        runs.push(run);
    }
    runs
}

/// The place of a font in the document's list; it is added at the end.
fn font_index(document: &mut Cos, name: &str) -> usize {
    let fonts = document.make_array(&["0", "1", "0"]);
    if let Some(known) = fonts
        .iter()
        .position(|font| font.as_text(&["0", "0", "0"]).as_deref() == Some(name))
    {
        return known;
    }
    let mut font = fonts.first().cloned().unwrap_or(Cos::Dict(Vec::new()));
    *font.make(&["0", "0", "0"]) = Cos::text(name);
    fonts.push(font);
    fonts.len() - 1
}
