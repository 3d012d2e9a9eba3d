//! What is known of effects by their match name: whether a frame needs frames before it, and what a node has to have. It
//! answers how far a film may be split and which nodes can render it; it is advice, and says how sure it is.
//!
//! Match names are from the scripting guide's list of the effects that ship with After Effects (docsforadobe,
//! `matchnames/effects/firstparty`) and, for plug-ins, from public scripts that add them by name. That a simulation's frame
//! depends on the one before it is the plug-in guide's (docsforadobe, "Global, Sequence & Frame Data"); which effects are
//! simulations is After Effects' own menu. No name here is made up, and none is taken apart further than its vendor's prefix.

use serde::Serialize;

/// What of an effect's past a frame needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Past {
    /// Nothing, as far as is known.
    None,
    /// Frames beside the one that is rendered, fetched for each frame: right however a film is split, at their cost.
    Neighbours,
    /// All frames since the layer began, computed again for the first frame of every frame job.
    Simulated,
    /// What was rendered before, kept by the effect itself: only one run from the start is right.
    Feedback,
    /// An analysis that was made by hand and saved in the project.
    Analysed,
}

/// How a film may be split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// As the farm likes.
    Free,
    /// Into few long frame jobs: each one computes the past again.
    Long,
    /// Not at all: one node renders it from its first frame.
    Whole,
}

/// What an effect wants of a graphics card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Gpu {
    /// Nothing that is known.
    No,
    /// It can use one, and may draw a little differently with it.
    Optional,
    /// It does not render without one.
    Needed,
}

/// Who an effect is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Adobe: there wherever After Effects is.
    Adobe,
    /// Another vendor, and installed with After Effects.
    Bundled,
    /// The control group of a preset: no plug-in at all.
    Preset,
    /// A plug-in that has to be installed.
    Plugin,
}

/// How sure a fact is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sure {
    /// Only its kind or its prefix speaks for it.
    Guess,
    /// Its maker describes it so, without the words that would settle it.
    Likely,
    /// Its maker says so.
    Documented,
}

/// What is known of one effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct EffectFacts {
    /// The name people see; `None` for one that is not in the table.
    pub name: Option<&'static str>,
    /// Who it is from.
    pub origin: Origin,
    /// Who makes it, if it is a plug-in of a maker we know.
    pub vendor: Option<&'static str>,
    /// Each node needs a licence for it.
    pub licence: bool,
    /// What of its past a frame needs.
    pub past: Past,
    /// What it wants of a graphics card.
    pub gpu: Gpu,
    /// How sure past and graphics card are.
    pub sure: Sure,
    /// Where that is from.
    pub source: &'static str,
}

impl EffectFacts {
    /// How a film with this effect may be split.
    #[must_use]
    pub fn split(&self) -> Split {
        match self.past {
            Past::None | Past::Neighbours | Past::Analysed => Split::Free,
            Past::Simulated => Split::Long,
            Past::Feedback => Split::Whole,
        }
    }

    /// Whether there is anything a farm has to know.
    #[must_use]
    pub fn matters(&self) -> bool {
        self.origin == Origin::Plugin || self.past != Past::None || self.gpu != Gpu::No
    }
}

const MENU: &str = "After Effects' menu has it among the simulations; the plug-in guide says what a simulation needs";
const TIME: &str =
    "After Effects' menu has it among the time effects; its manual describes what it reads";
const ANALYSIS: &str =
    "Adobe's notes on Warp Stabilizer and 3D Camera Tracker: the analysis is saved in the project";
const SCRIPTS: &str =
    "public scripts add it by this name; it is not among the effects of After Effects";

/// Effects of After Effects with a past: match name, name, past, how sure, source.
const SHIPPED: &[(&str, &str, Past, Sure, &str)] = &[
    (
        "ADBE Playgnd",
        "Particle Playground",
        Past::Simulated,
        Sure::Likely,
        MENU,
    ),
    ("APC Foam", "Foam", Past::Simulated, Sure::Likely, MENU),
    (
        "APC Shatter",
        "Shatter",
        Past::Simulated,
        Sure::Likely,
        MENU,
    ),
    (
        "APC Wave World",
        "Wave World",
        Past::Simulated,
        Sure::Likely,
        MENU,
    ),
    (
        "CC Bubbles",
        "CC Bubbles",
        Past::Simulated,
        Sure::Guess,
        MENU,
    ),
    (
        "CC Drizzle",
        "CC Drizzle",
        Past::Simulated,
        Sure::Guess,
        MENU,
    ),
    (
        "CC Mr. Mercury",
        "CC Mr. Mercury",
        Past::Simulated,
        Sure::Guess,
        MENU,
    ),
    (
        "CC Particle Systems II",
        "CC Particle Systems II",
        Past::Simulated,
        Sure::Guess,
        MENU,
    ),
    (
        "CC Particle World",
        "CC Particle World",
        Past::Simulated,
        Sure::Guess,
        MENU,
    ),
    (
        "CC Pixel Polly",
        "CC Pixel Polly",
        Past::Simulated,
        Sure::Guess,
        MENU,
    ),
    (
        "CSRainfall",
        "CC Rainfall",
        Past::Simulated,
        Sure::Guess,
        MENU,
    ),
    (
        "CSSnowfall",
        "CC Snowfall",
        Past::Simulated,
        Sure::Guess,
        MENU,
    ),
    (
        "ADBE Echo",
        "Echo",
        Past::Neighbours,
        Sure::Documented,
        TIME,
    ),
    (
        "ADBE Difference",
        "Time Difference",
        Past::Neighbours,
        Sure::Documented,
        TIME,
    ),
    (
        "ADBE Time Displacement",
        "Time Displacement",
        Past::Neighbours,
        Sure::Documented,
        TIME,
    ),
    (
        "ADBE Timewarp",
        "Timewarp",
        Past::Neighbours,
        Sure::Documented,
        TIME,
    ),
    (
        "ADBE OFMotionBlur",
        "Pixel Motion Blur",
        Past::Neighbours,
        Sure::Likely,
        TIME,
    ),
    (
        "ADBE Posterize Time",
        "Posterize Time",
        Past::Neighbours,
        Sure::Documented,
        TIME,
    ),
    (
        "CC Wide Time",
        "CC Wide Time",
        Past::Neighbours,
        Sure::Likely,
        TIME,
    ),
    (
        "CC Force Motion Blur",
        "CC Force Motion Blur",
        Past::Neighbours,
        Sure::Likely,
        TIME,
    ),
    (
        "CC Time Blend",
        "CC Time Blend",
        Past::Feedback,
        Sure::Guess,
        "obsolete; known for blending with what it drew before",
    ),
    (
        "CC Time Blend FX",
        "CC Time Blend FX",
        Past::Feedback,
        Sure::Guess,
        "obsolete; known for blending with what it drew before",
    ),
    (
        "ADBE SubspaceStabilizer",
        "Warp Stabilizer VFX",
        Past::Analysed,
        Sure::Documented,
        ANALYSIS,
    ),
    (
        "ADBE 3D Tracker",
        "3D Camera Tracker",
        Past::Analysed,
        Sure::Documented,
        ANALYSIS,
    ),
    (
        "ADBE Samurai",
        "Roto Brush & Refine Edge",
        Past::Analysed,
        Sure::Guess,
        "propagated by hand; not frozen it is computed again",
    ),
];

/// Plug-ins: match name, name, maker, past, graphics card, how sure, source.
const PLUGINS: &[(&str, &str, &str, Past, Gpu, Sure, &str)] = &[
    (
        "tc Particular",
        "Trapcode Particular",
        "Maxon (Red Giant)",
        Past::Simulated,
        Gpu::Optional,
        Sure::Likely,
        "its user guide: particles of an emitter over time; rendering on the CPU or the GPU",
    ),
    (
        "tc Form",
        "Trapcode Form",
        "Maxon (Red Giant)",
        Past::None,
        Gpu::Optional,
        Sure::Guess,
        SCRIPTS,
    ),
    (
        "tc Lux",
        "Trapcode Lux",
        "Maxon (Red Giant)",
        Past::None,
        Gpu::No,
        Sure::Guess,
        SCRIPTS,
    ),
    (
        "tc Shine",
        "Trapcode Shine",
        "Maxon (Red Giant)",
        Past::None,
        Gpu::No,
        Sure::Guess,
        SCRIPTS,
    ),
    (
        "tc Sound Keys",
        "Trapcode Sound Keys",
        "Maxon (Red Giant)",
        Past::None,
        Gpu::No,
        Sure::Guess,
        SCRIPTS,
    ),
    (
        "tc Starglow",
        "Trapcode Starglow",
        "Maxon (Red Giant)",
        Past::None,
        Gpu::No,
        Sure::Guess,
        SCRIPTS,
    ),
    (
        "tc Tao",
        "Trapcode Tao",
        "Maxon (Red Giant)",
        Past::None,
        Gpu::Optional,
        Sure::Guess,
        SCRIPTS,
    ),
    (
        "rg Mir",
        "Trapcode Mir",
        "Maxon (Red Giant)",
        Past::None,
        Gpu::Optional,
        Sure::Guess,
        SCRIPTS,
    ),
    (
        "VIDEOCOPILOT 3DArray",
        "Element 3D",
        "Video Copilot",
        Past::None,
        Gpu::Needed,
        Sure::Likely,
        "public reports of films without it; its maker sells it as a renderer on the graphics card",
    ),
    (
        "VIDEOCOPILOT OpticalFlares",
        "Optical Flares",
        "Video Copilot",
        Past::None,
        Gpu::Optional,
        Sure::Guess,
        SCRIPTS,
    ),
    (
        "VIDEOCOPILOT HeatDistortion",
        "Heat Distortion",
        "Video Copilot",
        Past::None,
        Gpu::No,
        Sure::Guess,
        SCRIPTS,
    ),
    (
        "VIDEOCOPILOT VCReflect",
        "VC Reflect",
        "Video Copilot",
        Past::None,
        Gpu::No,
        Sure::Guess,
        SCRIPTS,
    ),
];

/// Beginnings of the match names of what other makers have in After Effects, and whole names that have none.
const BUNDLED: [&str; 12] = [
    "APC ",
    "CC ",
    "CS ",
    "CSRainfall",
    "CSSnowfall",
    "VISINF ",
    "ISL ",
    "SYNTHAP ",
    "Keylight ",
    "EXtractoR",
    "IDentifier",
    "CINEMA 4D Effect",
];

/// Beginnings of the match names of makers of plug-ins.
const MAKERS: [(&str, &str); 3] = [
    ("tc ", "Maxon (Red Giant)"),
    ("Red Giant ", "Maxon (Red Giant)"),
    ("VIDEOCOPILOT ", "Video Copilot"),
];

/// What is known of an effect. One that is in no table is told by its name alone: `ADBE …` is Adobe's, `Pseudo/…` is a
/// preset's control group, and what is left has to be installed.
#[must_use]
pub fn about(match_name: &str) -> EffectFacts {
    if let Some((_, name, past, sure, source)) = SHIPPED.iter().find(|row| row.0 == match_name) {
        return EffectFacts {
            name: Some(name),
            past: *past,
            sure: *sure,
            source,
            ..by_name(match_name)
        };
    }
    if let Some((_, name, maker, past, gpu, sure, source)) =
        PLUGINS.iter().find(|row| row.0 == match_name)
    {
        return EffectFacts {
            name: Some(name),
            origin: Origin::Plugin,
            vendor: Some(maker),
            licence: true,
            past: *past,
            gpu: *gpu,
            sure: *sure,
            source,
        };
    }
    by_name(match_name)
}

fn by_name(match_name: &str) -> EffectFacts {
    let begins = |start: &&str| match_name.starts_with(*start);
    let maker = MAKERS.iter().find(|(start, _)| begins(start));
    let (origin, source) = if match_name.starts_with("Pseudo/") {
        (
            Origin::Preset,
            "its name: `Pseudo/` is the control group of a preset",
        )
    } else if match_name.starts_with("ADBE ") {
        (Origin::Adobe, "its name: `ADBE` is Adobe")
    } else if BUNDLED.iter().any(begins) {
        (
            Origin::Bundled,
            "its name: that of a maker whose effects come with After Effects",
        )
    } else {
        (
            Origin::Plugin,
            "its name: that of no effect that comes with After Effects",
        )
    };
    EffectFacts {
        name: None,
        origin,
        vendor: maker.map(|(_, maker)| *maker),
        licence: origin == Origin::Plugin,
        past: Past::None,
        gpu: Gpu::No,
        sure: Sure::Guess,
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_simulation_asks_for_long_frame_jobs_and_no_plug_in() {
        let facts = about("APC Foam");
        assert_eq!((facts.origin, facts.licence), (Origin::Bundled, false));
        assert_eq!((facts.split(), facts.sure), (Split::Long, Sure::Likely));
        assert_eq!(about("CC Time Blend").split(), Split::Whole);
        assert_eq!(about("ADBE Echo").split(), Split::Free);
    }

    #[test]
    fn plug_ins_need_a_licence_and_some_a_graphics_card() {
        let facts = about("VIDEOCOPILOT 3DArray");
        assert_eq!((facts.licence, facts.gpu), (true, Gpu::Needed));
        let unknown = about("VIDEOCOPILOT Something New");
        assert_eq!(
            (unknown.name, unknown.vendor),
            (None, Some("Video Copilot"))
        );
        assert_eq!(about("S_Glow").origin, Origin::Plugin);
    }

    #[test]
    fn what_comes_with_after_effects_is_no_matter() {
        for plain in [
            "ADBE Gaussian Blur 2",
            "CC Toner",
            "Pseudo/@@abc",
            "Keylight 906",
            "IDentifier",
        ] {
            assert!(!about(plain).matters(), "{plain}");
        }
    }

    #[test]
    fn no_match_name_is_in_the_tables_twice() {
        let names = SHIPPED
            .iter()
            .map(|row| row.0)
            .chain(PLUGINS.iter().map(|row| row.0));
        let mut known = std::collections::HashSet::new();
        for name in names {
            assert!(known.insert(name), "{name}");
        }
    }
}
