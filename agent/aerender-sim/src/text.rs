//! Answers for: lines of text in the pictures, shaped and laid out as a person reads them: joined letters, both directions,
//! marks where they belong. One font of the stand-in's own, so that a picture is the same on every machine. Must not: know what is
//! written, or whether it is right.

use cosmic_text::{Attrs, Buffer, Color, Family, FontSystem, Metrics, Shaping, SwashCache, fontdb};

use crate::canvas::{Canvas, Colour};

/// Vazirmatn (SIL Open Font License 1.1, `assets/Vazirmatn-OFL.txt`): Arabic script with Persian letters, and Latin.
const FONT: &[u8] = include_bytes!("../assets/Vazirmatn-Regular.ttf");
const FAMILY: &str = "Vazirmatn";
/// Height of a line over the size of its letters.
const LINE: f32 = 1.5;

/// Writes lines.
#[derive(Debug)]
pub struct Writer {
    fonts: FontSystem,
    glyphs: SwashCache,
}

impl Default for Writer {
    fn default() -> Self {
        let mut fonts = fontdb::Database::new();
        fonts.load_font_data(FONT.to_vec());
        Self {
            fonts: FontSystem::new_with_locale_and_db("en".to_owned(), fonts),
            glyphs: SwashCache::new(),
        }
    }
}

impl Writer {
    /// Writes one line with letters of `size` pixels; its box begins at `(left, top)` whatever its direction. Pixels outside
    /// the picture are left out.
    pub fn line(
        &mut self,
        canvas: &mut Canvas,
        (left, top): (i32, i32),
        size: f32,
        text: &str,
        colour: Colour,
    ) {
        let mut buffer = Buffer::new(&mut self.fonts, Metrics::new(size, size * LINE));
        buffer.set_size(None, None);
        let attributes = Attrs::new().family(Family::Name(FAMILY));
        buffer.set_text(text, &attributes, Shaping::Advanced, None);
        let [red, green, blue] = colour;
        let ink = Color::rgb(red, green, blue);
        buffer.draw(&mut self.fonts, &mut self.glyphs, ink, |x, y, w, h, ink| {
            let share = u32::from(ink.a()) * 256 / 255;
            let size = (w as i32, h as i32);
            canvas.rectangle((left + x, top + y), size, colour, share);
        });
    }
}
