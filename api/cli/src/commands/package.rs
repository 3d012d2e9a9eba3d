//! `flatctl package …`: packages on this machine, made and judged without a farm.

use std::error::Error;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use flatrender_aep::{Container, MAX_PROJECT_BYTES, Project};
use flatrender_package::{Archive, Manifest, PackageError, Rules};
use serde::Serialize;

use crate::args::{Package, PackageFile, PackageMake};
use crate::collect::{self, CollectError, Collection, Missing, PackError, Packed, Picked, Wanted};
use crate::failure::{Exit, Failure, last_cause};
use crate::output::{Align, Cell, Column, Paint, Screen, Table, bytes, count, safe};
use crate::progress::Transfer;
use crate::render::check;

/// Missing files that are told with all they have; all are in the JSON.
const TOLD: usize = 20;
/// Layers that are told for one file.
const TOLD_LAYERS: usize = 3;

/// Runs the command to its end; Ctrl-C ends it with nothing left behind.
///
/// # Errors
/// What was not found, refused, or could not be read or written.
pub async fn run(command: &Package, screen: &Screen) -> Result<Exit, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let (command, screen, stopped) = (command.clone(), *screen, Arc::clone(&stop));
    let mut work = tokio::task::spawn_blocking(move || match &command {
        Package::Make(args) => make(args, &screen, &stopped),
        Package::Check(args) => check(args, &screen, &stopped),
        Package::Ls(args) => list(args, &screen, &stopped),
    });
    let ended = tokio::select! {
        ended = &mut work => ended,
        _ = tokio::signal::ctrl_c() => {
            stop.store(true, Ordering::Relaxed);
            work.await
        }
    };
    ended.expect("the work does not panic")
}

/// What `make` prints as JSON.
#[derive(Serialize)]
struct Made<'a> {
    package: &'a Path,
    packed_bytes: u64,
    manifest: &'a Manifest,
    sources: &'a [Picked],
    missing: &'a [Missing],
    missing_fonts: &'a [String],
    warnings: &'a [String],
}

fn make(args: &PackageMake, screen: &Screen, stop: &AtomicBool) -> Result<Exit, Failure> {
    let did = format!("make a package of {}", args.file.display());
    let project = check::read(&args.file, &did)?;
    bare(&project, &did)?;
    let out = match &args.out {
        Some(out) => out.clone(),
        None => args.file.with_extension("zip"),
    };
    check::writable(&out, &did)?;
    let wanted = Wanted {
        comps: args.comp.clone(),
        all: args.all,
        fonts: args.fonts.clone(),
        maps: args.map.clone(),
    };
    let collection = collect::collect(&project, &args.file, &wanted)
        .map_err(|error| not_collected(&error, &args.file, &did))?;
    for warning in project.warnings.iter().chain(&collection.warnings) {
        screen.aside("warning", warning);
    }
    for font in &collection.missing_fonts {
        screen.aside(
            "warning",
            &format!(
                "font {font} is not packed: nodes must have it; put its file into (Fonts) beside the project or name its \
                 folder with --fonts"
            ),
        );
    }
    if !collection.missing.is_empty() && !args.allow_missing {
        return Err(missing(&collection.missing, &did).hint(
            "--allow-missing packs the rest; what shows the missing files will not look right",
        ));
    }
    for one in &collection.missing {
        screen.aside("warning", &format!("left out: {}", told(one)));
    }
    let bar = Transfer::new(
        screen,
        &safe(&out.display().to_string()),
        collection.bytes().saturating_mul(2),
    );
    let mut done = 0;
    let packed = collect::pack(&collection, &out, &mut |piece| {
        done += piece;
        bar.at(done);
        !stop.load(Ordering::Relaxed)
    });
    bar.end();
    let packed = packed.map_err(|error| not_packed(&error, &did))?;
    report(&out, &collection, &packed, screen);
    Ok(Exit::Done)
}

/// A project in a zip has its footage with it already.
fn bare(project: &Project, did: &str) -> Result<(), Failure> {
    match project.container {
        Container::Rifx | Container::Xml => Ok(()),
        Container::Mogrt => Err(Failure::input(
            did,
            "/project",
            "mogrt",
            "a .mogrt can't be packed",
        )
        .hint(
            "open it in After Effects, and save it as a project with its footage (Collect Files)",
        )),
        Container::Zip => Err(
            Failure::input(did, "/project", "zip", "it is a zip already")
                .hint("flatctl package check says whether the farm would take it"),
        ),
    }
}

pub(crate) fn not_collected(error: &CollectError, file: &Path, did: &str) -> Failure {
    let why = match error.source() {
        Some(source) => format!("{error}: {}", last_cause(source)),
        None => error.to_string(),
    };
    let (pointer, hint) = match error {
        CollectError::Comp(_) => (
            "/composition",
            format!("flatctl aep inspect {} shows what there is", file.display()),
        ),
        CollectError::Project { .. } => ("/project", "may this user read it?".to_owned()),
        CollectError::Name { .. } => ("/project", "give it a name with letters in it".to_owned()),
    };
    Failure::input(did, pointer, "invalid", why).hint(hint)
}

pub(crate) fn not_packed(error: &PackError, did: &str) -> Failure {
    match error {
        PackError::Package(error) => refused(error, did),
        PackError::Write { .. } | PackError::Open { .. } => {
            let cause = error.source().map(last_cause).unwrap_or_default();
            Failure::new(Exit::Failed, did, format!("{error}: {cause}"))
        }
    }
}

/// A package that the farm would not take, or that could not be read.
pub(crate) fn refused(error: &PackageError, did: &str) -> Failure {
    let why = match error.source() {
        Some(source) => format!("{error}: {}", last_cause(source)),
        None => error.to_string(),
    };
    let failure = match error {
        PackageError::Archive { .. } | PackageError::Entry { .. } => {
            Failure::input(did, "/package", "refused", why)
        }
        PackageError::Stopped => return Failure::new(Exit::Left, did, why),
        PackageError::Read { .. }
        | PackageError::Write { .. }
        | PackageError::Target { .. }
        | PackageError::Source { .. }
        | PackageError::Pack { .. } => Failure::new(Exit::Failed, did, why),
    };
    failure.hint(error.remedy())
}

/// Everything that was not found, by name.
pub(crate) fn missing(missing: &[Missing], did: &str) -> Failure {
    let why = match missing {
        [one] => format!("1 file of its footage is missing: {}", told(one)),
        several => format!("{} files of its footage are missing", several.len()),
    };
    let mut failure = Failure::new(Exit::Refused, did, why);
    for one in missing {
        let pointer = format!("/footage/{}", one.id);
        failure = failure.also(&pointer, "missing_footage", told(one));
    }
    let mut remedies: Vec<&str> = missing.iter().map(|one| one.remedy.as_str()).collect();
    remedies.sort_unstable();
    remedies.dedup();
    for remedy in remedies.into_iter().take(TOLD) {
        failure = failure.hint(remedy);
    }
    failure
}

/// One file: what, where it was, who shows it, what is wrong.
fn told(one: &Missing) -> String {
    let shown = match one.layers.len() {
        0 => "shown by no composition".to_owned(),
        many if many > TOLD_LAYERS => format!(
            "shown by {} and {} more",
            one.layers[..TOLD_LAYERS].join(", "),
            many - TOLD_LAYERS
        ),
        _ => format!("shown by {}", one.layers.join(", ")),
    };
    format!(
        "{}, at {} in the project, {shown}: {}",
        one.name, one.path, one.why
    )
}

fn report(out: &Path, collection: &Collection, packed: &Packed, screen: &Screen) {
    let manifest = &packed.manifest;
    if screen.json {
        screen.document(&Made {
            package: out,
            packed_bytes: packed.bytes,
            manifest,
            sources: &collection.files,
            missing: &collection.missing,
            missing_fonts: &collection.missing_fonts,
            warnings: &collection.warnings,
        });
        return;
    }
    screen.data(&format!(
        "{}  {}",
        safe(&out.display().to_string()),
        manifest.digest
    ));
    for file in &collection.files {
        screen.data(&format!(
            "  {} from {}",
            safe(file.file.as_str()),
            safe(&file.from.display().to_string())
        ));
    }
    screen.say(&format!(
        "{}, {}, packed to {}",
        files(manifest.totals.files),
        bytes(manifest.totals.bytes),
        bytes(packed.bytes)
    ));
}

fn files(number: usize) -> String {
    match number {
        1 => "1 file".to_owned(),
        many => format!("{} files", count(many as u64)),
    }
}

/// What is known of a package after all of it was read.
struct Judged {
    manifest: Manifest,
    project: Project,
    /// Files of systems that do not count.
    ignored: usize,
    warnings: Vec<String>,
}

fn judge(
    args: &PackageFile,
    did: &str,
    screen: &Screen,
    stop: &AtomicBool,
) -> Result<Judged, Failure> {
    let file = File::open(&args.file).map_err(|error| {
        Failure::new(
            Exit::Refused,
            did,
            format!("read {}: {}", args.file.display(), last_cause(&error)),
        )
    })?;
    let rules = Rules {
        project: args.project.clone(),
        ..Rules::default()
    };
    let wrong = |error: PackageError| refused(&error, did);
    let mut archive = Archive::open(BufReader::new(file), &rules).map_err(wrong)?;
    let bar = Transfer::new(
        screen,
        &safe(&args.file.display().to_string()),
        archive.bytes(),
    );
    let checked = archive.check(&mut |done| {
        bar.at(done);
        !stop.load(Ordering::Relaxed)
    });
    bar.end();
    let manifest = checked.map_err(wrong)?;
    let name = manifest.project.as_str();
    let content = archive.read_file(name, MAX_PROJECT_BYTES).map_err(wrong)?;
    let project = flatrender_aep::parse(&content).map_err(|error| {
        Failure::input(did, "/project", "unreadable", format!("{name}: {error}"))
            .hint("save the project again in After Effects, and pack that")
    })?;
    let warnings = not_in_it(&project, &manifest);
    Ok(Judged {
        ignored: archive.ignored().len(),
        manifest,
        project,
        warnings,
    })
}

/// Footage of any composition that no link and no name leads to.
fn not_in_it(project: &Project, manifest: &Manifest) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut seen = Vec::new();
    for used in project
        .comps
        .iter()
        .flat_map(|comp| project.missing_footage(comp))
    {
        let linked = manifest.links.iter().any(|link| link.path == used.path);
        let named = manifest.files.iter().any(|file| {
            let name = file.name.as_str();
            let mut parts = name.rsplit('/');
            let at_end = parts.next() == Some(used.file.file_name());
            at_end || used.file.is_folder && parts.any(|part| part == used.file.file_name())
        });
        if !linked && !named && !seen.contains(&used.id) {
            seen.push(used.id);
            warnings.push(format!(
                "{}, shown by {}, is not in the package: {}",
                used.name,
                used.layers.first().map_or("a layer", String::as_str),
                used.path
            ));
        }
    }
    warnings
}

/// What `check` prints as JSON.
#[derive(Serialize)]
struct Checked<'a> {
    manifest: &'a Manifest,
    compositions: Vec<&'a str>,
    ignored: usize,
    warnings: &'a [String],
}

fn check(args: &PackageFile, screen: &Screen, stop: &AtomicBool) -> Result<Exit, Failure> {
    let did = format!("check {}", args.file.display());
    let judged = judge(args, &did, screen, stop)?;
    let manifest = &judged.manifest;
    if screen.json {
        screen.document(&Checked {
            manifest,
            compositions: judged
                .project
                .comps
                .iter()
                .map(|comp| comp.name.as_str())
                .collect(),
            ignored: judged.ignored,
            warnings: &judged.warnings,
        });
        return Ok(Exit::Done);
    }
    screen.data(&format!(
        "{}  {}",
        safe(&shown_name(&args.file)),
        manifest.digest
    ));
    screen.data(&format!(
        "  project {}, saved by After Effects {}, {}",
        safe(manifest.project.as_str()),
        safe(&judged.project.ae_version.to_string()),
        match judged.project.comps.len() {
            1 => "1 composition".to_owned(),
            many => format!("{} compositions", count(many as u64)),
        }
    ));
    screen.data(&format!(
        "  {}, {}",
        files(manifest.totals.files),
        bytes(manifest.totals.bytes)
    ));
    for font in &manifest.fonts {
        screen.data(&format!(
            "  font {} in {}",
            safe(&font.postscript_name),
            safe(font.file.as_str())
        ));
    }
    for link in &manifest.links {
        screen.data(&format!("  {} is {}", safe(&link.path), safe(&link.file)));
    }
    if judged.ignored > 0 {
        screen.say(&format!(
            "{} of macOS or Windows left out",
            files(judged.ignored)
        ));
    }
    for warning in judged.project.warnings.iter().chain(&judged.warnings) {
        screen.aside("warning", warning);
    }
    Ok(Exit::Done)
}

fn shown_name(file: &Path) -> String {
    let name = file.file_name().map(PathBuf::from);
    name.unwrap_or_default().display().to_string()
}

fn list(args: &PackageFile, screen: &Screen, stop: &AtomicBool) -> Result<Exit, Failure> {
    let did = format!("list {}", args.file.display());
    let judged = judge(args, &did, screen, stop)?;
    if screen.json {
        screen.document(&judged.manifest);
        return Ok(Exit::Done);
    }
    let column = |title, align, rank| Column { title, align, rank };
    let mut table = Table::new(&[
        column("NAME", Align::Left, 0),
        column("KIND", Align::Left, 1),
        column("SIZE", Align::Right, 1),
        column("DIGEST", Align::Left, 2),
    ]);
    for file in &judged.manifest.files {
        let kind = serde_json::to_value(file.kind).expect("a kind is a word");
        let digest = file.digest.to_string();
        table.push(vec![
            Cell::painted(Paint::Plain, safe(file.name.as_str())),
            Cell::painted(Paint::Plain, kind.as_str().unwrap_or_default()),
            Cell::painted(Paint::Plain, bytes(file.bytes)),
            Cell::painted(Paint::Dim, &digest[..16]),
        ]);
    }
    let totals = judged.manifest.totals;
    screen.table(
        &table,
        &format!("{}, {}", files(totals.files), bytes(totals.bytes)),
    );
    Ok(Exit::Done)
}
