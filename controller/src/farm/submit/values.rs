//! The values of a submission: the document is read and checked with every wrong field pointed at, the files it names are looked
//! into, and what comes of it has a name by which a project that was prepared before is found again.

use flatrender_aep::{Composition, Project};
use flatrender_package::{LINKS_FILE, kind_of};
use flatrender_protocol::message::BlobRef;
use flatrender_protocol::rest::{MediaSpec, ValuesForm, ValuesSpec};
use flatrender_protocol::values::{
    CompRef, FileName, Manifest, ManifestComp, ManifestLayer, VERSION, Values, ValuesError,
    nexrender,
};
use flatrender_protocol::{Digest, Layer};
use serde_json::Value;

use super::media::{self, Use};
use super::package::{Template, key};
use super::{Farm, SubmitError, Wrong, sound};
use crate::blobs::Area;

/// Largest document that is read.
const MAX_DOCUMENT: u64 = flatrender_protocol::values::LARGEST_DOCUMENT_BYTES as u64;
/// Most files of one job.
const MOST_MEDIA: usize = 500;
/// Where the document is in what was sent.
const DOCUMENT: &str = "/values/document";

/// Values and the files they bring.
pub(super) struct Wanted {
    pub(super) values: Values,
    media: Vec<(FileName, BlobRef)>,
}

impl Wanted {
    /// Nothing but the package's own links.
    pub(super) fn nothing() -> Self {
        Self {
            values: Values {
                version: VERSION,
                changes: Vec::new(),
                scenes: None,
            },
            media: Vec::new(),
        }
    }

    /// Names what is prepared, beside the package: composition, values, and what is in the files they bring.
    pub(super) fn hash(&self, comp: &CompRef) -> Digest {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"flatrender prepared 1\n");
        hasher.update(&comp.id.to_le_bytes());
        let mut text = |text: &str| {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        };
        text(&comp.name);
        text(&self.values.digest().to_string());
        let mut media: Vec<_> = self.media.iter().collect();
        media.sort_by(|(a, _), (b, _)| a.as_str().cmp(b.as_str()));
        for (name, blob) in media {
            text(name.as_str());
            text(&blob.digest.to_string());
        }
        hasher.finalize().into()
    }

    /// The files as layers over the package, beside its project.
    pub(super) fn layers(&self, template: &Template) -> Vec<Layer> {
        let layer = |(name, blob): &(FileName, BlobRef)| Layer::File {
            blob: blob.clone(),
            name: format!("{}{name}", template.folder()),
        };
        self.media.iter().map(layer).collect()
    }
}

/// Where a prepared project is saved: beside the template's own, under a name that only it has.
pub(super) fn prepared_name(template: &Template, hash: Digest) -> String {
    let short: String = hash.to_string().chars().take(16).collect();
    format!("{}flatrender-{short}.aep", template.folder())
}

/// A composition as values name it.
pub(super) fn comp_ref(comp: &Composition) -> CompRef {
    CompRef {
        id: comp.id,
        name: comp.name.clone(),
    }
}

/// A document as it was read: `files` are those that must be brought, whether the values use them or not.
struct Document {
    values: Values,
    files: Vec<FileName>,
}

impl Farm {
    /// Reads and checks the values of a job.
    pub(super) async fn values(
        &self,
        spec: &ValuesSpec,
        template: &Template,
        wrong: &mut Wrong,
    ) -> Result<Option<Wanted>, SubmitError> {
        let Some(json) = self.document(spec, wrong).await? else {
            return Ok(None);
        };
        let before = wrong.0.len();
        let document = match spec.form {
            ValuesForm::Flatrender => own(json, &template.project, spec.allow_missing, wrong),
            ValuesForm::Nexrender => foreign(json, &template.project, wrong),
        };
        let Some(document) = document else {
            return Ok(None);
        };
        let media = self.media(spec, &document, template, wrong).await?;
        for file in &document.files {
            let brought = spec.media.iter().any(|one| one.name == file.as_str());
            if !brought && !template.has(&format!("{}{file}", template.folder())) {
                let detail = format!(
                    "{file} is neither among the media nor in the package, beside its project; upload it and name it here"
                );
                wrong.say("/values/media", "missing", detail);
            }
        }
        let values = document.values;
        Ok((wrong.0.len() == before).then_some(Wanted { values, media }))
    }

    async fn document(
        &self,
        spec: &ValuesSpec,
        wrong: &mut Wrong,
    ) -> Result<Option<Value>, SubmitError> {
        match (&spec.document, &spec.file) {
            (Some(document), None) => Ok(Some(document.clone())),
            (None, Some(file)) => {
                let Some(bytes) = self
                    .uploaded("/values/file", file, MAX_DOCUMENT, wrong)
                    .await?
                else {
                    return Ok(None);
                };
                match serde_json::from_slice(&bytes) {
                    Ok(json) => Ok(Some(json)),
                    Err(error) => {
                        wrong.say(
                            "/values/file",
                            "malformed",
                            format!("it is no JSON: {error}"),
                        );
                        Ok(None)
                    }
                }
            }
            (Some(_), Some(_)) => {
                let detail = "document and file are both given; send one of them";
                wrong.say("/values/file", "conflict", detail);
                Ok(None)
            }
            (None, None) => {
                let detail = "there is neither a document nor a file with one";
                wrong.say("/values", "missing", detail);
                Ok(None)
            }
        }
    }

    async fn media(
        &self,
        spec: &ValuesSpec,
        document: &Document,
        template: &Template,
        wrong: &mut Wrong,
    ) -> Result<Vec<(FileName, BlobRef)>, SubmitError> {
        let mut found: Vec<(FileName, BlobRef)> = Vec::new();
        if spec.media.len() > MOST_MEDIA {
            let detail = format!("{} files; at most {MOST_MEDIA} are taken", spec.media.len());
            wrong.say("/values/media", "too_many", detail);
            return Ok(found);
        }
        for (at, one) in spec.media.iter().enumerate() {
            let pointer = format!("/values/media/{at}");
            let Some(name) = media_name(&pointer, one, document, template, &found, wrong) else {
                continue;
            };
            let used = media::use_of(&document.values, name.as_str()).unwrap_or(Use::Static);
            if let Some(blob) = self.medium(&pointer, one, used, wrong).await? {
                found.push((name, blob));
            }
        }
        Ok(found)
    }

    /// Looks into one file.
    async fn medium(
        &self,
        pointer: &str,
        one: &MediaSpec,
        used: Use,
        wrong: &mut Wrong,
    ) -> Result<Option<BlobRef>, SubmitError> {
        let Some(bytes) = self.blobs.claim(one.digest).await? else {
            wrong.not_uploaded(&format!("{pointer}/digest"), one.digest);
            return Ok(None);
        };
        let limit = used.limit_bytes();
        if bytes == 0 || bytes > limit {
            let detail = format!(
                "{:?} has {bytes} bytes; a {} has 1 to {limit}",
                one.name,
                used.name()
            );
            wrong.say(pointer, "too_large", detail);
            return Ok(None);
        }
        let blob = BlobRef {
            digest: one.digest,
            bytes,
        };
        let extension = extension_of(&one.name);
        let good = match used {
            Use::Sound => {
                let bytes = self.blobs.read(Area::Farm, one.digest, limit).await?;
                let name = one.name.clone();
                let checked = tokio::task::spawn_blocking(move || sound::check(bytes, &name)).await;
                matches!(checked, Ok(Ok(())))
            }
            Use::Picture | Use::Video | Use::Media | Use::Static => {
                let head = self.beginning(&blob, media::HEAD_BYTES).await?;
                media::fits(&head, &extension, used)
            }
        };
        if !good {
            let detail = format!(
                "{:?} is no {} that can be read; give {}",
                one.name,
                used.name(),
                used.wanted()
            );
            wrong.say(pointer, "wrong_media", detail);
            return Ok(None);
        }
        Ok(Some(blob))
    }
}

/// The name of a file, if it is one that can lie beside the project.
fn media_name(
    pointer: &str,
    one: &MediaSpec,
    document: &Document,
    template: &Template,
    before: &[(FileName, BlobRef)],
    wrong: &mut Wrong,
) -> Option<FileName> {
    let at = format!("{pointer}/name");
    let name = match FileName::new(one.name.clone()) {
        Ok(name) => name,
        Err(why) => {
            wrong.say(&at, "malformed", why);
            return None;
        }
    };
    if kind_of(&extension_of(&one.name)).is_none() {
        let detail = format!(
            "{name} is of a kind that is not sent to nodes: pictures, videos, sounds, fonts and data are; scripts and programs never"
        );
        wrong.say(&at, "bad_kind", detail);
        return None;
    }
    if !document.files.contains(&name) {
        let detail = format!("no value uses {name}; leave it out, or mend its name");
        wrong.say(&at, "unused", detail);
        return None;
    }
    let place = key(&format!("{}{name}", template.folder()));
    let taken = before
        .iter()
        .any(|(other, _)| key(&format!("{}{other}", template.folder())) == place);
    let own = [template.row.project_path.as_str(), LINKS_FILE];
    if taken || place.is_none() || own.iter().any(|own| key(own) == place) {
        let detail = format!(
            "{name} is the name of another file of the job already, or too long a path; give it another"
        );
        wrong.say(&at, "duplicate", detail);
        return None;
    }
    Some(name)
}

fn extension_of(name: &str) -> String {
    let last = name.rsplit('/').next().unwrap_or(name);
    last.rsplit_once('.')
        .map_or(String::new(), |(_, extension)| extension.to_lowercase())
}

/// A document of the farm's own form.
fn own(json: Value, project: &Project, allow_missing: bool, wrong: &mut Wrong) -> Option<Document> {
    let read = serde_json::from_value::<Values>(json).map_err(ValuesError::from);
    let values = match read.and_then(Values::checked) {
        Ok(values) => values,
        Err(ValuesError::Wrong(fields)) => {
            for field in fields {
                wrong.say(&pointer(DOCUMENT, &field.field), "invalid", field.why);
            }
            return None;
        }
        Err(error @ (ValuesError::Shape(_) | ValuesError::TooLarge { .. })) => {
            wrong.say(DOCUMENT, "malformed", error.to_string());
            return None;
        }
    };
    let mut comps = values
        .changes
        .iter()
        .enumerate()
        .map(|(at, change)| (format!("{DOCUMENT}/changes/{at}/comp"), &change.comp));
    let scenes = values.scenes.iter();
    let scenes = scenes.map(|scenes| (format!("{DOCUMENT}/scenes/comp"), &scenes.comp));
    let unknown = |comp: &CompRef| {
        !project
            .comps
            .iter()
            .any(|known| known.id == comp.id && known.name == comp.name)
    };
    if !allow_missing {
        let missing: Vec<_> = comps
            .by_ref()
            .chain(scenes)
            .filter(|(_, comp)| unknown(comp))
            .collect();
        for (pointer, comp) in missing.iter().take(20) {
            let detail = format!(
                "the project has no composition {:?} with the id {}; flatctl aep inspect shows them",
                comp.name, comp.id
            );
            wrong.say(pointer, "not_found", detail);
        }
        if !missing.is_empty() {
            return None;
        }
    }
    let files = values.files().into_iter().cloned().collect();
    Some(Document { values, files })
}

/// The assets of a nexrender job.
fn foreign(json: Value, project: &Project, wrong: &mut Wrong) -> Option<Document> {
    let (base, assets) = match json {
        Value::Object(mut job) => (
            format!("{DOCUMENT}/assets"),
            job.remove("assets").unwrap_or_default(),
        ),
        other => (DOCUMENT.to_owned(), other),
    };
    let assets: Vec<nexrender::Asset> = match serde_json::from_value(assets) {
        Ok(assets) => assets,
        Err(error) => {
            let detail = format!("these are no assets of a nexrender job: {error}");
            wrong.say(&base, "malformed", detail);
            return None;
        }
    };
    match nexrender::map(&assets, &manifest(project), nexrender::May::default()) {
        Ok(mapped) => Some(Document {
            values: mapped.values,
            files: mapped.files.into_iter().map(|fetch| fetch.file).collect(),
        }),
        Err(fields) => {
            for field in fields {
                let within = field.field.strip_prefix("assets").unwrap_or(&field.field);
                wrong.say(&pointer(&base, within), "invalid", field.why);
            }
            None
        }
    }
}

/// The compositions of a project as targets.
fn manifest(project: &Project) -> Manifest {
    let layers = |comp: &Composition| {
        let layers = comp.layers.iter();
        layers
            .map(|layer| ManifestLayer {
                id: layer.id,
                name: layer.name.clone(),
                source: layer.source_id,
            })
            .collect()
    };
    Manifest {
        comps: project
            .comps
            .iter()
            .map(|comp| ManifestComp {
                id: comp.id,
                name: comp.name.clone(),
                layers: layers(comp),
            })
            .collect(),
    }
}

/// The RFC 6901 pointer of a field such as `changes[3].set.font`.
fn pointer(base: &str, field: &str) -> String {
    let parts = field
        .split(['.', '['])
        .map(|part| part.trim_end_matches(']'));
    parts
        .filter(|part| !part.is_empty())
        .fold(base.to_owned(), |pointer, part| {
            format!("{pointer}/{}", part.replace('~', "~0").replace('/', "~1"))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_become_pointers() {
        for (field, at) in [
            ("changes[3].set.font", "/changes/3/set/font"),
            ("version", "/version"),
            ("[0].src", "/0/src"),
            ("changes[0].set.property[1]", "/changes/0/set/property/1"),
        ] {
            assert_eq!(pointer(DOCUMENT, field), format!("{DOCUMENT}{at}"));
        }
    }
}
