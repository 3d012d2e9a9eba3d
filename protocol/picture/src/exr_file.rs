//! Answers for: OpenEXR files of one flat part with red, green, blue or luminance, and alpha; half or float; scan lines or tiles; what the
//! `exr` crate decompresses. Other channels are decoded with them, so that the file is whole, and left out. Must not: allocate
//! before the header's size is believed.
//!
//! Colours are linear light and multiplied by alpha, as the format says (reference: OpenEXR's technical introduction).

use std::borrow::Cow;
use std::io::Cursor;

use exr::image::FlatSamples;
use exr::image::read::image::ReadLayers;
use exr::image::read::layers::ReadChannels;
use exr::image::read::read;
use exr::meta::attribute::SampleType;
use exr::meta::header::Header;
use exr::meta::{BlockDescription, MetaData};

use crate::error::PictureError;
use crate::limits::{FileFormat, Limits};
use crate::picture::{Alpha, Depth, Picture};

/// Which of a file's channels make the picture, in order, and how deep they are.
struct Wanted {
    channels: Vec<usize>,
    depth: Depth,
    alpha: bool,
}

pub(crate) fn decode<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Picture<'a>, PictureError> {
    let mut cursor = Cursor::new(bytes);
    let meta =
        MetaData::read_from_buffered(&mut cursor, true).map_err(|error| no_data(bytes, &error))?;
    let [header] = meta.headers.as_slice() else {
        return Err(unsupported(format!("it has {} parts", meta.headers.len())));
    };
    let (width, height) = size(header, limits)?;
    let wanted = wanted(header)?;
    let channels = wanted.channels.len();
    limits.check_kind(wanted.depth.bits(), wanted.alpha)?;
    let stored_bytes = header.channels.bytes_per_pixel as u64;
    limits.check_bytes(width, height, stored_bytes.max(channels as u64 * 4))?;
    whole(bytes, cursor.position() as usize, header)?;
    let image = read()
        .no_deep_data()
        .largest_resolution_level()
        .all_channels()
        .first_valid_layer()
        .all_attributes()
        .pedantic()
        .non_parallel()
        .from_buffered(Cursor::new(bytes))
        .map_err(|error| no_data(bytes, &error))?;
    let pixels = width as usize * height as usize;
    let mut samples = vec![0; pixels * channels * 4];
    for (place, &index) in wanted.channels.iter().enumerate() {
        let channel = image.layer_data.channel_data.list.get(index);
        let channel = channel.ok_or_else(|| PictureError::damaged("a channel is missing"))?;
        interleave(&channel.sample_data, &mut samples, place, channels, pixels)?;
    }
    Ok(Picture {
        format: FileFormat::Exr,
        width,
        height,
        channels: channels as u8,
        depth: wanted.depth,
        alpha: if wanted.alpha {
            Alpha::Premultiplied
        } else {
            Alpha::None
        },
        samples: Cow::Owned(samples),
    })
}

fn size(header: &Header, limits: &Limits) -> Result<(u32, u32), PictureError> {
    let in_range = |side: usize| u32::try_from(side).unwrap_or(u32::MAX);
    let (width, height) = (
        in_range(header.layer_size.x()),
        in_range(header.layer_size.y()),
    );
    limits.check_size(width, height)?;
    let window = header.shared_attributes.display_window;
    if header.deep {
        return Err(unsupported("its data is deep".into()));
    }
    if window.size != header.layer_size || window.position != header.own_attributes.layer_position {
        return Err(unsupported(
            "its data window is not its display window".into(),
        ));
    }
    Ok((width, height))
}

fn wanted(header: &Header) -> Result<Wanted, PictureError> {
    let list = &header.channels.list;
    let find = |name: &str| list.iter().position(|channel| channel.name.eq(name));
    let colors: Vec<usize> = match (find("R"), find("G"), find("B"), find("Y")) {
        (Some(red), Some(green), Some(blue), _) => vec![red, green, blue],
        (None, None, None, Some(luminance)) => vec![luminance],
        _ => return Err(unsupported("it has neither R, G and B nor Y alone".into())),
    };
    let alpha = find("A");
    let channels: Vec<usize> = colors.into_iter().chain(alpha).collect();
    let kind = list[channels[0]].sample_type;
    if channels
        .iter()
        .any(|&index| list[index].sample_type != kind)
    {
        return Err(unsupported("its channels differ in depth".into()));
    }
    if list
        .iter()
        .any(|channel| channel.sampling.x() != 1 || channel.sampling.y() != 1)
    {
        return Err(unsupported(
            "a channel has fewer samples than pixels".into(),
        ));
    }
    let depth = match kind {
        SampleType::F16 => Depth::Half,
        SampleType::F32 => Depth::Float,
        SampleType::U32 => {
            return Err(PictureError::UnsupportedDepth {
                found: "32 bits (whole numbers)".into(),
            });
        }
    };
    Ok(Wanted {
        channels,
        depth,
        alpha: alpha.is_some(),
    })
}

/// Walks the table of chunks, which begins at `table_at`: each lies inside the file, and nothing follows the last (OpenEXR
/// file layout: where a chunk is, 8 bytes; its place, 4 or 16; its length, 4; its data).
fn whole(bytes: &[u8], table_at: usize, header: &Header) -> Result<(), PictureError> {
    let table = header
        .chunk_count
        .checked_mul(8)
        .and_then(|length| bytes.get(table_at..table_at.checked_add(length)?));
    let table = table.ok_or_else(|| {
        PictureError::torn(
            bytes,
            format!(
                "the table of its {} chunks is not all there",
                header.chunk_count
            ),
        )
    })?;
    let place_bytes = match header.blocks {
        BlockDescription::ScanLines => 4,
        BlockDescription::Tiles(_) => 16,
    };
    let mut end = table_at + table.len();
    for (index, at) in table.as_chunks::<8>().0.iter().enumerate() {
        let data_at = usize::try_from(u64::from_le_bytes(*at))
            .ok()
            .and_then(|at| at.checked_add(place_bytes));
        let data_at = data_at.filter(|&at| at > place_bytes);
        let data_at = data_at.ok_or_else(|| {
            PictureError::torn(bytes, format!("its chunk {index} was not written"))
        })?;
        let length = bytes
            .get(data_at..)
            .and_then(|rest| rest.first_chunk::<4>());
        let length = length.map(|length| u32::from_le_bytes(*length) as usize);
        let chunk_end = length
            .and_then(|length| data_at.checked_add(4 + length))
            .filter(|&end| end <= bytes.len());
        end = end.max(chunk_end.ok_or_else(|| {
            PictureError::torn(bytes, format!("its chunk {index} is not all there"))
        })?);
    }
    if end < bytes.len() {
        return Err(PictureError::Trailing {
            format: FileFormat::Exr,
            end: end as u64,
            more: (bytes.len() - end) as u64,
        });
    }
    Ok(())
}

fn interleave(
    from: &FlatSamples,
    samples: &mut [u8],
    place: usize,
    channels: usize,
    pixels: usize,
) -> Result<(), PictureError> {
    if from.len() != pixels {
        return Err(PictureError::damaged(format!(
            "a channel has {} samples for {pixels} pixels",
            from.len()
        )));
    }
    let into = samples
        .as_chunks_mut::<4>()
        .0
        .iter_mut()
        .skip(place)
        .step_by(channels);
    match from {
        FlatSamples::F16(values) => values
            .iter()
            .zip(into)
            .for_each(|(value, into)| *into = value.to_f32().to_le_bytes()),
        FlatSamples::F32(values) => values
            .iter()
            .zip(into)
            .for_each(|(value, into)| *into = value.to_le_bytes()),
        FlatSamples::U32(_) => return Err(PictureError::damaged("a channel changed its type")),
    }
    Ok(())
}

fn no_data(bytes: &[u8], error: &exr::error::Error) -> PictureError {
    match error {
        exr::error::Error::NotSupported(what) => unsupported(what.clone().into_owned()),
        // (Its words for the end of the file.)
        exr::error::Error::Invalid(what) if what == "reference to missing bytes" => {
            PictureError::torn(bytes, "its header is not all there")
        }
        exr::error::Error::Io(_) => PictureError::torn(bytes, "its header is not all there"),
        exr::error::Error::Invalid(_) | exr::error::Error::Aborted => {
            PictureError::damaged(format!("its EXR data can't be decoded: {error}"))
        }
    }
}

fn unsupported(what: String) -> PictureError {
    PictureError::Unsupported {
        format: FileFormat::Exr,
        what,
        way_out: "use one part of R, G, B and A, uncompressed or ZIP, as After Effects writes it",
    }
}
