//! Answers for: the Audio Levels of layers, from the project's chunks, where they are plain numbers. Must not: evaluate key frames
//! or expressions.
//!
//! They stand in decibels, left and right, in the property `ADBE Audio Levels` of the group `ADBE Audio Group`, as the values script
//! sets them. **Not verified** against After Effects.

use crate::afterfx::tree::Tree;
use crate::afterfx::{load, state};
use flatrender_aep::Project;
use std::collections::HashMap;
use std::path::Path;

/// What After Effects shows as silence, in decibels.
const SILENCE_DB: f64 = -192.0;

/// Left and right as factors, by layer id; layers that are not in it sound as they are.
pub fn of_project(project: &Project, file: &[u8]) -> HashMap<u32, (f32, f32)> {
    let Ok(tree) = Tree::parse(file) else {
        return HashMap::new(); // XML and archives: levels are not read there
    };
    let state = load::state(&tree, project, Path::new(""));
    let comps = state.items.into_iter().filter_map(|item| match item.kind {
        state::Kind::Comp(comp) => Some(comp),
        state::Kind::Footage(_) | state::Kind::Folder {} => None,
    });
    let layers = comps.flat_map(|comp| comp.layers);
    layers
        .filter_map(|layer| Some((layer.id, factors(&layer.properties)?)))
        .collect()
}

fn factors(properties: &state::Property) -> Option<(f32, f32)> {
    let group = named(properties, "ADBE Audio Group")?;
    let levels = named(group, "ADBE Audio Levels")?;
    match levels.value[..] {
        [left, right] if levels.keys == 0 && levels.expression.trim().is_empty() => {
            Some((factor(left), factor(right)))
        }
        _ => None,
    }
}

fn named<'a>(group: &'a state::Property, name: &str) -> Option<&'a state::Property> {
    group.children.iter().find(|child| child.match_name == name)
}

/// Decibels as a factor of the amplitude.
fn factor(decibels: f64) -> f32 {
    if decibels.is_nan() || decibels <= SILENCE_DB {
        0.0
    } else {
        10_f64.powf(decibels.min(48.0) / 20.0) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decibels_are_amplitudes() {
        assert_eq!(factor(0.0), 1.0);
        assert!((factor(-6.0) - 0.501_187).abs() < 1e-5);
        assert_eq!(factor(-192.0), 0.0);
        assert_eq!(factor(f64::NAN), 0.0);
        assert!(factor(f64::INFINITY).is_finite());
    }
}
