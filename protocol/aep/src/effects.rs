//! What is known of effects by their match name: whether a frame needs frames before it, and what a node has to have. It
//! answers how far a film may be split and which nodes can render it; it is advice, and says how sure it is.
//!
//! Match names are from the scripting guide's list of the effects that ship with After Effects (docsforadobe,
//! `matchnames/effects/firstparty`) and, for plug-ins, from public scripts that add them by name. That a simulation's frame
//! depends on the one before it is the plug-in guide's (docsforadobe, "Global, Sequence & Frame Data"); which effects are
//! simulations is After Effects' own menu. No name here is made up, and none is taken apart further than its vendor's prefix.

use serde::Serialize;

mod tables;

use tables::{BUNDLED, MAKERS, PLUGINS, SHIPPED};

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
