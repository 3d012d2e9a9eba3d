//! Files that are no frames: torn, changed, hostile. None of them panics, none of them verifies with pixels that are not its own.

use flatrender_agent::frame::{Expect, NotAFrame, unpack, verify, verify_named};
use flatrender_protocol::Digest;
use proptest::prelude::*;

use crate::frame::{any_file, by_another_decoder};
use crate::tiff_files::{Squeeze, TiffFile};

const FOUR_BY_THREE: Expect = Expect {
    width: 4,
    height: 3,
};

fn plain() -> TiffFile {
    TiffFile::plain(4, 3, 3, (0..36).collect())
}

fn refused(bytes: &[u8]) -> String {
    verify(bytes, &FOUR_BY_THREE).unwrap_err().to_string()
}

proptest! {
    // Each case tries every length.
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn a_file_cut_off_anywhere_is_no_frame(file in any_file()) {
        let bytes = file.bytes();
        let expect = Expect { width: file.width, height: file.height };
        for length in 0..bytes.len() {
            prop_assert!(verify(&bytes[..length], &expect).is_err(), "{} of {}", length, bytes.len());
        }
    }
}

proptest! {
    #[test]
    fn a_changed_file_never_panics_nor_verifies_with_pixels_that_are_not_its_own(
        file in any_file(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = file.bytes();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let expect = Expect { width: file.width, height: file.height };
        if let Ok(verified) = verify(&bytes, &expect) {
            let whole = unpack(&verified.packed, &expect).unwrap();
            prop_assert_eq!(whole.rgba.len(), (file.width * file.height * 4) as usize);
            // The other decoder leaves some alpha channels out; then there is nothing to compare.
            let bits = verified.measures.bits;
            let channels = if verified.measures.alpha { 4 } else { 3 };
            let length = (file.width * file.height) as usize * channels * usize::from(bits / 8);
            if let Some(samples) = by_another_decoder(&bytes).filter(|samples| samples.len() == length) {
                let mut named = Vec::new();
                named.extend(file.width.to_le_bytes());
                named.extend(file.height.to_le_bytes());
                named.extend([channels as u8, bits]);
                named.extend(samples);
                prop_assert_eq!(verified.pixels, Digest::of(&named));
            }
        }
    }

    #[test]
    fn noise_never_panics(mut bytes in prop::collection::vec(any::<u8>(), 0..600), magic in any::<bool>()) {
        if magic && bytes.len() > 8 {
            bytes[..8].copy_from_slice(b"II*\0\x08\0\0\0");
        }
        prop_assert!(verify(&bytes, &FOUR_BY_THREE).is_err());
        prop_assert!(unpack(&bytes, &FOUR_BY_THREE).is_err());
    }
}

#[test]
fn what_is_wrong_is_said() {
    let whole = plain().bytes();
    assert!(matches!(verify(&[], &FOUR_BY_THREE), Err(NotAFrame::Empty)));
    assert_eq!(refused(&[]), "the file is empty");
    let torn = &whole[..whole.len() - 1];
    assert!(matches!(
        verify(torn, &FOUR_BY_THREE),
        Err(NotAFrame::Torn { .. })
    ));
    assert_eq!(
        refused(torn),
        format!(
            "the file is torn: strip 0 needs 36 bytes at {} (the file has {} bytes)",
            whole.len() - 36,
            whole.len() - 1
        )
    );
    assert_eq!(
        refused(b"GIF89a"),
        "this is neither a TIFF, PNG, JPEG nor EXR file: it begins with 47494638; use an output module that writes one of them"
    );
    assert_eq!(
        verify_named(&whole, "frame.png", &FOUR_BY_THREE)
            .unwrap_err()
            .to_string(),
        "the file is named as PNG and holds TIFF; give the output module and the file one format"
    );
    assert!(verify_named(&whole, "frame.TIFF", &FOUR_BY_THREE).is_ok());
    assert!(matches!(
        verify(&vec![0; 4096], &FOUR_BY_THREE),
        Err(NotAFrame::UnknownFormat { .. })
    ));
}

#[test]
fn a_strip_that_decodes_to_less_than_its_rows_is_damaged() {
    for squeeze in [Squeeze::None, Squeeze::Lzw, Squeeze::Deflate] {
        let shorter = TiffFile {
            squeeze,
            ..TiffFile::plain(4, 2, 3, vec![9; 24])
        };
        let mut bytes = shorter.bytes();
        // Field 257, the height, is the second entry; field 278, the rows of a strip, the eighth.
        bytes[10 + 12 + 8] = 3;
        bytes[10 + 7 * 12 + 8] = 3;
        let error = verify(&bytes, &FOUR_BY_THREE).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the file is damaged: strip 0 holds 24 bytes of pixels, and its rows need 36",
            "{squeeze:?}"
        );
    }
}

#[test]
fn a_checksum_that_is_wrong_is_noticed() {
    let file = TiffFile {
        squeeze: Squeeze::Deflate,
        ..plain()
    };
    let mut bytes = file.bytes();
    // The strip is last, and its checksum is the last of it.
    *bytes.last_mut().unwrap() ^= 1;
    let words = refused(&bytes);
    assert!(
        words.starts_with("the file is damaged: strip 0 does not inflate"),
        "{words}"
    );
}

#[test]
fn a_file_that_claims_more_than_it_may_is_refused_before_it_is_decoded() {
    let expect = Expect {
        width: 4,
        height: 3,
    };
    let limit = expect.most_file_bytes();
    let mut long = plain().bytes();
    long.resize(limit as usize + 1, 0);
    assert!(matches!(
        verify(&long, &expect),
        Err(NotAFrame::TooLarge { .. })
    ));
    let bomb = zstd::bulk::compress(&vec![0; limit as usize * 8], 1).unwrap();
    assert!(bomb.len() < 65_536);
    assert!(matches!(
        unpack(&bomb, &expect),
        Err(NotAFrame::TooLarge { .. })
    ));
    let huge = Expect {
        width: 30_000,
        height: 30_000,
    };
    let mut file = plain();
    (file.width, file.height, file.rows_per_strip) = (30_000, 30_000, 30_000);
    assert!(matches!(
        verify(&file.bytes(), &huge),
        Err(NotAFrame::TooLarge { .. })
    ));
}

#[test]
fn other_depths_and_layouts_are_refused_with_a_way_out() {
    // Entries of 12 bytes from byte 10 on; their values at byte 8 of each.
    let with = |entry: usize, value: u8| {
        let mut bytes = plain().bytes();
        bytes[10 + entry * 12 + 8] = value;
        refused(&bytes)
    };
    assert_eq!(
        with(3, 7),
        "this kind of TIFF file is not supported: compression 7; use RGB or RGB + alpha, uncompressed or LZW, as After Effects writes it"
    );
    assert!(with(4, 5).contains("colour space 5"));
    assert!(with(6, 5).contains("5 channels"));
    let mut deep = TiffFile::plain(4, 3, 1, vec![0; 12]).bytes();
    deep[10 + 2 * 12 + 8] = 32;
    assert_eq!(
        refused(&deep),
        "32 bits a channel are not supported; set the output module to 8 or 16 bits a channel"
    );
}
