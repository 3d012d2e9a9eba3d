//! The render queue as it was saved: items of two sizes by version, and their output modules.
//! The farm does not render from it; it is shown to people and helps to tell which composition is meant.

use crate::bytes::{four_char_at, fraction_at, name, text_at, u8_at, u16_at, u32_at};
use crate::chunk::Chunk;
use crate::footage;
use crate::model::{OutputModule, QueueItem, QueueStatus, SpanSource};
use crate::rational::Rational;
use crate::warn::Warnings;

/// Where the fields that we read end: an item smaller than this is of no version we know.
const MIN_ITEM_BYTES: usize = 154;

/// The items of the queue; empty if there is none.
pub(crate) fn read(root: Chunk<'_>, warnings: &mut Warnings) -> Vec<QueueItem> {
    let Some(queue) = root.list(b"LRdr") else {
        return Vec::new();
    };
    let Some(list) = queue.list(b"list") else {
        return Vec::new();
    };
    let head = list.leaf(b"lhd3").unwrap_or(&[]);
    let count = usize::from(u16_at(head, 10).unwrap_or(0));
    // 514 bytes up to After Effects 14, 2246 from 15 on; the part that we read is the same
    let item_bytes = usize::from(u16_at(head, 18).unwrap_or(0));
    if count == 0 {
        return Vec::new();
    }
    let data = list.leaf(b"ldat").unwrap_or(&[]);
    if item_bytes < MIN_ITEM_BYTES || data.len() / item_bytes < count {
        warnings.add(format!(
            "the render queue says {count} items of {item_bytes} bytes and holds {} bytes: not all are read",
            data.len()
        ));
    }
    if item_bytes < MIN_ITEM_BYTES {
        return Vec::new();
    }
    let mut outputs = queue.list(b"LItm").into_iter().flat_map(outputs_of_items);
    let boxes = queue.leaf(b"Rout").unwrap_or(&[]);
    data.chunks_exact(item_bytes)
        .take(count)
        .enumerate()
        .filter_map(|(at, item)| {
            let checked = checked(boxes, at);
            read_item(item, checked, outputs.next().unwrap_or_default())
        })
        .collect()
}

/// The check box of an item: behind a count, five words an item; the box is a bit of the first one.
fn checked(boxes: &[u8], item: usize) -> Option<bool> {
    let at = item.checked_mul(20)?.checked_add(4)?;
    u8_at(boxes, at).map(|flags| flags & 0x40 != 0)
}

fn read_item(item: &[u8], checked: Option<bool>, outputs: Vec<OutputModule>) -> Option<QueueItem> {
    let own_rate = u16_at(item, 2144).is_some_and(|flag| flag != 0);
    Some(QueueItem {
        comp_id: u32_at(item, 8)?,
        status: match u32_at(item, 12)? {
            0 => QueueStatus::NeedsOutput,
            1 => QueueStatus::Unqueued,
            2 => QueueStatus::Queued,
            3 => QueueStatus::Rendering,
            4 => QueueStatus::UserStopped,
            5 => QueueStatus::ErrorStopped,
            6 => QueueStatus::Done,
            _ => QueueStatus::Unknown,
        },
        checked,
        template: text_at(item, 90, 64)?,
        // a divisor of 0 is "not set"
        time_span: fraction_at(item, 20, 24).zip(fraction_at(item, 28, 32)),
        // only the longer items of newer files reach that far
        span_source: u16_at(item, 2148).map(|source| match source {
            0 => SpanSource::Composition,
            1 => SpanSource::WorkArea,
            2 => SpanSource::Custom,
            _ => SpanSource::Unknown,
        }),
        rate: own_rate
            .then(|| {
                Some(Rational::from_stored_rate(
                    u16_at(item, 44)?,
                    u16_at(item, 46)?,
                ))
            })
            .flatten(),
        resolution: (u16_at(item, 58)?, u16_at(item, 60)?),
        outputs,
    })
}

/// The output modules of each item, in the order of the items.
fn outputs_of_items(items: Chunk<'_>) -> impl Iterator<Item = Vec<OutputModule>> {
    items
        .children()
        .filter(|chunk| chunk.kind == Some(*b"LOm "))
        .map(|modules| read_outputs(modules))
}

fn read_outputs(modules: Chunk<'_>) -> Vec<OutputModule> {
    let mut outputs: Vec<OutputModule> = Vec::new();
    // names stand after the target; a name before it belongs to the colour settings
    let mut after_target = false;
    for chunk in modules.children() {
        if chunk.id == *b"Roou" {
            after_target = false;
            outputs.push(OutputModule {
                format: four_char_at(chunk.data, 26).unwrap_or_default(),
                target: None,
                template: None,
                file_template: None,
            });
            continue;
        }
        let Some(output) = outputs.last_mut() else {
            continue;
        };
        if matches!(chunk.kind.as_ref(), Some(b"Als2" | b"Alas")) {
            output.target = footage::reference(chunk, false);
            after_target = true;
        } else if chunk.id == *b"Utf8" && after_target {
            let text = name(chunk.data);
            if output.template.is_none() {
                output.template = Some(text);
            } else if output.file_template.is_none() {
                output.file_template = Some(text);
            }
        }
    }
    outputs
}

/// What a format's files are called, as far as a second reader of the format and the samples agree.
const EXTENSIONS: [(&str, &str); 15] = [
    ("H264", "mp4"),
    (".AVI", "avi"),
    ("MooV", "mov"),
    ("Mp3 ", "mp3"),
    ("wao_", "wav"),
    ("TIF ", "tif"),
    ("8BPS", "psd"),
    ("png!", "png"),
    ("JPEG", "jpg"),
    ("oEXR", "exr"),
    ("AIFF", "aif"),
    ("SGI ", "sgi"),
    ("IFF ", "iff"),
    ("TPIC", "tga"),
    ("RHDR", "hdr"),
];

impl OutputModule {
    /// The file it writes, with the composition's name and the format's extension filled in; other parts in brackets stay as they
    /// are. `None` if the project does not say where to.
    #[must_use]
    pub fn file(&self, comp: &str) -> Option<String> {
        let target = self.target.as_ref()?;
        if !target.is_folder {
            return Some(target.path.clone());
        }
        let template = self
            .file_template
            .as_deref()
            .filter(|name| !name.is_empty())?;
        let extension = EXTENSIONS.iter().find(|(format, _)| *format == self.format);
        let mut file = template.replace("[compName]", comp);
        if let Some((_, extension)) = extension {
            file = file.replace("[fileExtension]", extension);
        }
        let separator = if target.windows { '\\' } else { '/' };
        let folder = target.path.trim_end_matches(separator);
        Some(format!("{folder}{separator}{file}"))
    }
}
