//! Answers for: the second process, After Effects: one render from its start, with or without the crash dialog, to its exit code.
//! Must not: print by itself; `voice` does.

use crate::arguments::{self, Arguments};
use crate::doubts;
use crate::ending::{Class, Ended, Failure};
use crate::faults::{self, Faults};
use crate::home::{Home, Session};
use crate::item::Asked;
use crate::output::Sequence;
use crate::project;
use crate::queue;
use crate::settings::Settings;
use crate::speech::Words;
use crate::timecode::date;
use crate::voice::Voice;
use std::fs::File;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// How often a process behind the crash dialog looks whether the mark is gone.
const DIALOG_GLANCE: Duration = Duration::from_millis(50);

/// Runs After Effects for the launcher at `address` and returns its exit code.
#[must_use]
pub fn run(address: &str, words: &[String]) -> u8 {
    let Ok(settings) = Settings::from_environment() else {
        return Class::Application.exit_code(false); // the launcher has said why
    };
    let (arguments, mistake) = arguments::parse(words);
    let sequence = arguments.output.as_deref().map(Sequence::parse);
    let stem = match &sequence {
        Some(Ok(sequence)) => sequence.stem().to_owned(),
        Some(Err(_)) | None => String::new(),
    };
    let home = settings
        .home
        .as_deref()
        .and_then(|folder| Home::new(folder).ok());
    let session = home.as_ref().and_then(pass_the_dialog);
    let mut faults = Faults::new(&settings, home, &stem);
    let launched = faults.launch();
    thread::sleep(Duration::from_millis(settings.startup_ms));
    let Ok(mut voice) = Voice::connect(address, faults.stubborn()) else {
        leave(session);
        return Class::Socket.exit_code(false);
    };
    if settings.code_page {
        voice.use_code_page();
    }
    let work = Work {
        settings: &settings,
        faults: &faults,
        arguments: &arguments,
        since: Instant::now(),
    };
    let ended = launched
        .and_then(|()| work.open_log(&mut voice))
        .and_then(|()| mistake.map_or(Ok(()), |failure| Err(failure.into())))
        .and_then(|()| work.render(sequence, &mut voice));
    let code = last_words(ended, &work, &mut voice);
    leave(session);
    voice.exit(code);
    if faults.stubborn() {
        faults::hang();
    }
    code
}

/// Waits, silently, for as long as the crash dialog is in the way.
fn pass_the_dialog(home: &Home) -> Option<Session> {
    let since = Instant::now();
    while since.elapsed() < faults::LONGEST_HANG {
        match home.enter() {
            Ok(Some(session)) => return Some(session),
            Ok(None) => thread::sleep(DIALOG_GLANCE),
            Err(_) => return None, // no preferences, no dialog
        }
    }
    std::process::exit(1)
}

fn leave(session: Option<Session>) {
    if let Some(session) = session {
        // If the mark can't be taken away the next start shows the dialog, as it does for After Effects.
        let _ = session.leave();
    }
}

/// Says what is to be said at the end; the exit code.
fn last_words(ended: Result<(), Ended>, work: &Work<'_>, voice: &mut Voice) -> u8 {
    let with_log = voice.has_log();
    match ended {
        Ok(()) => 0,
        Err(Ended::Failed(failure)) => {
            // If the launcher is gone nobody hears it.
            let _ = voice.say(&failure.text);
            failure.class.exit_code(with_log)
        }
        Err(Ended::LauncherGone) => Class::Application.exit_code(with_log),
        Err(Ended::Early) => {
            let name = work.arguments.comp.as_deref().unwrap_or_default();
            let total = work.words().total(work.since.elapsed().as_secs());
            // If the launcher is gone nobody hears it.
            let _ = work
                .finished(name, voice)
                .and_then(|()| voice.queue(&total));
            0
        }
    }
}

/// One run.
pub(crate) struct Work<'a> {
    pub settings: &'a Settings,
    pub faults: &'a Faults,
    pub arguments: &'a Arguments,
    since: Instant,
}

impl Work<'_> {
    fn open_log(&self, voice: &mut Voice) -> Result<(), Ended> {
        voice.set_verbosity(self.arguments.verbosity);
        let Some(path) = &self.arguments.log else {
            return Ok(());
        };
        let folder = match path.parent() {
            Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
            Some(folder) => folder,
            None => path,
        };
        let failure = |text: &str| Failure::not_found(&format!("{text}{}", folder.display()));
        if !folder.exists() {
            return Err(failure("Directory specified for log file does not exist: ").into());
        }
        if !folder.is_dir() {
            return Err(
                failure("Directory specified for log file is a file, not a directory: ").into(),
            );
        }
        let text = "Can not open log file. Try checking write protection of directory: ";
        voice.log_to(File::create(path).map_err(|_| failure(text))?);
        Ok(())
    }

    fn render(
        &self,
        sequence: Option<Result<Sequence, Failure>>,
        voice: &mut Voice,
    ) -> Result<(), Ended> {
        let (project, path) = project::open(self.arguments, voice)?;
        let whole_queue = self.arguments.comp.is_none() && self.arguments.queue_index.is_none();
        if whole_queue {
            self.say_what_is_ignored(voice)?;
        }
        let lacks = doubts::lacks(&self.faults.of_project()?);
        for line in doubts::lines(lacks) {
            voice.optional(line)?;
        }
        let items = queue::items(self.settings, &project);
        let wanted = queue::wanted(self.arguments, &items, &project)?;
        for _ in 0..wanted.skipped {
            voice.optional(
                "INFO:Skipping render queue item with correct comp name but marked to continue from a partly complete render.",
            )?;
        }
        if wanted.added {
            voice.optional("PROGRESS: Adding specified comp to Render Queue")?;
        }
        let folder = path.parent().unwrap_or(Path::new("."));
        let ignored;
        let (arguments, sequence) = if whole_queue {
            ignored = Arguments {
                project: self.arguments.project.clone(),
                continue_on_missing_footage: self.arguments.continue_on_missing_footage,
                ..Arguments::default()
            };
            (&ignored, None)
        } else {
            (self.arguments, sequence.transpose()?)
        };
        for item in &wanted.items {
            let asked = Asked {
                project: &project,
                folder,
                arguments,
                sequence: sequence.clone(),
                lacks,
            };
            self.render_item(item, &asked, voice)?;
        }
        voice.queue("")?;
        let total = self.since.elapsed().as_secs();
        voice.queue(&self.words().total(total))
    }

    pub(crate) fn words(&self) -> Words {
        self.settings.language.words()
    }

    /// Without a composition or an index the whole queue is rendered as it is.
    fn say_what_is_ignored(&self, voice: &mut Voice) -> Result<(), Ended> {
        let given = self.arguments;
        for (settings, flag) in [
            (&given.render_settings, "-renderSettings"),
            (&given.output_settings, "-outputSettings"),
        ] {
            if settings.is_some() {
                let text = format!("Can't use {flag} because no render queue item was specified.");
                return Err(Failure::not_found(&text).into());
            }
        }
        for (ignored, flag) in [
            (given.settings_template.is_some(), "-RStemplate"),
            (given.output_template.is_some(), "-OMtemplate"),
            (given.output.is_some(), "-output"),
            (given.start.is_some(), "-s"),
            (given.end.is_some(), "-e"),
            (given.increment.is_some(), "-i"),
        ] {
            if ignored {
                voice.optional(&format!(
                    "WARNING: {flag} argument ignored since no -comp or -rqindex provided."
                ))?;
            }
        }
        Ok(())
    }

    pub(crate) fn finished(&self, name: &str, voice: &mut Voice) -> Result<(), Ended> {
        voice.queue(&format!("{}: {}", now(), self.words().finished(name)))
    }
}

pub(crate) fn now() -> String {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    date(since.unwrap_or_default().as_secs())
}
