//! The files that are changed: the samples as they are and made small, projects from our writer, and all of them as XML and
//! in archives.

use std::io::Write;
use std::path::Path;

use fastrand::Rng;
use flatrender_aep::Rational;
use flatrender_aep::write::{
    self, CompSpec, FileSpec, KindSpec, LayerSpec, OutputSpec, ProjectSpec, QueueSpec, SequenceSpec,
};

use super::mutate::{Form, Seed};
use super::tree;

/// Larger than this a sample is read far less often, so that the many small ones get their turn.
pub const LARGE: usize = 40_000;

/// One in how many executions takes a large seed.
const LARGE_ONE_IN: u32 = 40;

/// One in how many of the others takes a project from our writer.
const WRITTEN_ONE_IN: u32 = 16;

/// The seeds of a run.
pub struct Corpus {
    /// Samples up to [`LARGE`], whole or made small.
    pub small: Vec<Seed>,
    /// Larger samples.
    pub large: Vec<Seed>,
    /// Projects from our writer.
    pub written: Vec<Seed>,
}

impl Corpus {
    /// A small seed that lends a chunk.
    pub fn donor(&self, rng: &mut Rng) -> &Seed {
        let at = rng.usize(..self.small.len() + self.written.len());
        self.small
            .get(at)
            .unwrap_or_else(|| &self.written[at - self.small.len()])
    }

    /// A seed by chance, and whether it is from a sample.
    pub fn choose(&self, rng: &mut Rng) -> (&Seed, bool) {
        let of = |seeds: &'_ [Seed], rng: &mut Rng| {
            (!seeds.is_empty()).then(|| rng.usize(..seeds.len()))
        };
        if rng.u32(..LARGE_ONE_IN) == 0
            && let Some(at) = of(&self.large, rng)
        {
            return (&self.large[at], true);
        }
        if rng.u32(..WRITTEN_ONE_IN) != 0
            && let Some(at) = of(&self.small, rng)
        {
            return (&self.small[at], true);
        }
        (&self.written[rng.usize(..self.written.len())], false)
    }
}

/// Reads the samples of a folder, if there is one, and adds what is written here.
///
/// # Errors
/// When the folder or a file in it can't be read.
pub fn gather(samples: Option<&Path>) -> std::io::Result<Corpus> {
    let mut seeds = Vec::new();
    if let Some(folder) = samples {
        let mut paths: Vec<_> = std::fs::read_dir(folder)?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<_, _>>()?;
        paths.sort();
        for path in paths {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if !name.ends_with(".json") && !name.ends_with(".md") {
                sample(&name, &std::fs::read(&path)?, &mut seeds);
            }
        }
    }
    let from_samples = seeds.len();
    for (at, spec) in specs().iter().enumerate() {
        wrapped(&format!("written-{at}"), &write::project(spec), &mut seeds);
    }
    let written = seeds.split_off(from_samples);
    let (small, large) = seeds
        .into_iter()
        .partition(|seed| seed.bytes.len() <= LARGE);
    Ok(Corpus {
        small,
        large,
        written,
    })
}

fn sample(name: &str, bytes: &[u8], seeds: &mut Vec<Seed>) {
    let form = match bytes {
        [b'P', b'K', ..] => Form::Zip,
        [b'R', b'I', b'F', b'X', ..] => Form::Rifx,
        _ => Form::Xml,
    };
    seeds.push(Seed {
        name: name.to_owned(),
        bytes: bytes.to_vec(),
        form,
    });
    if let Some(small) = tree::shrunk(bytes) {
        wrapped(&format!("{name} (small)"), &small, seeds);
    }
}

/// A RIFX file, and the same as XML and in archives.
fn wrapped(name: &str, rifx: &[u8], seeds: &mut Vec<Seed>) {
    let graphic = archive(&[("film.aep", rifx), ("(Footage)/a.png", b"x")]);
    let template = archive(&[("definition.json", b"{}"), ("project.aegraphic", &graphic)]);
    let forms = [
        (Form::Rifx, rifx.to_vec()),
        (Form::Rifx, rifx.to_vec()),
        (Form::Xml, xml(rifx)),
        (Form::Zip, template),
    ];
    for (form, bytes) in forms {
        seeds.push(Seed {
            name: format!("{name} {form:?}"),
            bytes,
            form,
        });
    }
}

fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(*name, zip::write::SimpleFileOptions::default())
            .expect("a new archive takes a file");
        zip.write_all(bytes).expect("memory can be written");
    }
    zip.finish().expect("memory can be written").into_inner()
}

/// Chunks as XML has them.
fn xml(rifx: &[u8]) -> Vec<u8> {
    let mut nodes = Vec::new();
    tree::walk(rifx, &mut nodes);
    let mut out = b"<?xml version=\"1.0\"?>\n<AfterEffectsProject>".to_vec();
    elements(&rifx[12..], &mut out);
    out.extend(b"</AfterEffectsProject>");
    out
}

fn elements(mut rest: &[u8], out: &mut Vec<u8>) {
    while let Some((header, body)) = rest.split_first_chunk::<8>() {
        let length = u32::from_be_bytes([header[4], header[5], header[6], header[7]]) as usize;
        let Some(data) = body.get(..length) else {
            return;
        };
        rest = body.get(length + length % 2..).unwrap_or(&[]);
        let id = String::from_utf8_lossy(&header[..4]).trim().to_owned();
        if id == "LIST" && length >= 4 && !data.starts_with(b"btdk") {
            let kind = String::from_utf8_lossy(&data[..4]).trim().to_owned();
            out.extend(format!("<{kind}>").bytes());
            elements(&data[4..], out);
            out.extend(format!("</{kind}>").bytes());
        } else if id == "LIST" {
            out.extend(format!("<btdk bdata=\"{}\"/>", hex::encode(&data[4..])).bytes());
        } else if id == "Utf8" {
            let text = String::from_utf8_lossy(data).replace('&', "&amp;");
            out.extend(format!("<string>{}</string>", text.replace('<', "&lt;")).bytes());
        } else {
            out.extend(format!("<{id} bdata=\"{}\"/>", hex::encode(data)).bytes());
        }
    }
}

/// Projects that have one of everything the writer can write.
fn specs() -> Vec<ProjectSpec> {
    let mut title = LayerSpec::new("Title", KindSpec::Text("Hello (\\world)\rسلام".to_owned()));
    title.expression = "thisComp.name".to_owned();
    title.follows_below = true;
    title.effects = vec![
        "ADBE Gaussian Blur 2".to_owned(),
        "CC Particle World".to_owned(),
    ];
    let mut matte = LayerSpec::new("", KindSpec::Solid([255, 0, 128]));
    matte.enabled = false;
    let mut cut = LayerSpec::new("cut", KindSpec::File(FileSpec::new("C:\\media\\a.mov")));
    cut.matte_above = true;
    let layers = vec![
        title,
        matte,
        cut,
        LayerSpec::new("inner", KindSpec::Precomp("Inner".to_owned())),
        LayerSpec::new("", KindSpec::Null),
        LayerSpec::new("", KindSpec::Adjustment),
        LayerSpec::new("shape", KindSpec::Shape),
    ];
    let mut main = CompSpec::new("Main", 1920, 1080, Rational::ntsc(30), 300);
    main.layers = layers;
    main.footage = vec!["/lost/song.mp3".to_owned()];
    let frames = SequenceSpec {
        first: 7,
        last: 120,
        digits: 4,
        prefix: "shot_".to_owned(),
        suffix: ".exr".to_owned(),
    };
    let plate = FileSpec {
        sequence: Some(frames),
        ..FileSpec::new("/plates/shot")
    };
    main.layers
        .push(LayerSpec::new("plate", KindSpec::File(plate)));
    let mut inner = CompSpec::new("Inner", 640, 360, Rational::whole(25), 50);
    inner.layers = vec![LayerSpec::new("", KindSpec::Precomp("Main".to_owned()))];
    let mut item = QueueSpec::new("Main");
    item.time_span = Some((10, 20));
    let output = OutputSpec {
        format: *b"png!",
        folder: "/out".to_owned(),
        template: "My PNG".to_owned(),
        file_template: "[compName]_[#####].[fileExtension]".to_owned(),
    };
    item.outputs = vec![output.clone(), output];
    let of = |comps: Vec<CompSpec>| ProjectSpec {
        comps,
        render_queue: vec![item.clone(), QueueSpec::new("One")],
        ..ProjectSpec::default()
    };
    let one = CompSpec::new("One", 64, 64, Rational::whole(24), 24);
    vec![of(vec![main, inner]), of(vec![one]), of(Vec::new())]
}
