//! Answers for: which footage of a composition sounds when, through all nested compositions, as one flat list. Must not: open files.
//!
//! A part of the list is a straight line from the composition's time to the file's time, an interval in which it is
//! heard, and a factor for each side. Compositions that show themselves and very many layers are bounded, not followed.

use flatrender_aep::{Composition, Layer, LayerKind, Project};
use std::collections::HashMap;

/// Deepest nesting that is followed.
const MOST_DEPTH: usize = 64;
/// Most parts of one composition.
pub const MOST_PARTS: usize = 4096;
/// Most layers that are looked at: nesting multiplies them.
const MOST_LAYERS: usize = 1_000_000;

/// Something that is heard.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// The footage item.
    pub footage_id: u32,
    /// From when it is heard, in seconds of the outermost composition …
    pub from: f64,
    /// … until when.
    pub until: f64,
    /// From the composition's time to the footage's time.
    pub line: Line,
    /// Factors, left and right.
    pub gain: (f32, f32),
}

/// A straight line between two times.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line {
    slope: f64,
    offset: f64,
}

impl Line {
    const SAME: Self = Self {
        slope: 1.0,
        offset: 0.0,
    };

    /// The inner time at an outer one.
    pub fn at(self, outer: f64) -> f64 {
        outer * self.slope + self.offset
    }

    /// The outer interval of an inner one.
    fn outer(self, (from, until): (f64, f64)) -> (f64, f64) {
        let ends = [from, until].map(|inner| (inner - self.offset) / self.slope);
        (ends[0].min(ends[1]), ends[0].max(ends[1]))
    }

    /// Through this line and then into a layer that starts at `start` and is stretched.
    fn into_layer(self, start: f64, stretch: f64) -> Self {
        Self {
            slope: self.slope / stretch,
            offset: (self.offset - start) / stretch,
        }
    }
}

/// A composition has more sounding layers than are mixed.
#[derive(Debug, PartialEq, Eq)]
pub struct TooMany;

struct Open<'a> {
    comp: &'a Composition,
    line: Line,
    heard: (f64, f64),
    gain: (f32, f32),
    depth: usize,
}

/// All that sounds in `comp`, with `levels` by layer id.
pub fn parts(
    project: &Project,
    comp: &Composition,
    levels: &HashMap<u32, (f32, f32)>,
) -> Result<Vec<Part>, TooMany> {
    let mut found = Vec::new();
    let mut looked_at = 0_usize;
    let mut open = vec![Open {
        comp,
        line: Line::SAME,
        heard: (0.0, comp.duration.as_f64()),
        gain: (1.0, 1.0),
        depth: 0,
    }];
    while let Some(outer) = open.pop() {
        looked_at += outer.comp.layers.len() + 1;
        if looked_at > MOST_LAYERS {
            return Err(TooMany);
        }
        for layer in outer.comp.layers.iter().filter(|layer| is_heard(layer)) {
            let Some(inner) = enter(&outer, layer, levels) else {
                continue;
            };
            let (line, heard, gain) = inner;
            let source = layer.source_id.unwrap_or_default();
            if let Some(nested) = project.comps.iter().find(|comp| comp.id == source) {
                let whole = line.outer((0.0, nested.duration.as_f64()));
                if let (Some(heard), true) = (both(heard, whole), outer.depth < MOST_DEPTH) {
                    open.push(Open {
                        comp: nested,
                        line,
                        heard,
                        gain,
                        depth: outer.depth + 1,
                    });
                }
            } else if sounds(project, source) {
                if found.len() == MOST_PARTS {
                    return Err(TooMany);
                }
                found.push(Part {
                    footage_id: source,
                    from: heard.0,
                    until: heard.1,
                    line,
                    gain,
                });
            }
        }
    }
    Ok(found)
}

type Inner = (Line, (f64, f64), (f32, f32));

/// The times and factors within a layer; `None` where it is never heard.
fn enter(outer: &Open<'_>, layer: &Layer, levels: &HashMap<u32, (f32, f32)>) -> Option<Inner> {
    let stretch = layer.stretch.as_f64();
    if stretch == 0.0 || !stretch.is_finite() {
        return None;
    }
    let span = (layer.span.0.as_f64(), layer.span.1.as_f64());
    let heard = both(outer.heard, outer.line.outer(span))?;
    let own = levels.get(&layer.id).copied().unwrap_or((1.0, 1.0));
    let gain = (outer.gain.0 * own.0, outer.gain.1 * own.1);
    let silent = gain.0 == 0.0 && gain.1 == 0.0;
    let line = outer.line.into_layer(layer.start.as_f64(), stretch);
    (!silent).then_some((line, heard, gain))
}

/// The eye does not matter; guide layers are not rendered.
fn is_heard(layer: &Layer) -> bool {
    let has_source = match layer.kind {
        LayerKind::Footage
        | LayerKind::Precomp
        | LayerKind::Adjustment
        | LayerKind::Placeholder
        | LayerKind::Unknown => true,
        LayerKind::Text
        | LayerKind::Shape
        | LayerKind::Solid
        | LayerKind::Null
        | LayerKind::Light
        | LayerKind::Camera
        | LayerKind::Model => false,
    };
    has_source && layer.audio_enabled && !layer.guide
}

fn sounds(project: &Project, id: u32) -> bool {
    project
        .footage_item(id)
        .is_some_and(|item| item.audio_rate_hz > 0.0)
}

/// What two intervals have in common.
fn both(one: (f64, f64), other: (f64, f64)) -> Option<(f64, f64)> {
    let common = (one.0.max(other.0), one.1.min(other.1));
    (common.0 < common.1).then_some(common)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_lead_through_layers() {
        // starts at 2 s, half as fast; inside it a layer that starts at 1 s
        let layer = Line::SAME.into_layer(2.0, 2.0);
        assert_eq!(layer.at(4.0), 1.0);
        let inner = layer.into_layer(1.0, 1.0);
        assert_eq!(inner.at(4.0), 0.0);
        assert_eq!(inner.outer((0.0, 1.0)), (4.0, 6.0));
        // backwards
        let back = Line::SAME.into_layer(3.0, -1.0);
        assert_eq!(back.at(1.0), 2.0);
        assert_eq!(back.outer((0.0, 2.0)), (1.0, 3.0));
    }
}
