//! The texts of a text layer, with the fonts and sizes they really use, from the COS document below its source text.
//! The document's own font list is longer than what is used, so it is never reported as needed.

use crate::chunk::Chunk;
use crate::cos::{self, Value};
use crate::model::Layer;
use crate::parade::group_after;
use crate::warn::Warnings;

/// Most different fonts or sizes that are kept of one layer.
const MAX_STYLES: usize = 200;

/// Most fonts of a document's list that are looked at.
const MAX_FONTS: usize = 65_536;

/// Fills in texts, fonts and sizes of a text layer.
pub(crate) fn read(list: Chunk<'_>, layer: &mut Layer, warnings: &mut Warnings) {
    let source = source_text(list);
    let Some(document) = source.and_then(|source| source.find_list(b"btdk")) else {
        warnings.damaged(format!(
            "text layer {} has no text document (`btdk`)",
            layer.id
        ));
        return;
    };
    let expression = source.and_then(|source| source.list(b"tdbs")?.leaf(b"Utf8"));
    layer.text_computed = expression.is_some_and(|expression| !expression.trim_ascii().is_empty());
    let (root, sound) = cos::parse(document.data);
    if !sound {
        warnings.damaged(format!(
            "the text of layer {} is broken: what could be read of it is kept",
            layer.id
        ));
    }
    let fonts: Vec<Value<'_>> = root.array(&["0", "1", "0"]).take(MAX_FONTS).collect();
    for document in root.array(&["1", "1"]) {
        let mut text = document.text(&["0", "0"]).unwrap_or_default();
        if text.ends_with('\r') {
            text.pop();
        }
        text.shrink_to_fit();
        layer.text.push(text);
        for run in document.array(&["0", "6", "0"]) {
            if let Some(style) = run.at(&["0", "0", "6"]) {
                read_style(style, &fonts, layer);
            }
        }
    }
}

/// The property that holds the text.
fn source_text(layer: Chunk<'_>) -> Option<Chunk<'_>> {
    let named = layer
        .list(b"tdgp")
        .and_then(|properties| group_after(properties, "ADBE Text Properties"))
        .and_then(|text| group_after(text, "ADBE Text Document"));
    named.or_else(|| layer.find_list(b"btds"))
}

fn read_style(style: Value<'_>, fonts: &[Value<'_>], layer: &mut Layer) {
    // a style without a font is in the document's default
    let font = style
        .number(&["0"])
        .and_then(whole)
        .and_then(|index| fonts.get(index))
        .and_then(|font| font.text(&["0", "0", "0"]));
    if let Some(font) = font
        && !font.is_empty()
        && layer.fonts.len() < MAX_STYLES
        && !layer.fonts.contains(&font)
    {
        layer.fonts.push(font);
    }
    if let Some(size) = style.number(&["1"])
        && layer.sizes.len() < MAX_STYLES
        && !layer.sizes.contains(&size)
    {
        layer.sizes.push(size);
    }
}

fn whole(number: f64) -> Option<usize> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be a small whole number"
    )]
    (number.fract() == 0.0 && (0.0..65_536.0).contains(&number)).then_some(number as usize)
}
