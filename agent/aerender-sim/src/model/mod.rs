//! Answers for: running a script of ours against a model of After Effects' objects, in a JavaScript engine. Must not: know project
//! files ([`Projects`] brings and takes their state as JSON), or judge the script.
//!
//! The model (`*.js` here) is written from the public scripting guide (docsforadobe, After Effects Scripting Guide and
//! ExtendScript's File object) and from nothing else. It has the members that the values script uses and what would be dangerous
//! in its place. A member it does not have, a wrong type, a write to what is read-only is an error **and** a [`Note`], since
//! scripts catch errors. The realm is cut down to ECMAScript 3: no JSON, no `Array.prototype.indexOf`.
//!
//! What it is not: evidence about After Effects. It says that the script follows the guide, no more.

mod host;

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use boa_engine::{Context, JsError, JsString, JsValue, Source};
use serde::{Deserialize, Serialize};

use host::{Compiled, Host};

/// The parts of the model; together they are one function body with the parameters `host` and `settings`.
const PARTS: [&str; 5] = [
    include_str!("strict.js"),
    include_str!("files.js"),
    include_str!("project.js"),
    include_str!("layers.js"),
    include_str!("globals.js"),
];

/// Most turns of one loop: a run that goes on for longer is stuck.
const MOST_TURNS: u64 = 200_000_000;
/// Deepest calls. ExtendScript's own limit is not documented.
const MOST_CALLS: usize = 400;

/// The After Effects that is played.
#[derive(Debug, Clone, Serialize)]
pub struct Settings {
    /// As `app.version`; members that came later are not there.
    pub version: String,
    /// PostScript names of the fonts that are installed; without a list, all that are asked for.
    pub fonts: Option<Vec<String>>,
    /// The font that is taken for one that is not installed.
    pub substitute_font: String,
    /// What `app.fonts.missingOrSubstitutedFonts` says.
    pub missing_fonts: Vec<String>,
    /// Expressions that fail when they are evaluated, since the model evaluates none.
    pub expression_errors: Vec<ExpressionFails>,
}

/// An expression that fails.
#[derive(Debug, Clone, Serialize)]
pub struct ExpressionFails {
    /// Its source.
    pub expression: String,
    /// After Effects' words.
    pub message: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            version: "25.0x1".to_owned(),
            fonts: None,
            substitute_font: "MyriadPro-Regular".to_owned(),
            missing_fonts: Vec::new(),
            expression_errors: Vec::new(),
        }
    }
}

/// Where projects come from and go to.
pub trait Projects {
    /// The state of the project at `path`, as JSON.
    ///
    /// # Errors
    ///
    /// What After Effects would show in a dialog.
    fn load(&mut self, path: &Path) -> Result<String, String>;

    /// Takes a state that was changed.
    ///
    /// # Errors
    ///
    /// What After Effects would show in a dialog.
    fn save(&mut self, path: &Path, state: &str) -> Result<(), String>;

    /// What a media file is, as JSON (`still`, `video`, `audio`, `width`, `height`, `duration`); `null` for what can't be imported.
    fn probe(&mut self, path: &Path) -> String;
}

/// Something that a script did and should not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// `unknown`, `read-only`, `type`, `forbidden` or `outside`.
    pub kind: String,
    /// The member or path.
    pub what: String,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// `app.exitCode`.
    pub exit_code: u8,
    /// `app.exitAfterLaunchAndEval`.
    pub exits: bool,
    /// Dialogs, undo groups or the project were left open.
    pub left_open: bool,
    /// What it did and should not have.
    pub notes: Vec<Note>,
    /// What it wrote to the console.
    pub console: Vec<String>,
    /// How often text was to become code (`eval`, `Function`): always refused.
    pub compiled: u32,
    /// The error that the script did not catch.
    pub thrown: Option<String>,
}

#[derive(Deserialize)]
struct Left {
    exit_code: u8,
    exit: bool,
    suppressed: u32,
    undo: u32,
    open: bool,
}

/// Why a script was not run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// It could not be read.
    #[error("read the script {path}")]
    Read {
        /// Where it is.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The model itself failed: a mistake of ours.
    #[error("play After Effects: {0}")]
    Model(String),
}

fn model(error: impl std::fmt::Display) -> RunError {
    RunError::Model(error.to_string())
}

/// Runs the script at `script`, which sees the files under `root` and no others.
///
/// # Errors
///
/// If the script can't be read, or the model fails. A script that fails is no error: [`Ran`] says what it threw.
pub fn run<P: Projects + 'static>(
    script: &Path,
    root: &Path,
    settings: &Settings,
    projects: Rc<RefCell<P>>,
) -> Result<Ran, RunError> {
    let text = std::fs::read(script).map_err(|source| RunError::Read {
        path: script.to_owned(),
        source,
    })?;
    let compiled = Rc::new(Compiled::default());
    let mut context = Context::builder()
        .host_hooks(Rc::clone(&compiled))
        .build()
        .map_err(model)?;
    let host = Host::new(root, projects);
    context.insert_data(Rc::clone(&host));
    let left = install(&mut context, script, settings)?;
    context
        .runtime_limits_mut()
        .set_loop_iteration_limit(MOST_TURNS);
    context.runtime_limits_mut().set_recursion_limit(MOST_CALLS);
    compiled.refuse();
    let thrown = context
        .eval(Source::from_bytes(&text))
        .err()
        .map(|error: JsError| error.to_string());
    let left = left
        .as_callable()
        .ok_or_else(|| model("its last part returns no function"))?
        .call(&JsValue::undefined(), &[], &mut context)
        .map_err(model)?;
    let left = left
        .as_string()
        .ok_or_else(|| model("its end is no text"))?;
    let left: Left = serde_json::from_str(&left.to_std_string_lossy()).map_err(model)?;
    let seen = host.seen.borrow();
    Ok(Ran {
        exit_code: left.exit_code,
        exits: left.exit,
        left_open: left.suppressed > 0 || left.undo > 0 || left.open,
        notes: seen.notes.clone(),
        console: seen.console.clone(),
        compiled: compiled.count(),
        thrown,
    })
}

/// Puts the model into the realm; what comes back tells how the run left it.
fn install(context: &mut Context, script: &Path, settings: &Settings) -> Result<JsValue, RunError> {
    let mut settings = serde_json::to_value(settings).map_err(model)?;
    settings["script"] = script.to_string_lossy().into_owned().into();
    // as an argument, not as source: nothing here is code either
    let source = format!(
        "(function (host, given) {{ const settings = JSON.parse(given); {} }})",
        PARTS.join("\n")
    );
    let function = context
        .eval(Source::from_bytes(source.as_bytes()))
        .map_err(model)?;
    let natives = host::natives(context);
    let given = JsString::from(settings.to_string().as_str());
    function
        .as_callable()
        .ok_or_else(|| model("it is no function"))?
        .call(
            &JsValue::undefined(),
            &[natives.into(), given.into()],
            context,
        )
        .map_err(model)
}
