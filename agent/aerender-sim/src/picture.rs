//! Answers for: what a frame of the stand-in shows: composition, values, frame number, something that moves, and the code.
//! Must not: write files, or know which frames are wanted.

use crate::canvas::{Canvas, Colour, mix, text_width};
use crate::code::{self, Code};
use crate::text::Writer;
use std::f32::consts::TAU;

/// Frames of one turn of the moving disc.
const TURN_FRAMES: f32 = 96.0;
/// Lines of values that are shown at most.
const VALUE_LINES: usize = 8;
/// Letters of a line that are shown at most.
const LINE_LETTERS: usize = 60;

const WHITE: Colour = [255, 255, 255];
const PALE: Colour = [205, 214, 228];

/// What all frames of a render share.
#[derive(Debug, Clone)]
pub struct Scene {
    /// The composition's name.
    pub name: String,
    /// A line about size and rate.
    pub about: String,
    /// Lines about what is set in the composition.
    pub values: Vec<String>,
    /// The composition's background colour.
    pub background: Colour,
    /// Pixels across and down.
    pub size: (usize, usize),
    /// The first display frame of the composition.
    pub first_frame: i64,
    /// Frames of the composition.
    pub frames: u32,
    /// The tag of the job, for the code.
    pub job: u32,
    /// The digest of the values, for the code.
    pub values_digest: u32,
    /// What this machine can't do.
    pub lacks: Lacks,
}

/// What is missing on a machine and changes its pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lacks {
    /// The plug-in that draws the disc's tail.
    pub effect: bool,
    /// The font of all texts.
    pub font: bool,
    /// The expression that moves the disc.
    pub expression: bool,
}

/// Paints the frames of one scene; what doesn't change is painted once.
#[derive(Debug)]
pub struct Painter {
    scene: Scene,
    still: Canvas,
    accent: Colour,
}

impl Painter {
    /// Prepares the still part.
    #[must_use]
    pub fn new(scene: Scene) -> Self {
        let (width, height) = scene.size;
        let accent = accent_of(&scene.name);
        let dot = (width.min(height) / 170).clamp(1, 12) as i32;
        let mut still = Canvas::new(width, height);
        paint_still(&mut still, &scene, accent, dot);
        Self {
            scene,
            still,
            accent,
        }
    }

    /// The size of its pictures.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        self.scene.size
    }

    /// The frame with this display number. A frame outside the composition is blank: transparent, without a code.
    #[must_use]
    pub fn frame(&self, frame: i64) -> Canvas {
        let ordinal = frame - self.scene.first_frame;
        if ordinal < 0 || ordinal >= i64::from(self.scene.frames) {
            return Canvas::new(self.still.width(), self.still.height());
        }
        let mut canvas = self.still.clone();
        self.paint_motion(&mut canvas, ordinal as f32);
        self.paint_number(&mut canvas, frame, ordinal);
        let (width, height) = self.scene.size;
        let code = Code {
            job: self.scene.job,
            frame: frame as i32,
            values: self.scene.values_digest,
        };
        code::paint(canvas.pixels_mut(), width, height, &code);
        canvas
    }

    /// A frame as After Effects leaves it when a GPU fails: black, opaque, nothing on it.
    #[must_use]
    pub fn black(&self) -> Canvas {
        let mut canvas = Canvas::new(self.still.width(), self.still.height());
        canvas.gradient([0, 0, 0], [0, 0, 0]);
        canvas
    }

    /// The frame at half of its width and height, one pixel each at least.
    #[must_use]
    pub fn half(&self, frame: i64) -> Canvas {
        let whole = self.frame(frame);
        let mut small = Canvas::new((whole.width() / 2).max(1), (whole.height() / 2).max(1));
        let width = small.width();
        for (index, pixel) in small.pixels_mut().chunks_exact_mut(4).enumerate() {
            let at = ((index / width * 2) * whole.width() + index % width * 2) * 4;
            pixel.copy_from_slice(&whole.pixels()[at..at + 4]);
        }
        small
    }

    /// A disc on its orbit, with a tail.
    fn paint_motion(&self, canvas: &mut Canvas, ordinal: f32) {
        let (centre, orbit) = orbit(self.scene.size);
        let radius = orbit * 0.2;
        let ordinal = if self.scene.lacks.expression {
            0.0
        } else {
            ordinal
        };
        let steps = if self.scene.lacks.effect { 1 } else { 8 };
        for step in (0..steps).rev() {
            let step = step as f32;
            let angle = (ordinal - step * 2.0) / TURN_FRAMES * TAU - TAU / 4.0;
            let place = (
                centre.0 + orbit * angle.cos(),
                centre.1 + orbit * angle.sin(),
            );
            let fade = 256.0 - step * 30.0;
            let size = radius * (1.0 - step * 0.09);
            if step < 0.5 {
                canvas.disc(place, size * 1.12, [255, 255, 255], 256);
                canvas.disc(place, size, self.accent, 256);
            } else {
                canvas.disc(place, size, self.accent, fade as u32 / 3);
            }
        }
    }

    /// The frame number in the middle of the orbit, and how far the composition is at the lower edge.
    fn paint_number(&self, canvas: &mut Canvas, frame: i64, ordinal: i64) {
        let (centre, orbit) = orbit(self.scene.size);
        let text = frame.to_string();
        let room = (orbit * 1.3) as usize;
        let dot = (room / text_width(&text).max(17)).max(1) as i32;
        let left = centre.0 as i32 - text_width(&text) as i32 * dot / 2;
        canvas.text((left, centre.1 as i32 - dot * 7 / 2), dot, &text, WHITE);

        let (width, height) = (self.scene.size.0 as i32, self.scene.size.1 as i32);
        let bar = (height / 60).max(2);
        let whole = i64::from(self.scene.frames).max(1);
        let done = (i64::from(width) * (ordinal + 1) / whole) as i32;
        canvas.rectangle((0, height - bar), (done, bar), self.accent, 256);
    }
}

fn paint_still(canvas: &mut Canvas, scene: &Scene, accent: Colour, dot: i32) {
    let dark = scene.background.map(|value| mix(value, 24, 150));
    let tinted = [0, 1, 2].map(|channel| mix(dark[channel], accent[channel], 110));
    canvas.gradient(dark, tinted);

    let (width, height) = (scene.size.0 as i32, scene.size.1 as i32);
    let raster = (width.min(height) / 9).max(8);
    for line in 1..(width.max(height) / raster + 1) {
        canvas.rectangle((line * raster, 0), (1, height), WHITE, 14);
        canvas.rectangle((0, line * raster), (width, 1), WHITE, 14);
    }
    let (centre, orbit) = orbit(scene.size);
    canvas.ring(centre, orbit, (dot as f32).max(1.5), WHITE, 70);

    let bar = (height / 60).max(2);
    canvas.rectangle((0, height - bar), (width, bar), [0, 0, 0], 120);

    let margin = dot * 6;
    let line = dot * 15;
    let mut writer = Writer::default();
    let mut write = |top, size: i32, text: &str, colour| {
        let text = shortened(text);
        if scene.lacks.font {
            canvas.text((margin, top), (size / 9).max(1), &text, colour);
            return;
        }
        writer.line(canvas, (margin, top), size as f32, &text, colour);
    };
    let mut top = height - bar - margin - dot * 12;
    write(top, dot * 10, &scene.about, PALE);
    top -= line + dot * 12;
    write(top, dot * 18, &scene.name, WHITE);
    let room = if height < 160 { 0 } else { VALUE_LINES };
    let shown = scene.values.len().min(room);
    top -= line * shown as i32 + dot * 2;
    for value in &scene.values[..shown] {
        write(top, dot * 10, value, PALE);
        top += line;
    }
}

/// Centre and radius of the disc's path: right of the middle where the picture is wide.
fn orbit((width, height): (usize, usize)) -> ((f32, f32), f32) {
    let (width, height) = (width as f32, height as f32);
    let radius = width.min(height) * 0.28;
    let x = if width > height * 1.2 { 0.66 } else { 0.5 };
    ((width * x, height * 0.47), radius)
}

fn shortened(line: &str) -> String {
    let clean = line
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter });
    clean.take(LINE_LETTERS).collect()
}

/// A colour that belongs to a name: compositions are told apart on a contact sheet.
fn accent_of(name: &str) -> Colour {
    const COLOURS: [Colour; 6] = [
        [255, 122, 69],
        [64, 190, 255],
        [255, 201, 60],
        [120, 220, 130],
        [232, 110, 200],
        [150, 140, 255],
    ];
    COLOURS[code::job_tag(name) as usize % COLOURS.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scene(size: (usize, usize)) -> Scene {
        Scene {
            name: "Main".into(),
            about: "1280 × 720".into(),
            values: vec!["TITLE: HELLO".into(); 3],
            background: [20, 30, 60],
            size,
            first_frame: 10,
            frames: 5,
            job: 77,
            values_digest: 5,
            lacks: Lacks::default(),
        }
    }

    fn green(canvas: &Canvas) -> Vec<u8> {
        canvas
            .pixels()
            .chunks_exact(4)
            .map(|pixel| pixel[1])
            .collect()
    }

    #[test]
    fn each_frame_carries_its_own_code_and_looks_different() {
        let painter = Painter::new(scene((320, 180)));
        let frames: Vec<Canvas> = (10..15).map(|frame| painter.frame(frame)).collect();
        for (index, frame) in frames.iter().enumerate() {
            let expected = Code {
                job: 77,
                frame: 10 + index as i32,
                values: 5,
            };
            assert_eq!(code::read(&green(frame), 320, 180), Some(expected));
            assert!(frame.pixels().chunks_exact(4).all(|pixel| pixel[3] == 255));
        }
        // Not by the code alone: below it the pictures differ too.
        let below = code::area(320, 180).1 * 320 * 4;
        assert_ne!(frames[0].pixels()[below..], frames[1].pixels()[below..]);
    }

    #[test]
    fn what_a_machine_lacks_is_seen() {
        let lacking = |lacks| {
            Painter::new(Scene {
                lacks,
                ..scene((320, 180))
            })
            .frame(12)
        };
        let whole = lacking(Lacks::default());
        let each = [
            Lacks {
                effect: true,
                ..Lacks::default()
            },
            Lacks {
                font: true,
                ..Lacks::default()
            },
            Lacks {
                expression: true,
                ..Lacks::default()
            },
        ];
        for lacks in each {
            let frame = lacking(lacks);
            assert_ne!(frame.pixels(), whole.pixels(), "{lacks:?}");
            let code = code::read(&green(&frame), 320, 180);
            assert_eq!(code, code::read(&green(&whole), 320, 180), "{lacks:?}");
        }
    }

    #[test]
    fn frames_outside_the_composition_are_blank() {
        let painter = Painter::new(scene((320, 180)));
        for frame in [9, 15, -1, i64::MAX] {
            assert!(painter.frame(frame).pixels().iter().all(|&byte| byte == 0));
        }
    }

    #[test]
    fn any_size_can_be_painted() {
        for size in [(1, 1), (4, 4), (3, 700), (700, 3), (351, 856)] {
            let painter = Painter::new(scene(size));
            assert_eq!(painter.frame(12).pixels().len(), size.0 * size.1 * 4);
            assert_eq!(painter.black().pixels().len(), size.0 * size.1 * 4);
            let half = painter.half(12);
            assert_eq!(
                (half.width(), half.height()),
                ((size.0 / 2).max(1), (size.1 / 2).max(1))
            );
        }
    }
}
