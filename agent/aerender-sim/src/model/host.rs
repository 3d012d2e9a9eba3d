//! Answers for: what the model asks of the machine: files below one folder, projects, notes. Must not: let a script out of that
//! folder, or turn text into code.

use std::cell::{Cell, RefCell};
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

use boa_engine::context::HostHooks;
use boa_engine::object::ObjectInitializer;
use boa_engine::realm::Realm;
use boa_engine::{
    Context, JsArgs, JsNativeError, JsObject, JsResult, JsString, JsValue, NativeFunction,
    js_string,
};

use super::{Note, Projects};

/// Largest file that a script reads, in bytes.
const LARGEST_FILE_BYTES: u64 = 64 << 20;
/// Most notes that are kept.
const MOST_NOTES: usize = 1_000;

/// Counts and refuses what would turn text into code, once the model is in place.
#[derive(Debug, Default)]
pub(super) struct Compiled {
    refused: Cell<bool>,
    count: Cell<u32>,
}

impl Compiled {
    pub(super) fn refuse(&self) {
        self.refused.set(true);
    }

    pub(super) fn count(&self) -> u32 {
        self.count.get()
    }
}

impl HostHooks for Compiled {
    fn ensure_can_compile_strings(
        &self,
        _realm: Realm,
        _parameters: &[JsString],
        _body: &JsString,
        _direct: bool,
        _context: &mut Context,
    ) -> JsResult<()> {
        if !self.refused.get() {
            return Ok(());
        }
        self.count.set(self.count.get().saturating_add(1));
        Err(failed("text does not become code here"))
    }
}

/// What a run has done so far.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) notes: Vec<Note>,
    pub(super) console: Vec<String>,
}

/// The machine as the model sees it.
pub(super) struct Host {
    root: PathBuf,
    projects: Rc<RefCell<dyn Projects>>,
    pub(super) seen: RefCell<Seen>,
}

impl Host {
    pub(super) fn new<P: Projects + 'static>(root: &Path, projects: Rc<RefCell<P>>) -> Rc<Self> {
        Rc::new(Self {
            root: root.to_owned(),
            projects,
            seen: RefCell::default(),
        })
    }

    fn note(&self, kind: &str, what: &str) {
        let notes = &mut self.seen.borrow_mut().notes;
        if notes.len() < MOST_NOTES {
            notes.push(Note {
                kind: kind.to_owned(),
                what: what.to_owned(),
            });
        }
    }

    /// The path, if it lies below the root; else a note.
    fn inside(&self, path: &str) -> Option<PathBuf> {
        let wanted = Path::new(path);
        let plain = wanted
            .components()
            .all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
        // a link would lead elsewhere: the folder must really be below the root
        let folder = wanted
            .parent()
            .and_then(|folder| folder.canonicalize().ok());
        let below = folder.is_none_or(|folder| {
            self.root
                .canonicalize()
                .is_ok_and(|root| folder.starts_with(root))
        });
        if plain && wanted.is_absolute() && wanted.starts_with(&self.root) && below {
            return Some(wanted.to_owned());
        }
        self.note("outside", path);
        None
    }

    fn read(&self, path: &str) -> Option<String> {
        let path = self.inside(path)?;
        let length = std::fs::metadata(&path).ok()?.len();
        if length > LARGEST_FILE_BYTES {
            return None;
        }
        let bytes = std::fs::read(path).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }
}

fn failed(message: impl Into<std::borrow::Cow<'static, str>>) -> boa_engine::JsError {
    JsNativeError::error().with_message(message).into()
}

fn host(context: &Context) -> JsResult<Rc<Host>> {
    context
        .get_data::<Rc<Host>>()
        .cloned()
        .ok_or_else(|| failed("the model has no host"))
}

fn text(given: &[JsValue], at: usize) -> JsResult<String> {
    given
        .get_or_undefined(at)
        .as_string()
        .map(|text| text.to_std_string_lossy())
        .ok_or_else(|| failed("the model gave no text"))
}

fn js(text: &str) -> JsValue {
    JsString::from(text).into()
}

/// The functions that the model gets as `host`.
pub(super) fn natives(context: &mut Context) -> JsObject {
    let functions: [(&str, boa_engine::native_function::NativeFunctionPointer); 11] = [
        ("note", note),
        ("log", log),
        ("exists", exists),
        ("writable", writable),
        ("read", read),
        ("write", write),
        ("remove", remove),
        ("rename", rename),
        ("load", load),
        ("save", save),
        ("probe", probe),
    ];
    let mut object = ObjectInitializer::new(context);
    for (name, function) in functions {
        object.function(
            NativeFunction::from_fn_ptr(function),
            JsString::from(name),
            2,
        );
    }
    object.build()
}

fn note(_: &JsValue, given: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    host(context)?.note(&text(given, 0)?, &text(given, 1)?);
    Ok(JsValue::undefined())
}

fn log(_: &JsValue, given: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let line = text(given, 0)?;
    host(context)?.seen.borrow_mut().console.push(line);
    Ok(JsValue::undefined())
}

fn exists(_: &JsValue, given: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let path = host(context)?.inside(&text(given, 0)?);
    Ok(path.is_some_and(|path| path.exists()).into())
}

fn writable(_: &JsValue, given: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let path = host(context)?.inside(&text(given, 0)?);
    let folder = path.as_deref().and_then(Path::parent);
    Ok(folder.is_some_and(Path::is_dir).into())
}

fn read(_: &JsValue, given: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let found = host(context)?.read(&text(given, 0)?);
    Ok(found.map_or_else(JsValue::null, |text| js(&text)))
}

fn write(_: &JsValue, given: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let path = host(context)?.inside(&text(given, 0)?);
    let content = text(given, 1)?;
    Ok(path
        .is_some_and(|path| std::fs::write(path, content).is_ok())
        .into())
}

fn remove(_: &JsValue, given: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let path = host(context)?.inside(&text(given, 0)?);
    Ok(path
        .is_some_and(|path| std::fs::remove_file(path).is_ok())
        .into())
}

fn rename(_: &JsValue, given: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let host = host(context)?;
    let (from, to) = (host.inside(&text(given, 0)?), host.inside(&text(given, 1)?));
    let done = from
        .zip(to)
        .is_some_and(|(from, to)| !to.exists() && std::fs::rename(from, to).is_ok());
    Ok(done.into())
}

fn load(_: &JsValue, given: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let host = host(context)?;
    let path = host
        .inside(&text(given, 0)?)
        .ok_or_else(|| failed("the project is outside"))?;
    let state = host.projects.borrow_mut().load(&path).map_err(failed)?;
    Ok(js(&state))
}

fn save(_: &JsValue, given: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let host = host(context)?;
    let path = host
        .inside(&text(given, 0)?)
        .ok_or_else(|| failed("the place to save to is outside"))?;
    let state = text(given, 1)?;
    host.projects
        .borrow_mut()
        .save(&path, &state)
        .map_err(failed)?;
    Ok(js_string!("saved").into())
}

fn probe(_: &JsValue, given: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let host = host(context)?;
    let found = match host.inside(&text(given, 0)?) {
        Some(path) => host.projects.borrow_mut().probe(&path),
        None => "null".to_owned(),
    };
    Ok(js(&found))
}
