//! What `flatctl render` sends: the project as it is, the package as it is, or a package made of the project and the files that
//! its composition shows.

use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use flatrender_aep::{Container, MAX_PROJECT_BYTES, Project};
use flatrender_package::{Archive, PackageError, Rules};
use tempfile::TempDir;

use super::check;
use crate::args::Render;
use crate::collect::{self, Wanted};
use crate::commands::package::{missing, not_collected, not_packed, refused};
use crate::failure::{Exit, Failure, last_cause};
use crate::output::{Screen, bytes, count, safe};
use crate::progress::Transfer;

/// Extensions of projects in a folder.
const PROJECTS: [&str; 3] = ["aep", "aepx", "aet"];
/// Extensions of zips that After Effects itself makes: projects, not packages.
const ZIPPED_PROJECTS: [&str; 2] = ["mogrt", "aegraphic"];

/// A project on this machine.
pub(super) struct Found {
    /// The file: a project or a package.
    file: PathBuf,
    pub(super) project: Project,
    /// It is a package already.
    package: bool,
}

/// What will be sent.
pub(super) struct Ready {
    pub(super) file: PathBuf,
    /// Where a package was made; gone with this.
    _made: Option<TempDir>,
}

/// Finds and reads the project that is meant: a project file, a package, or a folder with one project in it.
pub(super) fn find(args: &Render, did: &str) -> Result<Found, Failure> {
    let file = match args.file.is_dir() {
        true => project_in(&args.file, did)?,
        false => args.file.clone(),
    };
    if is_package(&file, did)? {
        let project = packaged(&file, did)?;
        return Ok(Found {
            file,
            project,
            package: true,
        });
    }
    let project = check::read(&file, did)?;
    Ok(Found {
        file,
        project,
        package: false,
    })
}

/// The one project of a folder.
fn project_in(folder: &Path, did: &str) -> Result<PathBuf, Failure> {
    let unreadable = |error: std::io::Error| {
        let why = format!("{}: {}", folder.display(), last_cause(&error));
        Failure::input(did, "/project", "unreadable", why)
    };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_file() && PROJECTS.contains(&extension(&path).as_str()) {
            found.push(path);
        }
    }
    found.sort();
    match found.as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(Failure::input(
            did,
            "/project",
            "not_found",
            format!("{} has no project in it", folder.display()),
        )
        .hint("a folder is taken that has one .aep, .aepx or .aet at its top")),
        several => {
            let why = format!("{} has {} projects in it", folder.display(), several.len());
            let mut failure = Failure::input(did, "/project", "ambiguous", why);
            for path in several.iter().take(5) {
                failure = failure.hint(format!("flatctl render {}", path.display()));
            }
            Err(failure)
        }
    }
}

fn extension(path: &Path) -> String {
    let extension = path.extension().unwrap_or_default();
    extension.to_string_lossy().to_lowercase()
}

/// Whether a file is a zip that is not itself a project.
fn is_package(file: &Path, did: &str) -> Result<bool, Failure> {
    let mut head = [0; 4];
    let read = File::open(file).and_then(|mut file| file.read_exact(&mut head));
    match read {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(false),
        Err(error) => {
            let why = format!("{}: {}", file.display(), last_cause(&error));
            return Err(Failure::input(did, "/project", "unreadable", why));
        }
    }
    Ok(&head == b"PK\x03\x04" && !ZIPPED_PROJECTS.contains(&extension(file).as_str()))
}

/// The project of a package. The farm judges the rest of it.
fn packaged(file: &Path, did: &str) -> Result<Project, Failure> {
    let read = || -> Result<Vec<u8>, PackageError> {
        let zip = File::open(file).map_err(|source| PackageError::Read { source })?;
        let mut archive = Archive::open(BufReader::new(zip), &Rules::default())?;
        let name = archive.project().to_string();
        archive.read_file(&name, MAX_PROJECT_BYTES)
    };
    let bytes = read().map_err(|error| refused(&error, did))?;
    flatrender_aep::parse(&bytes).map_err(|error| {
        let why = format!("the project of the package: {}", last_cause(&error));
        Failure::input(did, "/project", "unreadable", why)
    })
}

/// Makes a package of a project that needs files; anything else is sent as it is.
pub(super) async fn ready(
    found: Found,
    args: &Render,
    screen: &Screen,
    did: &str,
) -> Result<Ready, Failure> {
    let comp = found.project.comp(&args.comp).ok();
    let needs = comp.is_some_and(|comp| !found.project.missing_footage(comp).is_empty());
    if found.package || !needs {
        return Ok(Ready {
            file: found.file,
            _made: None,
        });
    }
    let stop = Arc::new(AtomicBool::new(false));
    let (stopped, screen, did) = (Arc::clone(&stop), *screen, did.to_owned());
    let comp = args.comp.clone();
    let mut work = tokio::task::spawn_blocking(move || pack(&found, comp, &screen, &stopped, &did));
    let ended = tokio::select! {
        ended = &mut work => ended,
        _ = tokio::signal::ctrl_c() => {
            stop.store(true, Ordering::Relaxed);
            work.await
        }
    };
    ended.expect("the work does not panic")
}

fn pack(
    found: &Found,
    comp: String,
    screen: &Screen,
    stop: &AtomicBool,
    did: &str,
) -> Result<Ready, Failure> {
    match found.project.container {
        Container::Rifx | Container::Xml => {}
        Container::Mogrt | Container::Zip => {
            let why = "its composition shows files, and a zipped project can't be packed with them";
            return Err(Failure::input(did, "/project", "zipped", why)
                .hint("open it in After Effects, and save it as a project with its footage (Collect Files)"));
        }
    }
    let wanted = Wanted {
        comps: vec![comp],
        ..Wanted::default()
    };
    let collection = collect::collect(&found.project, &found.file, &wanted)
        .map_err(|error| not_collected(&error, &found.file, did))?;
    for warning in &collection.warnings {
        screen.aside("warning", warning);
    }
    for font in &collection.missing_fonts {
        let what = format!("font {font} is not sent: nodes must have it");
        screen.aside("warning", &what);
    }
    if !collection.missing.is_empty() {
        return Err(missing(&collection.missing, did).hint(
            "flatctl package make has --map and --allow-missing; what it makes can be rendered",
        ));
    }
    let unwritten = |error: std::io::Error| {
        let why = format!("no room to make a package: {}", last_cause(&error));
        Failure::new(Exit::Failed, did, why)
    };
    let folder = tempfile::Builder::new()
        .prefix(".flatctl-")
        .tempdir()
        .map_err(unwritten)?;
    let stem = found.file.file_stem().unwrap_or_default();
    let out = folder.path().join(stem).with_extension("zip");
    let name = safe(&out.file_name().unwrap_or_default().to_string_lossy());
    let bar = Transfer::new(screen, &name, collection.bytes().saturating_mul(2));
    let mut done = 0;
    let packed = collect::pack(&collection, &out, &mut |piece| {
        done += piece;
        bar.at(done);
        !stop.load(Ordering::Relaxed)
    });
    bar.end();
    let packed = packed.map_err(|error| not_packed(&error, did))?;
    screen.say(&format!(
        "{name}: {} files packed, {}",
        count(packed.manifest.totals.files as u64),
        bytes(packed.bytes)
    ));
    Ok(Ready {
        file: out,
        _made: Some(folder),
    })
}
