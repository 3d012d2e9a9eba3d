//! Answers for: what After Effects says about a render queue item before its first frame, in English: `speech` translates the
//! keys that it knows. Must not: render.

use crate::arguments::Arguments;
use crate::frames::Run;
use crate::output::Sequence;
use crate::templates::{Format, RenderSettings};

/// How an item is rendered.
#[derive(Debug)]
pub struct Dressed<'a> {
    /// Its render settings.
    pub settings: &'a RenderSettings,
    /// The name of its output module template.
    pub module: &'a str,
    /// What that writes.
    pub format: Format,
    /// Its files.
    pub sequence: &'a Sequence,
    /// What was asked for.
    pub arguments: &'a Arguments,
}

/// The lines (`reference/aerender.md` 2.2).
#[must_use]
pub fn lines(run: &Run<'_>, dressed: &Dressed<'_>, (width, height): (usize, usize)) -> Vec<String> {
    let (start, end) = run.range;
    let skip = if dressed.settings.skip_existing {
        "On"
    } else {
        "Off"
    };
    let asked = dressed.arguments.start.is_some() || dressed.arguments.end.is_some();
    let span = if asked { "Custom" } else { "Work Area" };
    let duration = if run.settings.bare_frames {
        (end - start + 1).to_string()
    } else {
        crate::timecode::timecode(end - start + 1, run.rate)
    };
    let quality = if dressed.settings.name == "Draft Settings" {
        "Draft"
    } else {
        "Best"
    };
    let mut lines = vec![
        format!("Render Settings: {}", dressed.settings.name),
        format!("Quality: {quality}"),
        "Resolution: Full".into(),
        format!("Size: {width} x {height}"),
        "Proxy Use: Use No Proxies".into(),
        "Effects: Current Settings".into(),
        "Disk Cache: Read Only".into(),
        "Color Depth: Current Settings".into(),
        "Frame Blending: On for Checked Layers".into(),
        "Field Render: Off".into(),
        "Pulldown: Off".into(),
        "Motion Blur: On for Checked Layers".into(),
        "Solos: Current Settings".into(),
        format!("Time Span: {span}"),
        format!("Start: {}", run.shown(start)),
        format!("End: {}", run.shown(end)),
        format!("Duration: {duration}"),
        format!("Frame Rate: {:.2} (comp)", run.rate.per_second()),
        "Guide Layers: All Off".into(),
        format!("Skip Existing Files: {skip}"),
        String::new(),
    ];
    lines.extend(module_lines(run, dressed, (width, height)));
    lines
}

fn module_lines(
    run: &Run<'_>,
    dressed: &Dressed<'_>,
    (width, height): (usize, usize),
) -> Vec<String> {
    let sound = match dressed.format {
        Format::Aiff => "48.000 kHz / 16 bit / Stereo",
        Format::Tiff | Format::Png => "Off",
    };
    vec![
        format!("Output Module: {}", dressed.module),
        format!("Output To: {}", run.sequence.pattern()),
        format!("Format: {}", dressed.format.name()),
        "Output Info: -".into(),
        "Include: -".into(),
        format!("Output Audio: {sound}"),
        "Channels: RGB + Alpha".into(),
        "Depth: Millions of Colors+".into(),
        "Color: Premultiplied".into(),
        "Resize: -".into(),
        "Crop: -".into(),
        format!("Final Size: {width} x {height}"),
        "Profile: -".into(),
        "Post-Render Action: None".into(),
        String::new(),
    ]
}
