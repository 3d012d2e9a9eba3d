//! Answers for: the stand-in's AfterFX: `AfterFX.com -m -noui -r script.jsx` runs the real script against the model, on a real project
//! file, and saves a project that really differs. Must not: do what the script should have done.
//!
//! What the stand-in's project files hold: texts with font, size, fill, direction; numbers, colours and points without key frames; eye,
//! speaker and lock; names, times, sources and duplicates of layers; length and work area of compositions; new footage. Media
//! replacements of Essential Graphics they don't: the control says that it takes none. Expressions are never evaluated, so that none
//! fails. Only binary projects are prepared.

pub mod cos;
pub(crate) mod load;
mod save;
pub mod state;
mod text;
pub mod tree;

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::model::{self, Projects, Settings};
use state::State;
use tree::Tree;

/// The flag that names a script.
const RUN: &str = "-r";
/// Exit code when there is nothing to run, or the script never ends the program.
const UNUSABLE: u8 = 1;

/// Whether a program with this name, given these words, is AfterFX: by its name, or because it begins with AfterFX's own flags
/// and names a script.
#[must_use]
pub fn is_meant(program: &str, words: &[String]) -> bool {
    let stem = Path::new(program)
        .file_stem()
        .map(|stem| stem.to_string_lossy().to_ascii_lowercase());
    let begins = words
        .first()
        .is_some_and(|word| matches!(word.as_str(), "-m" | "-noui"));
    stem.as_deref() == Some("afterfx") || (begins && words.iter().any(|word| word == RUN))
}

/// Runs AfterFX with these words; the exit code is the script's.
#[must_use]
#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it is a program's console"
)]
pub fn run(words: &[String]) -> u8 {
    let script = match script(words) {
        Ok(script) => script,
        Err(why) => {
            eprintln!("AfterFX stand-in: {why}");
            return UNUSABLE;
        }
    };
    let root = script.ancestors().last().unwrap_or(&script).to_owned();
    let files = Rc::new(RefCell::new(Files::default()));
    let ran = match model::run(&script, &root, &Settings::default(), files) {
        Ok(ran) => ran,
        Err(error) => {
            eprintln!("AfterFX stand-in: {error}");
            return UNUSABLE;
        }
    };
    for line in &ran.console {
        println!("{line}");
    }
    for note in &ran.notes {
        eprintln!(
            "AfterFX stand-in: the script met something {}: {}",
            note.kind, note.what
        );
    }
    if let Some(thrown) = &ran.thrown {
        eprintln!("AfterFX stand-in: the script threw {thrown}");
    }
    if !ran.exits {
        // the real one would stay, with its window open
        eprintln!("AfterFX stand-in: the script did not set app.exitAfterLaunchAndEval");
        return UNUSABLE;
    }
    ran.exit_code
}

/// The script of a command line.
fn script(words: &[String]) -> Result<PathBuf, String> {
    let mut script = None;
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        match word.as_str() {
            "-m" | "-noui" => {}
            RUN => script = Some(rest.next().ok_or("no file given after -r")?),
            other => {
                return Err(format!(
                    "{other} is not supported here; -m, -noui and -r FILE are"
                ));
            }
        }
    }
    let script = script.ok_or("no script given: -r FILE")?;
    std::path::absolute(script).map_err(|error| format!("{script}: {error}"))
}

/// Projects on disk.
#[derive(Default)]
pub struct Files {
    open: Option<Open>,
}

struct Open {
    tree: Tree,
    state: State,
}

impl Projects for Files {
    fn load(&mut self, path: &Path) -> Result<String, String> {
        let damaged = |why: String| format!("file is damaged. ({why})");
        let bytes = std::fs::read(path).map_err(|error| damaged(error.to_string()))?;
        let project = flatrender_aep::parse(&bytes).map_err(|error| damaged(error.to_string()))?;
        if project.damaged {
            // what was not read whole would not be saved whole
            return Err(damaged(project.warnings.join("; ")));
        }
        let tree = Tree::parse(&bytes).map_err(|error| damaged(error.to_string()))?;
        let state = load::state(&tree, &project, path);
        let json = serde_json::to_string(&state).map_err(|error| error.to_string())?;
        self.open = Some(Open { tree, state });
        Ok(json)
    }

    fn save(&mut self, path: &Path, state: &str) -> Result<(), String> {
        let open = self.open.as_ref().ok_or("no project is open")?;
        let state: State = serde_json::from_str(state)
            .map_err(|error| format!("the project can't hold it: {error}"))?;
        let mut tree = open.tree.clone();
        save::save(&mut tree, &open.state, &state, path).map_err(|error| error.to_string())?;
        // under another name first, as After Effects does
        let part = path.with_extension("part");
        std::fs::write(&part, tree.to_bytes()).map_err(|error| error.to_string())?;
        std::fs::rename(&part, path).map_err(|error| error.to_string())
    }

    fn probe(&mut self, path: &Path) -> String {
        let extension = path
            .extension()
            .map(|extension| extension.to_string_lossy().to_ascii_lowercase());
        let Some(extension) = extension.filter(|_| path.is_file()) else {
            return "null".to_owned();
        };
        let still = load::STILLS.contains(&extension.as_str());
        let film = ["mov", "mp4", "m4v", "avi", "mxf", "mpg", "webm"].contains(&extension.as_str());
        let sound = ["wav", "mp3", "aif", "aiff", "m4a", "aac"].contains(&extension.as_str());
        if !still && !film && !sound {
            return "null".to_owned();
        }
        // The stand-in decodes nothing. PNG says its size in its head; for others, and for lengths, it makes one up.
        let (width, height) = png_size(path).unwrap_or((0, 0));
        let (width, height) = if film || (still && width == 0) {
            (1920, 1080)
        } else {
            (width, height)
        };
        let duration = if still { 0.0 } else { 10.0 };
        serde_json::json!({
            "still": still, "video": still || film, "audio": film || sound, "width": width, "height": height, "duration": duration,
        })
        .to_string()
    }
}

/// Width and height of a PNG.
fn png_size(path: &Path) -> Option<(u32, u32)> {
    use std::io::Read;
    let mut head = [0u8; 24];
    std::fs::File::open(path).ok()?.read_exact(&mut head).ok()?;
    let png = head.starts_with(b"\x89PNG\r\n\x1a\n") && &head[12..16] == b"IHDR";
    png.then(|| {
        (
            load::u32_at(&head, 16).unwrap_or(0),
            load::u32_at(&head, 20).unwrap_or(0),
        )
    })
}
