//! Answers for: what After Effects says about a render queue item before its first frame, in English: `speech` translates the
//! keys that it knows. Must not: render.

use crate::arguments::Arguments;
use crate::frames::Run;
use crate::module::{Format, Module};
use crate::output::Sequence;
use crate::templates::{RenderSettings, Span};

/// How an item is rendered.
#[derive(Debug)]
pub struct Dressed<'a> {
    /// Its render settings.
    pub settings: &'a RenderSettings,
    /// Its output module.
    pub module: &'a Module,
    /// The composition's own size.
    pub size: (usize, usize),
    /// Its files.
    pub sequence: &'a Sequence,
    /// What was asked for.
    pub arguments: &'a Arguments,
}

/// The lines (`reference/aerender.md` 2.2).
#[must_use]
pub fn lines(run: &Run<'_>, dressed: &Dressed<'_>) -> Vec<String> {
    let (width, height) = dressed.size;
    let (start, end) = run.range;
    let skip = if dressed.settings.skip_existing {
        "On"
    } else {
        "Off"
    };
    let asked = dressed.arguments.start.is_some() || dressed.arguments.end.is_some();
    let span = match dressed.settings.span {
        Span::Custom { .. } => "Custom",
        Span::WorkArea | Span::Comp if asked => "Custom",
        Span::WorkArea => "Work Area",
        Span::Comp => "Length of Comp",
    };
    let whose = match dressed.settings.rate {
        Some(_) => "",
        None => " (comp)",
    };
    let duration = if run.settings.bare_frames {
        (end - start + 1).to_string()
    } else {
        crate::timecode::timecode(end - start + 1, run.rate)
    };
    let mut lines = vec![
        format!("Render Settings: {}", dressed.settings.name),
        format!("Quality: {}", dressed.settings.quality),
        format!("Resolution: {}", dressed.settings.resolution()),
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
        format!("Frame Rate: {:.2}{whose}", run.rate.per_second()),
        "Guide Layers: All Off".into(),
        format!("Skip Existing Files: {skip}"),
        String::new(),
    ];
    lines.extend(module_lines(run, dressed));
    lines
}

/// The lines of one output module.
#[must_use]
pub fn module_lines(run: &Run<'_>, dressed: &Dressed<'_>) -> Vec<String> {
    let module = dressed.module;
    let sound = match module.format {
        Format::Aiff => "48.000 kHz / 16 bit / Stereo",
        Format::Tiff | Format::Png | Format::Psd => "Off",
        Format::Avi | Format::QuickTime | Format::H264 if module.sound => {
            "48.000 kHz / 16 bit / Stereo (if comp has audio)"
        }
        Format::Avi | Format::QuickTime | Format::H264 => "Off",
    };
    let painted = run.painter.size();
    let left = module
        .window(painted)
        .map_or((0, 0), |left| (left.2, left.3));
    let crop = &module.crop;
    let resize = match module.size.filter(|_| module.resize) {
        Some((width, height)) => format!("{width} x {height}"),
        None => "-".into(),
    };
    let cut = if crop.on {
        format!(
            "Top: {} Left: {} Bottom: {} Right: {}",
            crop.top, crop.left, crop.bottom, crop.right
        )
    } else {
        "-".into()
    };
    vec![
        format!("Output Module: {}", module.name),
        format!("Output To: {}", run.sequence.pattern()),
        format!("Format: {}", module.format.name()),
        "Output Info: -".into(),
        "Include: -".into(),
        format!("Output Audio: {sound}"),
        format!("Channels: {}", module.channels.name()),
        format!("Depth: {}", module.depth_name()),
        "Color: Premultiplied".into(),
        format!("Resize: {resize}"),
        format!("Crop: {cut}"),
        format!("Final Size: {} x {}", left.0, left.1),
        "Profile: -".into(),
        "Post-Render Action: None".into(),
        String::new(),
    ]
}
