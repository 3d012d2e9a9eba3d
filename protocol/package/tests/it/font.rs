//! Fonts made by code.

/// The smallest font that opens: one glyph, a PostScript name for Windows and one for old Macs.
pub fn font(postscript_name: &str) -> Vec<u8> {
    let mut head = vec![0; 54];
    head[..4].copy_from_slice(&[0, 1, 0, 0]);
    head[12..16].copy_from_slice(&0x5f0f_3cf5u32.to_be_bytes());
    head[18..20].copy_from_slice(&1000u16.to_be_bytes());
    let mut hhea = vec![0; 36];
    hhea[..4].copy_from_slice(&[0, 1, 0, 0]);
    hhea[35] = 1;
    let maxp = [0, 0, 0x50, 0, 0, 1];
    let wide: Vec<u8> = postscript_name
        .encode_utf16()
        .flat_map(u16::to_be_bytes)
        .collect();
    let mut name = Vec::new();
    for word in [0u16, 2, 6 + 2 * 12] {
        name.extend_from_slice(&word.to_be_bytes());
    }
    let narrow_length = u16::try_from(postscript_name.len()).expect("short");
    let records: [[u16; 6]; 2] = [
        [1, 0, 0, 6, narrow_length, 0],
        [
            3,
            1,
            0x409,
            6,
            u16::try_from(wide.len()).expect("short"),
            narrow_length,
        ],
    ];
    for word in records.iter().flatten() {
        name.extend_from_slice(&word.to_be_bytes());
    }
    name.extend_from_slice(postscript_name.as_bytes());
    name.extend_from_slice(&wide);
    let tables: [(&[u8; 4], &[u8]); 4] = [
        (b"head", &head),
        (b"hhea", &hhea),
        (b"maxp", &maxp),
        (b"name", &name),
    ];
    let mut font = vec![0, 1, 0, 0, 0, 4, 0, 64, 0, 2, 0, 0];
    let mut at = 12 + 16 * tables.len();
    let mut bodies = Vec::new();
    for (tag, body) in tables {
        font.extend_from_slice(tag);
        font.extend_from_slice(&[0; 4]);
        font.extend_from_slice(&u32::try_from(at).expect("small").to_be_bytes());
        font.extend_from_slice(&u32::try_from(body.len()).expect("small").to_be_bytes());
        let padded = body.len().next_multiple_of(4);
        bodies.extend_from_slice(body);
        bodies.resize(bodies.len() + padded - body.len(), 0);
        at += padded;
    }
    font.extend(bodies);
    font
}
