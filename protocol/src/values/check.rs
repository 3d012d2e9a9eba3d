//! Answers for: the limits of a values document; every violation is named by its field. Must not: know a project.

use std::fmt;

use super::document::{
    Change, CompRef, ControlValue, LayerRef, LevelUnit, Scenes, Set, Step, VERSION, Values,
};

/// Most changes in one document.
pub const MOST_CHANGES: usize = 5_000;
/// Most scenes in one film.
pub const MOST_SCENES: usize = 500;
/// Longest text, in bytes.
pub const LONGEST_TEXT_BYTES: usize = 1 << 20;
/// Longest name of a composition, layer, property or font, in bytes.
pub const LONGEST_NAME_BYTES: usize = 1_024;
/// Most steps from a layer to a property.
pub const MOST_STEPS: usize = 16;
/// Quietest level, in decibels; After Effects is silent there.
pub const QUIETEST_DB: f64 = -192.0;
/// Loudest level, in decibels.
pub const LOUDEST_DB: f64 = 24.0;
/// Loudest level in percent: that of [`LOUDEST_DB`], rounded down.
const LOUDEST_PERCENT: f64 = 1_584.0;
/// Largest text, in pixels; After Effects takes no larger.
const LARGEST_SIZE: f64 = 1_296.0;
/// Numbers beyond this are no value of a property; After Effects keeps 32-bit floats in places.
const LARGEST_NUMBER: f64 = 1e9;
/// Most frames of one film: three hours at 120 a second.
pub const LONGEST_FILM_FRAMES: u64 = 3 * 3600 * 120;
/// Most violations that are listed.
const MOST_LISTED: usize = 50;

/// One field that is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// Where it is: `changes[3].set.font`.
    pub field: String,
    /// What is wrong with it, with the value and what would be right.
    pub why: String,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.why)
    }
}

impl Wrong {
    /// All of them in one line.
    pub(super) fn list(wrong: &[Wrong]) -> String {
        let lines: Vec<String> = wrong.iter().map(Wrong::to_string).collect();
        lines.join("; ")
    }
}

/// Collects violations under the path of what is being looked at.
pub(super) struct Checker {
    found: Vec<Wrong>,
}

impl Checker {
    pub(super) fn new() -> Self {
        Self { found: Vec::new() }
    }

    pub(super) fn done(self) -> Vec<Wrong> {
        self.found
    }

    pub(super) fn add(&mut self, field: impl Into<String>, why: impl Into<String>) {
        if self.found.len() < MOST_LISTED {
            self.found.push(Wrong {
                field: field.into(),
                why: why.into(),
            });
        }
    }

    pub(super) fn count(&mut self, field: &str, count: usize, least: usize, most: usize) {
        if !(least..=most).contains(&count) {
            self.add(
                field,
                format!("has {count} entries, {least} to {most} are taken"),
            );
        }
    }

    pub(super) fn name(&mut self, field: &str, name: &str) {
        if name.is_empty() || name.len() > LONGEST_NAME_BYTES {
            let bytes = name.len();
            self.add(
                field,
                format!("has {bytes} bytes, 1 to {LONGEST_NAME_BYTES} are taken"),
            );
        }
        if name.contains('\0') {
            self.add(
                field,
                "has a NUL character, which no name in After Effects has",
            );
        }
    }

    fn text(&mut self, field: &str, text: &str) {
        let bytes = text.len();
        if bytes > LONGEST_TEXT_BYTES {
            self.add(
                field,
                format!("has {bytes} bytes, at most {LONGEST_TEXT_BYTES} are taken"),
            );
        }
        // U+0003 is After Effects' own soft line break
        let refused = |letter: &char| {
            letter.is_control() && !matches!(letter, '\n' | '\r' | '\t' | '\u{3}' | '\u{80}'..)
        };
        if let Some((at, letter)) = text.chars().enumerate().find(|(_, letter)| refused(letter)) {
            let code = u32::from(letter);
            self.add(field, format!("has the control character U+{code:04X} at character {at}; only tabs and line breaks are taken"));
        }
    }

    fn number(&mut self, field: &str, value: f64, least: f64, most: f64) {
        if !(least..=most).contains(&value) {
            self.add(field, format!("is {value}, {least} to {most} are taken"));
        }
    }

    fn numbers(&mut self, field: &str, values: &[f64], least: f64, most: f64) {
        for (at, value) in values.iter().enumerate() {
            self.number(&format!("{field}[{at}]"), *value, least, most);
        }
    }

    pub(super) fn comp(&mut self, field: &str, comp: &CompRef) {
        self.name(&format!("{field}.name"), &comp.name);
    }

    fn layer(&mut self, field: &str, layer: &LayerRef) {
        self.name(&format!("{field}.name"), &layer.name);
        if layer.index == 0 {
            self.add(format!("{field}.index"), "is 0, layers count from 1");
        }
    }

    fn property(&mut self, field: &str, steps: &[Step]) {
        self.count(field, steps.len(), 1, MOST_STEPS);
        for (at, step) in steps.iter().enumerate() {
            let field = format!("{field}[{at}]");
            match step {
                Step::Name(name) => self.name(&field, name),
                Step::Index(0) => self.add(field, "is 0, properties count from 1"),
                Step::Index(_) => {}
            }
        }
    }

    fn point(&mut self, field: &str, value: &[f64]) {
        self.count(field, value.len(), 2, 3);
        self.numbers(field, value, -LARGEST_NUMBER, LARGEST_NUMBER);
    }

    fn set(&mut self, field: &str, set: &Set) {
        let at = |name: &str| format!("{field}.{name}");
        match set {
            Set::Text {
                text,
                font,
                size,
                direction,
                color,
            } => {
                let none = text.is_none() && font.is_none() && size.is_none();
                if none && direction.is_none() && color.is_none() {
                    self.add(
                        field,
                        "sets nothing: give text, font, size, direction or color",
                    );
                }
                if let Some(text) = text {
                    self.text(&at("text"), text);
                }
                if let Some(font) = font {
                    self.name(&at("font"), font);
                }
                if let Some(size) = size {
                    self.number(&at("size"), *size, 0.1, LARGEST_SIZE);
                }
                if let Some(color) = color {
                    self.numbers(&at("color"), color, 0.0, 1.0);
                }
            }
            // a file name checks itself when it is made
            Set::Image { .. } | Set::Video { .. } | Set::Audio { .. } | Set::Visible { .. } => {}
            Set::Color { property, rgba } => {
                self.property(&at("property"), property);
                self.numbers(&at("rgba"), rgba, 0.0, 1.0);
            }
            Set::Number { property, value } => {
                self.property(&at("property"), property);
                self.number(&at("value"), *value, -LARGEST_NUMBER, LARGEST_NUMBER);
            }
            Set::Point { property, value } => {
                self.property(&at("property"), property);
                self.point(&at("value"), value);
            }
            Set::Control { name, value } => {
                self.count(&at("name"), name.len(), 1, MOST_STEPS);
                for (step, name) in name.iter().enumerate() {
                    self.name(&format!("{field}.name[{step}]"), name);
                }
                self.control(&at("value"), value);
            }
            Set::AudioLevel { left, right, unit } => {
                let (least, most) = match unit {
                    LevelUnit::Db => (QUIETEST_DB, LOUDEST_DB),
                    LevelUnit::Percent => (0.0, LOUDEST_PERCENT),
                };
                self.number(&at("left"), *left, least, most);
                self.number(&at("right"), *right, least, most);
            }
        }
    }

    fn control(&mut self, field: &str, value: &ControlValue) {
        match value {
            ControlValue::Number(number) => {
                self.number(field, *number, -LARGEST_NUMBER, LARGEST_NUMBER);
            }
            ControlValue::Text(text) => self.text(field, text),
            ControlValue::Color(rgba) => self.numbers(field, rgba, 0.0, 1.0),
            ControlValue::Point(point) => self.point(field, point),
            ControlValue::Switch(_) | ControlValue::Media(_) => {}
        }
    }

    fn scenes(&mut self, scenes: &Scenes) {
        self.comp("scenes.comp", &scenes.comp);
        self.count("scenes.order", scenes.order.len(), 1, MOST_SCENES);
        self.count("scenes.left_out", scenes.left_out.len(), 0, MOST_SCENES);
        self.count("scenes.throughout", scenes.throughout.len(), 0, MOST_SCENES);
        let mut frames: u64 = 0;
        for (at, scene) in scenes.order.iter().enumerate() {
            let field = format!("scenes.order[{at}]");
            self.layer(&format!("{field}.layer"), &scene.layer);
            if scene.frames == 0 {
                self.add(
                    format!("{field}.frames"),
                    "is 0, a scene has at least one frame",
                );
            }
            if scene.overlap >= scene.frames.max(1) {
                let why = format!(
                    "is {}, must be less than the scene's {} frames",
                    scene.overlap, scene.frames
                );
                self.add(format!("{field}.overlap"), why);
            }
            frames += u64::from(scene.frames);
        }
        if scenes.order.last().is_some_and(|last| last.overlap > 0) {
            let last = scenes.order.len() - 1;
            self.add(
                format!("scenes.order[{last}].overlap"),
                "the last scene has none to overlap with",
            );
        }
        if frames > LONGEST_FILM_FRAMES {
            self.add(
                "scenes.order",
                format!("has {frames} frames in all, at most {LONGEST_FILM_FRAMES} are taken"),
            );
        }
        for (list, layers) in [
            ("left_out", &scenes.left_out),
            ("throughout", &scenes.throughout),
        ] {
            for (at, layer) in layers.iter().enumerate() {
                let field = format!("scenes.{list}[{at}]");
                self.layer(&field, layer);
                if scenes.order.iter().any(|scene| scene.layer.id == layer.id) {
                    self.add(
                        field,
                        format!("layer {} is a scene of the film as well", layer.id),
                    );
                }
            }
        }
    }
}

impl Values {
    /// Every field that is beyond a limit; empty for a document that is taken. At most 50 are listed.
    #[must_use]
    pub fn wrong(&self) -> Vec<Wrong> {
        let mut checker = Checker::new();
        if self.version != VERSION {
            checker.add(
                "version",
                format!("is {}, this farm reads {VERSION}", self.version),
            );
        }
        checker.count("changes", self.changes.len(), 0, MOST_CHANGES);
        for (at, change) in self.changes.iter().enumerate() {
            let Change { comp, layer, set } = change;
            let field = format!("changes[{at}]");
            checker.comp(&format!("{field}.comp"), comp);
            checker.layer(&format!("{field}.layer"), layer);
            checker.set(&format!("{field}.set"), set);
        }
        if let Some(scenes) = &self.scenes {
            checker.scenes(scenes);
        }
        checker.done()
    }
}
