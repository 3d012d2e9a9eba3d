//! Answers for: the assets of a nexrender job as changes of a values document (`reference/nexrender.md`, *Assets*). Names become
//! targets by the template's manifest, so that an asset that fits nothing is an error before anything renders. Must not: fetch
//! files, or run anything: scripts and expressions are code of whoever wrote the job.

use serde::Deserialize;
use serde_json::Value;

use super::document::{Change, CompRef, LayerRef, Set, Step};
use super::manifest::{Manifest, ManifestComp};
use super::{FileName, VERSION, Values, Wrong};

/// Most assets in one job.
const MOST_ASSETS: usize = 5_000;

/// One asset of a nexrender job.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Asset {
    /// A picture in place of a layer's source.
    Image(Media),
    /// A video in place of a layer's source.
    Video(Media),
    /// A sound in place of a layer's source.
    Audio(Media),
    /// A value of a property.
    Data(Data),
    /// Code.
    Script(Script),
    /// A file that lies beside the project.
    Static(Static),
}

/// The layer that an asset means, in one composition or all.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct At {
    /// By name, or…
    pub layer_name: Option<String>,
    /// …by its place in the stack, from 1.
    pub layer_index: Option<u32>,
    /// Name, path (`Outer->Inner`) or `*`, which is all and what counts if it is absent.
    pub composition: Option<String>,
}

/// A file in place of a layer's source.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Media {
    /// Where the file is fetched from.
    pub src: String,
    /// Its name in the package; by default the last part of `src`.
    pub name: Option<String>,
    /// Its extension, if the name has none.
    pub extension: Option<String>,
    /// The file is the first of a numbered sequence.
    #[serde(default)]
    pub sequence: bool,
    /// Where it goes.
    #[serde(flatten)]
    pub at: At,
}

/// A value of a property.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Data {
    /// `Source Text`, `Effects.Name.Color`, or with `->` between the steps.
    pub property: String,
    /// What it gets.
    pub value: Option<Value>,
    /// Code that computes it.
    pub expression: Option<String>,
    /// Where it goes.
    #[serde(flatten)]
    pub at: At,
}

/// Code.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Script {
    /// Where the script is fetched from.
    pub src: String,
}

/// A file that lies beside the project.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Static {
    /// Where it is fetched from.
    pub src: String,
    /// Its name in the package.
    pub name: Option<String>,
}

/// What a tenant may send beside data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct May {
    /// `script` assets.
    pub scripts: bool,
    /// `data` assets with an `expression`.
    pub expressions: bool,
}

/// A job's assets, mapped.
#[derive(Debug, Clone, PartialEq)]
pub struct Mapped {
    /// What the values script sets.
    pub values: Values,
    /// What has to be fetched into the package's footage folder.
    pub files: Vec<Fetch>,
    /// Code that the tenant may send. The values script never runs any of it.
    pub code: Vec<Code>,
}

/// A file to fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetch {
    /// Where from, as the job says.
    pub src: String,
    /// Its name in the package.
    pub file: FileName,
}

/// Code of a job whose tenant may send it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Code {
    /// A script to fetch and run.
    Script {
        /// Where from.
        src: String,
    },
    /// An expression for a property.
    Expression {
        /// The composition.
        comp: CompRef,
        /// The layer.
        layer: LayerRef,
        /// The property.
        property: Vec<Step>,
        /// The code.
        source: String,
    },
}

/// Maps a job's assets.
///
/// # Errors
///
/// Names every asset that can't be mapped, with the reason and what would do.
pub fn map(assets: &[Asset], manifest: &Manifest, may: May) -> Result<Mapped, Vec<Wrong>> {
    let mut mapper = Mapper {
        manifest,
        may,
        changes: Vec::new(),
        files: Vec::new(),
        code: Vec::new(),
    };
    let mut wrong = Vec::new();
    if assets.len() > MOST_ASSETS {
        wrong.push(Wrong {
            field: "assets".to_owned(),
            why: format!(
                "has {} entries, at most {MOST_ASSETS} are taken",
                assets.len()
            ),
        });
        return Err(wrong);
    }
    for (at, asset) in assets.iter().enumerate() {
        if let Err((field, why)) = mapper.asset(asset) {
            wrong.push(Wrong {
                field: format!("assets[{at}]{field}"),
                why,
            });
        }
    }
    let values = Values {
        version: VERSION,
        changes: mapper.changes,
        scenes: None,
    };
    wrong.extend(values.wrong());
    if !wrong.is_empty() {
        return Err(wrong);
    }
    Ok(Mapped {
        values,
        files: mapper.files,
        code: mapper.code,
    })
}

/// A field of the asset, and what is wrong with it.
type Refused = (&'static str, String);

struct Mapper<'a> {
    manifest: &'a Manifest,
    may: May,
    changes: Vec<Change>,
    files: Vec<Fetch>,
    code: Vec<Code>,
}

impl Mapper<'_> {
    fn asset(&mut self, asset: &Asset) -> Result<(), Refused> {
        match asset {
            Asset::Image(media) => self.media(media, |file| Set::Image { file }),
            Asset::Video(media) => self.media(media, |file| Set::Video { file }),
            Asset::Audio(media) => self.media(media, |file| Set::Audio { file }),
            Asset::Data(data) => self.data(data),
            Asset::Script(script) => self.script(script),
            Asset::Static(file) => {
                let name = file_name(&file.src, file.name.as_deref(), None)?;
                self.fetch(&file.src, name)
            }
        }
    }

    fn media(&mut self, media: &Media, set: impl Fn(FileName) -> Set) -> Result<(), Refused> {
        if media.sequence {
            let why = "numbered sequences are not supported; send one file, or a video".to_owned();
            return Err((".sequence", why));
        }
        let targets = self.targets(&media.at)?;
        let file = file_name(
            &media.src,
            media.name.as_deref(),
            media.extension.as_deref(),
        )?;
        self.fetch(&media.src, file.clone())?;
        for (comp, layer) in targets {
            self.changes.push(Change {
                comp,
                layer,
                set: set(file.clone()),
            });
        }
        Ok(())
    }

    /// Notes a file; one name means one source.
    fn fetch(&mut self, src: &str, file: FileName) -> Result<(), Refused> {
        let same = |other: &&Fetch| other.file.as_str().eq_ignore_ascii_case(file.as_str());
        match self.files.iter().find(same) {
            Some(other) if other.src == src && other.file == file => Ok(()),
            Some(other) => {
                let why = format!(
                    "would be saved as {file}, and so would {}; give one of them a name",
                    other.src
                );
                Err((".src", why))
            }
            None => {
                let src = src.to_owned();
                self.files.push(Fetch { src, file });
                Ok(())
            }
        }
    }

    fn script(&mut self, script: &Script) -> Result<(), Refused> {
        if !self.may.scripts {
            let why = format!(
                "script assets are refused: {} would run as code on the farm's machines; send data assets, or ask for the permission to send scripts",
                script.src
            );
            return Err((".type", why));
        }
        self.code.push(Code::Script {
            src: script.src.clone(),
        });
        Ok(())
    }

    fn data(&mut self, data: &Data) -> Result<(), Refused> {
        let targets = self.targets(&data.at)?;
        match (&data.value, &data.expression) {
            (Some(value), None) => {
                let set = set(&data.property, value)?;
                for (comp, layer) in targets {
                    self.changes.push(Change {
                        comp,
                        layer,
                        set: set.clone(),
                    });
                }
                Ok(())
            }
            (None, Some(source)) if self.may.expressions => {
                let property = steps(&data.property);
                for (comp, layer) in targets {
                    self.code.push(Code::Expression {
                        comp,
                        layer,
                        property: property.clone(),
                        source: source.clone(),
                    });
                }
                Ok(())
            }
            (None, Some(_)) => {
                let why = "expressions are refused: they would run as code in After Effects; send a value, or ask for the permission to send expressions";
                Err((".expression", why.to_owned()))
            }
            (Some(_), Some(_)) => {
                let why = "value and expression are both given; send one of them".to_owned();
                Err((".value", why))
            }
            (None, None) => Err((
                ".value",
                "is absent, and a data asset is nothing without it".to_owned(),
            )),
        }
    }

    /// Every layer that is meant, at least one.
    fn targets(&self, at: &At) -> Result<Vec<(CompRef, LayerRef)>, Refused> {
        let path = at.composition.as_deref().unwrap_or("*");
        let comps = self.manifest.named(path);
        if comps.is_empty() {
            let why = format!(
                "{path:?} is no composition of the template; it has {}",
                some_names(&self.manifest.comps)
            );
            return Err((".composition", why));
        }
        let fits = |layer: &LayerRef| match (&at.layer_name, at.layer_index) {
            (Some(name), None) => layer.name == *name,
            (None, Some(index)) => layer.index == index,
            (Some(name), Some(index)) => layer.name == *name && layer.index == index,
            (None, None) => false,
        };
        let found: Vec<(CompRef, LayerRef)> = comps
            .iter()
            .flat_map(|comp| {
                comp.targets()
                    .filter(fits)
                    .map(|layer| (comp.target(), layer))
            })
            .collect();
        match (&at.layer_name, at.layer_index) {
            (None, None) => Err((
                ".layerName",
                "is absent; give layerName or layerIndex".to_owned(),
            )),
            (Some(name), _) if found.is_empty() => Err((
                ".layerName",
                format!("no layer of composition {path:?} is named {name:?}"),
            )),
            (None, Some(index)) if found.is_empty() => Err((
                ".layerIndex",
                format!("no composition {path:?} has a layer {index}"),
            )),
            (Some(_), _) | (None, Some(_)) => Ok(found),
        }
    }
}

fn some_names(comps: &[ManifestComp]) -> String {
    let names: Vec<String> = comps
        .iter()
        .take(10)
        .map(|comp| format!("{:?}", comp.name))
        .collect();
    match comps.len() {
        0 => "none".to_owned(),
        count if count > 10 => format!("{} and {} more", names.join(", "), count - 10),
        _ => names.join(", "),
    }
}

/// The steps of a property: with `->` between them as they are, else with dots.
fn steps(property: &str) -> Vec<Step> {
    let separator = if property.contains("->") { "->" } else { "." };
    property
        .split(separator)
        .map(|part| Step::Name(part.trim().to_owned()))
        .collect()
}

/// What a data asset sets.
fn set(property: &str, value: &Value) -> Result<Set, Refused> {
    let text = |text, font, size| Set::Text {
        text,
        font,
        size,
        direction: None,
        color: None,
    };
    match (property, value) {
        ("Source Text" | "Source Text.text" | "Source Text->text", value) => {
            Ok(text(Some(as_text(value)?), None, None))
        }
        ("Source Text.font" | "Source Text->font", Value::String(font)) => {
            Ok(text(None, Some(font.clone()), None))
        }
        ("Source Text.fontSize" | "Source Text->fontSize", Value::Number(size)) => {
            Ok(text(None, None, size.as_f64()))
        }
        ("enabled", Value::Bool(on)) => Ok(Set::Visible { on: *on }),
        (property, value) if property.starts_with("Source Text") => {
            let why = format!(
                "{property:?} with {value} can't be set; of a text there are Source Text, Source Text.font and Source Text.fontSize"
            );
            Err((".property", why))
        }
        (property, value) => plain(steps(property), value),
    }
}

/// The text of a value; numbers as JSON writes them.
fn as_text(value: &Value) -> Result<String, Refused> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(_) | Value::Null | Value::Array(_) | Value::Object(_) => {
            Err((".value", format!("is {value}, a text is needed")))
        }
    }
}

fn plain(property: Vec<Step>, value: &Value) -> Result<Set, Refused> {
    let refused = || {
        let why = format!(
            "is {value}; a property takes a number, true or false, or a list of 2 or 3 numbers (a point) or 4 (a colour, 0 to 1)"
        );
        (".value", why)
    };
    match value {
        Value::Number(number) => number
            .as_f64()
            .map(|value| Set::Number { property, value })
            .ok_or_else(refused),
        Value::Bool(on) => Ok(Set::Number {
            property,
            value: f64::from(u8::from(*on)),
        }),
        Value::Array(list) => {
            let numbers: Option<Vec<f64>> = list.iter().map(Value::as_f64).collect();
            match numbers.as_deref() {
                Some([_, _] | [_, _, _]) => Ok(Set::Point {
                    property,
                    value: numbers.unwrap_or_default(),
                }),
                Some([red, green, blue, alpha]) => Ok(Set::Color {
                    property,
                    rgba: [*red, *green, *blue, *alpha],
                }),
                Some(_) | None => Err(refused()),
            }
        }
        Value::Null | Value::String(_) | Value::Object(_) => Err(refused()),
    }
}

/// The name that a file gets: the given one, else the last part of its address.
fn file_name(src: &str, name: Option<&str>, extension: Option<&str>) -> Result<FileName, Refused> {
    let last = src.split(['?', '#']).next().unwrap_or(src);
    let last = last.rsplit(['/', '\\']).next().unwrap_or(last);
    let mut wanted = name.unwrap_or(last).to_owned();
    if let Some(extension) = extension
        && !wanted
            .to_ascii_lowercase()
            .ends_with(&format!(".{}", extension.to_ascii_lowercase()))
    {
        wanted = format!("{wanted}.{extension}");
    }
    if src.starts_with("data:") && name.is_none() {
        return Err((
            ".name",
            "is absent; a data: address has no name of its own".to_owned(),
        ));
    }
    FileName::new(wanted).map_err(|why| (if name.is_some() { ".name" } else { ".src" }, why))
}
