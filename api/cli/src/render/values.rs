//! `--values` and `--nexrender`: the document is checked here, and the files that it names are found beside it and sent.

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use flatrender_aep::Project;
use flatrender_protocol::rest::{MediaSpec, ValuesForm, ValuesSpec};
use flatrender_protocol::values::{
    LARGEST_DOCUMENT_BYTES, Manifest, ManifestComp, ManifestLayer, Values, ValuesError, Wrong,
    nexrender,
};

use super::check::folder;
use super::upload;
use crate::args::Render;
use crate::client::Client;
use crate::failure::{Exit, Failure, last_cause};
use crate::output::Screen;

/// `NAME=FILE`: where a file that values name is on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Medium {
    /// As the document has it.
    pub name: String,
    /// Where it is.
    pub file: PathBuf,
}

impl FromStr for Medium {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, file)) if !name.is_empty() && !file.is_empty() => Ok(Self {
                name: name.to_owned(),
                file: file.into(),
            }),
            _ => Err("write NAME=FILE: the name in the document, and the file".to_owned()),
        }
    }
}

/// A document that was read and found good.
pub(super) struct Document {
    file: PathBuf,
    form: ValuesForm,
    /// Names, and where the files are.
    media: Vec<Medium>,
}

/// Reads what `--values` or `--nexrender` names.
pub(super) fn read(
    args: &Render,
    project: &Project,
    did: &str,
) -> Result<Option<Document>, Failure> {
    let (file, form) = match (&args.values, &args.nexrender) {
        (Some(file), _) => (file, ValuesForm::Flatrender),
        (None, Some(file)) => (file, ValuesForm::Nexrender),
        (None, None) if args.media.is_empty() => return Ok(None),
        (None, None) => {
            let why = "--media names files of values, and there are none";
            return Err(
                Failure::new(Exit::Usage, did, why).hint("give --values FILE, or --nexrender FILE")
            );
        }
    };
    let unread = |why: String| {
        let why = format!("{}: {why}", file.display());
        Failure::input(did, "/values", "unreadable", why)
    };
    let about = fs::metadata(file).map_err(|error| unread(last_cause(&error)))?;
    if about.len() > LARGEST_DOCUMENT_BYTES as u64 {
        return Err(unread(format!(
            "it has {} bytes, at most {LARGEST_DOCUMENT_BYTES} are taken",
            about.len()
        )));
    }
    let json = fs::read(file).map_err(|error| unread(last_cause(&error)))?;
    let beside = folder(file);
    let media = match form {
        ValuesForm::Flatrender => own(&json, beside, did)?,
        ValuesForm::Nexrender => foreign(&json, beside, project, &args.media, did)?,
    };
    let given = |name: &str| args.media.iter().find(|medium| medium.name == name);
    let media = media
        .into_iter()
        .map(|medium| given(&medium.name).cloned().unwrap_or(medium))
        // What is not here may be in the package: the farm says so if it is not.
        .filter(|medium| medium.file.exists() || given(&medium.name).is_some())
        .collect();
    Ok(Some(Document {
        file: file.clone(),
        form,
        media,
    }))
}

fn own(json: &[u8], beside: &Path, did: &str) -> Result<Vec<Medium>, Failure> {
    let values = Values::from_json(json).map_err(|error| match error {
        ValuesError::Wrong(wrong) => all_wrong(&wrong, did),
        ValuesError::Shape(_) | ValuesError::TooLarge { .. } => {
            Failure::input(did, "/values", "malformed", error)
        }
    })?;
    let medium = |name: &str| Medium {
        name: name.to_owned(),
        file: beside.join(name),
    };
    Ok(values
        .files()
        .into_iter()
        .map(|name| medium(name.as_str()))
        .collect())
}

fn foreign(
    json: &[u8],
    beside: &Path,
    project: &Project,
    given: &[Medium],
    did: &str,
) -> Result<Vec<Medium>, Failure> {
    let malformed = |error: serde_json::Error| {
        let why = format!("these are no assets of a nexrender job: {error}");
        Failure::input(did, "/values", "malformed", why)
    };
    let mut json: serde_json::Value = serde_json::from_slice(json).map_err(malformed)?;
    if let Some(assets) = json.get_mut("assets") {
        json = assets.take();
    }
    let assets: Vec<nexrender::Asset> = serde_json::from_value(json).map_err(malformed)?;
    let mapped = nexrender::map(&assets, &manifest(project), nexrender::May::default())
        .map_err(|wrong| all_wrong(&wrong, did))?;
    let mut media = Vec::new();
    for fetch in mapped.files {
        let name = fetch.file.as_str().to_owned();
        let local = fetch.src.strip_prefix("file://").unwrap_or(&fetch.src);
        if local.contains("://") && !given.iter().any(|medium| medium.name == name) {
            let why = format!("{} is not on this machine", fetch.src);
            return Err(Failure::input(did, "/values", "not_here", why)
                .hint(format!("fetch it, and give --media {name}=FILE")));
        }
        media.push(Medium {
            name,
            file: beside.join(local),
        });
    }
    Ok(media)
}

fn all_wrong(wrong: &[Wrong], did: &str) -> Failure {
    let why = match wrong {
        [one] => one.to_string(),
        several => format!("{} fields of the values are wrong", several.len()),
    };
    let mut failure = Failure::new(Exit::Refused, did, why);
    for one in wrong {
        failure = failure.also(
            &format!("/values/{}", one.field),
            "invalid",
            one.to_string(),
        );
    }
    failure
}

fn manifest(project: &Project) -> Manifest {
    let comps = project.comps.iter().map(|comp| ManifestComp {
        id: comp.id,
        name: comp.name.clone(),
        layers: comp
            .layers
            .iter()
            .map(|layer| ManifestLayer {
                id: layer.id,
                name: layer.name.clone(),
                source: layer.source_id,
            })
            .collect(),
    });
    Manifest {
        comps: comps.collect(),
    }
}

impl Document {
    /// Brings the document and its files to the farm.
    pub(super) async fn send(
        self,
        allow_missing: bool,
        client: &Client,
        screen: &Screen,
        did: &str,
    ) -> Result<ValuesSpec, Failure> {
        let file = upload(&self.file, "/values/file", client, screen, did).await?;
        let mut media = Vec::new();
        for Medium { name, file } in self.media {
            let pointer = format!("/values/media/{}", media.len());
            let sent = upload(&file, &pointer, client, screen, did).await?;
            media.push(MediaSpec {
                name,
                digest: sent.digest,
            });
        }
        Ok(ValuesSpec {
            document: None,
            file: Some(file),
            form: self.form,
            media,
            allow_missing,
        })
    }
}
