//! The render queue as chunks, in the long form that After Effects has written since 15.

use super::chunks::{Fields, leaf, list, utf8};
use super::items::{Ids, file_reference, seconds, stored_rate};
use super::{OutputSpec, ProjectSpec, QueueSpec};
use crate::model::QueueStatus;

const ITEM_BYTES: u16 = 2246;
const OUTPUT_BYTES: u16 = 128;
/// Room for the name of a template, without the zero at its end.
const NAME_BYTES: usize = 63;

/// The queue.
pub(super) fn render_queue(spec: &ProjectSpec, ids: &Ids<'_>) -> Vec<u8> {
    let mut boxes = Vec::new();
    let mut settings = Vec::new();
    let mut outputs = Vec::new();
    let items = &spec.render_queue[..spec.render_queue.len().min(usize::from(u16::MAX))];
    for item in items {
        let checked = u32::from(item.status == QueueStatus::Queued) << 30;
        boxes.extend(
            [checked, 0, 0, 0, 0]
                .iter()
                .flat_map(|word| word.to_be_bytes()),
        );
        settings.extend(settings_of(item, spec, ids));
        let modules: Vec<u8> = item.outputs.iter().flat_map(output).collect();
        let count = u16::try_from(item.outputs.len()).unwrap_or(u16::MAX);
        let rows = vec![0; usize::from(count) * usize::from(OUTPUT_BYTES)];
        outputs.extend(rows_of(count, OUTPUT_BYTES, &rows));
        outputs.extend(list(*b"LOm ", &modules));
    }
    let count = u16::try_from(items.len()).expect("cut to what fits");
    let words = (u32::from(count) * 5).to_be_bytes();
    let body = [
        leaf(*b"Rout", &[words.to_vec(), boxes].concat()),
        rows_of(count, ITEM_BYTES, &settings),
        list(*b"LItm", &outputs),
    ];
    list(*b"LRdr", &body.concat())
}

/// Rows of one size with the head that counts them.
fn rows_of(count: u16, bytes: u16, rows: &[u8]) -> Vec<u8> {
    let head = Fields::new(52).u16(10, count).u16(18, bytes);
    let mut body = leaf(*b"lhd3", &head.0);
    if count > 0 {
        body.extend(leaf(*b"ldat", rows));
    }
    list(*b"list", &body)
}

fn settings_of(item: &QueueSpec, spec: &ProjectSpec, ids: &Ids<'_>) -> Vec<u8> {
    let status = match item.status {
        QueueStatus::NeedsOutput => 0,
        QueueStatus::Unqueued => 1,
        QueueStatus::Queued => 2,
        QueueStatus::Rendering => 3,
        QueueStatus::UserStopped => 4,
        QueueStatus::ErrorStopped => 5,
        QueueStatus::Done => 6,
        QueueStatus::Unknown => 99,
    };
    let mut template = item.template.as_bytes().to_vec();
    template.truncate(NAME_BYTES);
    let mut row = Fields::new(usize::from(ITEM_BYTES))
        .u32(8, ids.comp(&item.comp).unwrap_or(0))
        .u32(12, status)
        .u16(56, 2)
        .u16(58, 1)
        .u16(60, 1)
        .put(90, &template)
        .u16(2148, 1);
    let comp = spec.comps.iter().find(|comp| comp.name == item.comp);
    if let (Some((start, length)), Some(comp)) = (item.time_span, comp) {
        let rate = stored_rate(comp.rate);
        row = row
            .fraction(20, seconds(i64::from(start), rate))
            .fraction(28, seconds(i64::from(length), rate))
            .u16(2148, 2);
    }
    row.0
}

fn output(spec: &OutputSpec) -> Vec<u8> {
    let module = Fields::new(154).put(0, b"FXTC").put(26, &spec.format);
    let body = [
        leaf(*b"Roou", &module.0),
        leaf(*b"Ropt", &spec.format),
        file_reference(&spec.folder, true, (0, 0)),
        utf8(&spec.template),
        utf8(&spec.file_template),
    ];
    body.concat()
}
