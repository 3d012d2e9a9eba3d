//! The COS document of a text layer: one font, one style, one text.

use super::LayerSpec;
use super::chunks::{Fields, group, leaf, list, match_name, utf8};

/// The property groups that hold a layer's text.
pub(super) fn properties(text: &str, layer: &LayerSpec) -> Vec<u8> {
    let mut value = vec![
        leaf(*b"tdsb", &1u32.to_be_bytes()),
        leaf(*b"tdsn", &utf8("")),
        leaf(*b"tdb4", &Fields::new(124).u16(0, 0xdb99).0),
    ];
    if !layer.expression.is_empty() {
        value.push(utf8(&layer.expression));
    }
    let source = [
        list(*b"tdbs", &value.concat()),
        list(*b"btdk", &document(text, &layer.font, layer.size)),
    ];
    let properties = [
        match_name("ADBE Text Document"),
        list(*b"btds", &source.concat()),
    ];
    [
        match_name("ADBE Text Properties"),
        group(&properties.concat()),
    ]
    .concat()
}

fn document(text: &str, font: &str, size: f64) -> Vec<u8> {
    // After Effects ends every text with a carriage return
    let text = format!("{text}\r");
    let units = text.encode_utf16().count();
    let mut out = b" /98 << /0 9 >> /0 << /1 << /0 [ << /0 << /99 /CoolTypeFont /0 << /0 ".to_vec();
    string(&mut out, font);
    out.extend(b" /2 1 >> >> >> ] >> >> /1 << /1 [ << /0 << /0 ");
    string(&mut out, &text);
    out.extend(b" /6 << /0 [ << /0 << /0 << /6 << /0 0 /1 ");
    out.extend(format!("{size:?} >> >> >> /1 {units} >> ] >> >> >> ] >>").bytes());
    out
}

/// A string in UTF-16 with its mark; bytes that would end it are escaped.
fn string(out: &mut Vec<u8>, text: &str) {
    out.extend(b"(\xfe\xff");
    for byte in text.encode_utf16().flat_map(u16::to_be_bytes) {
        if matches!(byte, b'(' | b')' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b')');
}
